import { expect, test } from 'vitest';
import { reportSchema } from '../../../src/api/report.ts';
import { MOST_WORKLOADS, workloadStatusSchema } from '../../../src/api/workload-status.ts';
import { statusOf } from '../../fakes/host-workloads.ts';
import { ALPHA, heartbeat } from '../../fakes/registry.ts';

const NIC = { id: 0, mac: '52:54:00:00:00:01' };
const VOLUME = { id: 0, path: '/a', ephemeral: true };
const USAGE = { cpuSeconds: 1, memoryBytes: 1 };
const END = { reason: 'QEMU died', output: '' };

/** What a node may say, and what it may not: all of it is kept, counted and printed. */
test.each<[string, object, object]>([
  ['name', { name: 'n'.repeat(256) }, { name: 'n'.repeat(257) }],
  ['uuid', { uuid: 'u'.repeat(64) }, { uuid: 'u'.repeat(65) }],
  ['since', { since: 8.64e15 }, { since: 8.65e15 }],
  ['since before the epoch', { since: 0 }, { since: -1 }],
  ['volumes', { volumes: Array(64).fill(VOLUME) }, { volumes: Array(65).fill(VOLUME) }],
  ['NICs', { nics: Array(64).fill(NIC) }, { nics: Array(65).fill(NIC) }],
  ['memory', { usage: { ...USAGE, memoryBytes: 2 ** 53 - 1 } }, { usage: { ...USAGE, memoryBytes: 1e300 } }],
  ['processor time', { usage: { ...USAGE, cpuSeconds: 1e12 } }, { usage: { ...USAGE, cpuSeconds: 1e13 } }],
  ['its share', { usage: { ...USAGE, cpuPercent: 800 } }, { usage: { ...USAGE, cpuPercent: 1e300 } }],
  [
    'last words',
    { end: { ...END, output: 'x'.repeat(4096) } },
    { end: { ...END, output: 'x'.repeat(4097) } },
  ],
  ['problem', { problem: 'x'.repeat(512) }, { problem: 'x'.repeat(513) }],
])('%s', (_, good, bad) => {
  expect(workloadStatusSchema.safeParse({ ...statusOf('web'), ...good }).success).toBe(true);
  expect(workloadStatusSchema.safeParse({ ...statusOf('web'), ...bad }).success).toBe(false);
});

test('a report has so many workloads and no more', () => {
  const withSo = (count: number) =>
    reportSchema.safeParse({ ...heartbeat(ALPHA), workloads: Array(count).fill(statusOf('web')) }).success;
  expect([withSo(MOST_WORKLOADS), withSo(MOST_WORKLOADS + 1)]).toEqual([true, false]);
});
