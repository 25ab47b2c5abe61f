import { formatDelay } from './quality.ts';
import type { Quality, Rate } from './workload.ts';

/** Timer ticks a second by which minimega computes the burst (sysconf(_SC_CLK_TCK)). */
const TICKS = 100;
const LATENCY = '20ms';
const BITS: Readonly<Record<Rate['unit'], number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** The command that gives an interface its quality of service; given again it takes the place of itself (FW-16). */
export function shapeCommand(tap: string, qos: Quality): string[] {
  const replace = ['tc', 'qdisc', 'replace', 'root', 'dev', tap];
  if (qos.rate) return [...replace, 'tbf', ...bucket(qos.rate)];
  const delay = qos.delay === undefined ? [] : ['delay', formatDelay(qos.delay)];
  const loss = qos.loss === undefined ? [] : ['loss', `${qos.loss}%`];
  return [...replace, 'netem', ...delay, ...loss];
}

/** What a token bucket lets through in a tick must fit into it. */
function bucket({ unit, value }: Rate): string[] {
  const kilobits = (value * BITS[unit]) / TICKS / 1000;
  return ['rate', `${value}${unit}`, 'burst', `${kilobits.toFixed(3)}kbit`, 'latency', LATENCY];
}

/** The command that takes it away again. */
export function unshapeCommand(tap: string): string[] {
  return ['tc', 'qdisc', 'del', 'dev', tap, 'root'];
}
