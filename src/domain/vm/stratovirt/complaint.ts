/** What StratoVirt writes when it gives up: a line on what failed, and one on each reason behind it. */
const LINE = /^(?:Error|Caused by): (.+)$/gm;

/** Its last complaint and the reasons in one line. Undefined when it did not complain. */
export function complaintOf(output: string): string | undefined {
  const last = output.slice(Math.max(0, output.lastIndexOf('Error: ')));
  const reasons = Array.from(last.matchAll(LINE), match => match[1]?.trim().replace(/\.$/, ''));
  return reasons.length === 0 ? undefined : reasons.join(': ');
}
