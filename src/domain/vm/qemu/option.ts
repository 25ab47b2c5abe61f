/** A text as the value of a QEMU option such as `file=`: a comma would end it, two stand for one. */
export function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
