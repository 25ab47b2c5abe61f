import { describe, expect, test } from 'vitest';
import {
  confirmed,
  INTERRUPTED,
  judgeReport,
  pauseAfter,
  restartFailed,
  startFailed,
  startSent,
  stopSent,
  type Verdict,
} from '../../../../src/domain/workload/desired.ts';
import type { WorkloadRecord } from '../../../../src/domain/workload/record.ts';
import type { WorkloadState } from '../../../../src/domain/workload/status.ts';
import { recordOf, statusOf } from '../../../fakes/host-workloads.ts';

const running = recordOf('web');
const sent: WorkloadRecord = { ...running, start: 'sent' };
const stopped = stopSent(running);
const interrupted: WorkloadRecord = { ...sent, desired: 'stopped', problem: INTERRUPTED };
const keep: Verdict = { kind: 'keep' };
const save = (record: WorkloadRecord): Verdict => ({ kind: 'save', record });

describe('a report of the node', () => {
  interface Case {
    what: string;
    record: WorkloadRecord;
    bootId: string;
    state?: WorkloadState;
    verdict: Verdict;
  }
  const cases: Case[] = [
    { what: 'has it, as it should', record: running, bootId: 'boot-1', state: 'running', verdict: keep },
    { what: 'has it paused', record: running, bootId: 'boot-1', state: 'paused', verdict: keep },
    {
      what: 'says that it ended: it stays ended in this boot',
      record: running,
      bootId: 'boot-1',
      state: 'ended',
      verdict: keep,
    },
    {
      what: 'of the same boot does not have it: somebody on the node took it away',
      record: running,
      bootId: 'boot-1',
      verdict: keep,
    },
    {
      what: 'of a new boot does not have it: it comes back',
      record: running,
      bootId: 'boot-2',
      verdict: { kind: 'return' },
    },
    {
      what: 'of a new boot does not have it, and autostart is off',
      record: { ...running, autostart: false },
      bootId: 'boot-2',
      verdict: save({ ...stopped, autostart: false }),
    },
    {
      what: 'of a new boot has it: somebody started it there, and that boot counts',
      record: running,
      bootId: 'boot-2',
      state: 'running',
      verdict: save({ ...running, bootId: 'boot-2' }),
    },
    {
      what: 'says that it ended in a new boot: it is not started again in that one',
      record: running,
      bootId: 'boot-2',
      state: 'ended',
      verdict: save({ ...running, bootId: 'boot-2' }),
    },
    { what: 'does not have what was stopped', record: stopped, bootId: 'boot-1', verdict: keep },
    {
      what: 'of a new boot does not have what was stopped',
      record: stopped,
      bootId: 'boot-2',
      verdict: keep,
    },
    {
      what: 'still has what was stopped: nothing happens behind the back of the admin',
      record: stopped,
      bootId: 'boot-1',
      state: 'running',
      verdict: keep,
    },
    {
      what: 'has what host0 only knows to have sent (host0 was killed after the start)',
      record: sent,
      bootId: 'boot-1',
      state: 'running',
      verdict: save(running),
    },
    {
      what: 'is still at it, with a start that host0 only knows to have sent',
      record: sent,
      bootId: 'boot-1',
      state: 'starting',
      verdict: keep,
    },
    {
      what: 'does not have what host0 only knows to have sent (host0 was killed during the upload)',
      record: sent,
      bootId: 'boot-1',
      verdict: save(interrupted),
    },
    {
      what: 'of a new boot does not have what host0 only knows to have sent',
      record: sent,
      bootId: 'boot-2',
      verdict: save(interrupted),
    },
    {
      what: 'has what was given up as interrupted: it did start',
      record: interrupted,
      bootId: 'boot-1',
      state: 'running',
      verdict: save(running),
    },
    {
      what: 'has what was given up as interrupted and then stopped by the admin',
      record: stopSent(interrupted),
      bootId: 'boot-1',
      state: 'running',
      verdict: keep,
    },
    {
      what: 'has it after a restart that was refused',
      record: restartFailed(running, 'no such bridge'),
      bootId: 'boot-1',
      state: 'running',
      verdict: save(running),
    },
    {
      what: 'does not have it after a restart that failed half way',
      record: restartFailed(running, 'QEMU says no'),
      bootId: 'boot-1',
      verdict: save({ ...running, start: 'sent', desired: 'stopped', problem: 'QEMU says no' }),
    },
    {
      what: 'does not have it after a start that failed',
      record: startFailed(sent, 'QEMU says no'),
      bootId: 'boot-2',
      verdict: keep,
    },
  ];

  test.each(cases)('that $what', ({ record, bootId, state, verdict }) => {
    const status = state && statusOf('web', { state });
    expect(judgeReport(record, { bootId, status })).toEqual(verdict);
  });
});

describe('what is remembered', () => {
  const start = {
    name: 'web',
    uuid: 'uuid-web',
    autostart: true,
    node: running.node,
    bootId: 'boot-3',
    config: running.config,
  };

  test('of a start before it is sent', () => {
    expect(startSent(start)).toEqual({ ...start, desired: 'running', start: 'sent' });
  });

  test('of a start that succeeded, in the boot in which it did', () => {
    expect(confirmed(interrupted, 'boot-4')).toEqual({ ...running, bootId: 'boot-4' });
  });

  test('of a start that failed: the node, and why', () => {
    expect(startFailed(sent, 'QEMU says no')).toEqual({
      ...stopped,
      problem: 'its last start failed: QEMU says no',
    });
  });

  test('of a stop: no problem is left', () => {
    expect(stopSent(interrupted)).toEqual({ ...running, desired: 'stopped' });
  });
});

test('tries to bring a workload back come ever more rarely, and never stop', () => {
  expect([1, 2, 3, 4, 5, 1000].map(pauseAfter)).toEqual([2000, 10_000, 60_000, 300_000, 300_000, 300_000]);
});
