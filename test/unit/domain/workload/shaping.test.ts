import { expect, test } from 'vitest';
import { shapeCommand, unshapeCommand } from '../../../../src/domain/workload/shaping.ts';
import type { Quality } from '../../../../src/domain/workload/workload.ts';

test.each<[Quality, string]>([
  [{ loss: 25 }, 'netem loss 25%'],
  [{ delay: 100_000 }, 'netem delay 100ms'],
  [{ delay: 1500, loss: 0.5 }, 'netem delay 1.5ms loss 0.5%'],
  [{ delay: 0, loss: 0 }, 'netem delay 0ms loss 0%'],
  [{ rate: { value: 1, unit: 'mbit' } }, 'tbf rate 1mbit burst 10.000kbit latency 20ms'],
  [{ rate: { value: 64, unit: 'kbit' } }, 'tbf rate 64kbit burst 0.640kbit latency 20ms'],
  [{ rate: { value: 10, unit: 'gbit' } }, 'tbf rate 10gbit burst 100000.000kbit latency 20ms'],
])('FW-16: %j', (qos, words) => {
  expect(shapeCommand('px0-0', qos).join(' ')).toBe(`tc qdisc replace root dev px0-0 ${words}`);
});

test('FW-16: and back', () => {
  expect(unshapeCommand('px0-0').join(' ')).toBe('tc qdisc del dev px0-0 root');
});
