import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cpuPercent,
  parseProcessStat,
  sumBlockStats,
  sumTaps,
} from '../../../../src/agent/workload/usage.ts';

const STAT =
  '25540 (qemu) :) x) S 1 25539 25539 0 -1 4194560 9031 0 12 0 314 66 0 0 20 0 4 0 1157965 1133440000 12195 18446744073709551615 1 1 0 0 0 0 0 4096 17635 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0';

describe('figures of a workload', () => {
  test('processor time and memory of a process whose name is a trap', () => {
    expect(parseProcessStat(STAT)).toEqual({ cpuSeconds: 3.8, memoryBytes: 12195 * 4096 });
    expect(parseProcessStat('')).toBeUndefined();
    fc.assert(fc.property(fc.string(), text => void parseProcessStat(text)));
  });

  test('all drives together; what is no answer counts nothing', () => {
    const drive = (rd_bytes: unknown, wr_bytes: unknown): unknown => ({
      device: 'd',
      stats: { rd_bytes, wr_bytes },
    });
    expect(sumBlockStats([drive(4096, 512), drive(1, 2), drive('x', null), null])).toEqual({
      diskReadBytes: 4097,
      diskWrittenBytes: 514,
    });
    fc.assert(
      fc.property(fc.jsonValue(), answer => {
        const { diskReadBytes, diskWrittenBytes } = sumBlockStats(answer);
        return Number.isFinite(diskReadBytes + diskWrittenBytes);
      }),
    );
  });

  test('what the node sends into a tap is what the guest receives', () => {
    const counters: Record<string, string> = { 'a/rx_bytes': '10', 'a/tx_bytes': '200', 'b/rx_bytes': '1' };
    expect(sumTaps(['a', 'b'], (tap, counter) => counters[`${tap}/${counter}`])).toEqual({
      networkReceivedBytes: 200,
      networkSentBytes: 11,
    });
    expect(sumTaps([], () => '1')).toEqual({});
  });

  test.each([
    [undefined, 1, 1000, undefined],
    [{ cpuSeconds: 1, at: 0 }, 2, 2000, 50],
    [{ cpuSeconds: 1, at: 0 }, 4, 1500, 200],
    [{ cpuSeconds: 1, at: 0 }, 1.01, 50, undefined],
    [{ cpuSeconds: 2, at: 0 }, 1, 1000, 0],
  ])('share of a processor after %o: %f s at %i ms is %s %%', (before, cpuSeconds, at, expected) => {
    expect(cpuPercent(before, { cpuSeconds, at })).toBe(expected);
  });
});
