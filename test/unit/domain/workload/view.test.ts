import { describe, expect, test } from 'vitest';
import { stopSent } from '../../../../src/domain/workload/desired.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadRecord } from '../../../../src/domain/workload/record.ts';
import type { WorkloadState } from '../../../../src/domain/workload/status.ts';
import { type ShownState, type Sight, type Situation, show } from '../../../../src/domain/workload/view.ts';
import { ALPHA_HOST, BETA_HOST, recordOf, statusOf } from '../../../fakes/host-workloads.ts';

const record = recordOf('web');
const nothing: Situation = {
  record: undefined,
  host: undefined,
  sights: [],
  working: undefined,
  returning: undefined,
};

const alpha = (change: Partial<Host> = {}): Host => ({ ...ALPHA_HOST, ...change });
const seen = (state: WorkloadState, host: Host = ALPHA_HOST): Sight => ({
  host,
  status: statusOf('web', { state }),
  at: 5,
});

interface Case {
  what: string;
  situation: Partial<Situation>;
  state: ShownState;
  node?: string;
  problem?: string;
}

/** Started on alpha. */
const started = (rest: Partial<Situation>, change: Partial<WorkloadRecord> = {}): Partial<Situation> => ({
  record: { ...record, ...change },
  host: ALPHA_HOST,
  ...rest,
});

const cases: Case[] = [
  { what: 'was never started', situation: {}, state: 'stopped' },
  {
    what: 'runs',
    situation: started({ sights: [seen('running')] }),
    state: 'running',
    node: ALPHA_HOST.id,
  },
  {
    what: 'ended by itself',
    situation: started({ sights: [seen('ended')] }),
    state: 'ended',
    node: ALPHA_HOST.id,
  },
  {
    what: 'runs, and host0 knows nothing of its start',
    situation: { sights: [seen('running', BETA_HOST)] },
    state: 'running',
    node: BETA_HOST.id,
  },
  {
    what: 'was stopped',
    situation: started({}, { desired: 'stopped' }),
    state: 'stopped',
    node: ALPHA_HOST.id,
  },
  {
    what: 'was stopped, and still runs',
    situation: { ...started({ sights: [seen('running')] }), record: stopSent(record) },
    state: 'running',
    node: ALPHA_HOST.id,
    problem: 'it was stopped, but rack1-01 (91d5815f) still has it: stop it again',
  },
  {
    what: 'is on a node that went silent',
    situation: {
      record,
      host: alpha({ state: 'silent' }),
      sights: [seen('running', alpha({ state: 'silent' }))],
    },
    state: 'lost',
    node: ALPHA_HOST.id,
    problem: 'rack1-01 (91d5815f) does not report: it is silent',
  },
  {
    what: 'is on a node that boots right now',
    situation: { record, host: alpha({ state: 'booting' }) },
    state: 'lost',
    node: ALPHA_HOST.id,
    problem: 'rack1-01 (91d5815f) does not report: it is booting',
  },
  {
    what: 'is on a node whose next report is not due since host0 started',
    situation: {
      record,
      host: alpha({ state: 'unknown' }),
      sights: [seen('paused', alpha({ state: 'unknown' }))],
    },
    state: 'paused',
    node: ALPHA_HOST.id,
  },
  {
    what: 'should be on a node of which no report is left since host0 started',
    situation: { record, host: alpha({ state: 'unknown' }) },
    state: 'lost',
    node: ALPHA_HOST.id,
    problem: 'rack1-01 (91d5815f) does not report: it is unknown',
  },
  {
    what: 'should be on a node that host0 has forgotten',
    situation: { record, host: undefined },
    state: 'lost',
    node: ALPHA_HOST.id,
    problem: 'host0 knows nothing of its node any more',
  },
  {
    what: 'is not on its node any more, in the boot in which it was started',
    situation: started({}),
    state: 'stopped',
    node: ALPHA_HOST.id,
    problem: 'it is not on rack1-01 (91d5815f) any more, and host0 did not stop it there',
  },
  {
    what: 'is due to come back: its node has another boot',
    situation: started({ host: alpha({ bootId: 'boot-2' }) }),
    state: 'returning',
    node: ALPHA_HOST.id,
  },
  {
    what: 'is being brought back',
    situation: started({ returning: { problem: undefined } }),
    state: 'returning',
    node: ALPHA_HOST.id,
  },
  {
    what: 'did not come back yet',
    situation: started({ returning: { problem: 'no bridge br7' } }),
    state: 'returning',
    node: ALPHA_HOST.id,
    problem: 'no bridge br7',
  },
  {
    what: 'is being started, after it had ended on another node',
    situation: started({ working: 'start', sights: [seen('ended', BETA_HOST)] }, { start: 'sent' }),
    state: 'starting',
    node: ALPHA_HOST.id,
  },
  {
    what: 'is being stopped',
    situation: started({ working: 'stop', sights: [seen('running')] }, { desired: 'stopped' }),
    state: 'stopping',
    node: ALPHA_HOST.id,
  },
  {
    what: 'was interrupted in its start',
    situation: started({}, { desired: 'stopped', start: 'sent', problem: 'its start was interrupted' }),
    state: 'stopped',
    node: ALPHA_HOST.id,
    problem: 'its start was interrupted',
  },
  {
    what: 'runs on two nodes',
    situation: started({ sights: [seen('running', BETA_HOST), seen('running')] }),
    state: 'running',
    node: ALPHA_HOST.id,
    problem: 'it runs on 6e6da274 and on rack1-01 (91d5815f) at once: stop one of them with -n',
  },
  {
    what: 'runs elsewhere than where it was started, and is not there any more',
    situation: started({ sights: [seen('running', BETA_HOST)] }),
    state: 'running',
    node: BETA_HOST.id,
    problem:
      'it was started on rack1-01 (91d5815f), but 6e6da274 says that it runs there: stop it there with -n',
  },
  {
    what: 'comes back to its node, and another one says that it has it',
    situation: started({ returning: { problem: 'no' }, sights: [seen('running', BETA_HOST)] }),
    state: 'returning',
    node: ALPHA_HOST.id,
    problem:
      'it was started on rack1-01 (91d5815f), but 6e6da274 says that it runs there: stop it there with -n',
  },
  {
    what: 'is on a node that went silent, and another one says that it has it',
    situation: {
      record,
      host: alpha({ state: 'silent' }),
      sights: [seen('running', BETA_HOST)],
    },
    state: 'lost',
    node: ALPHA_HOST.id,
    problem:
      'it was started on rack1-01 (91d5815f), but 6e6da274 says that it runs there: stop it there with -n',
  },
  {
    what: 'ran on a node that is silent now and was started on another one',
    situation: started({ sights: [seen('running', { ...BETA_HOST, state: 'silent' }), seen('running')] }),
    state: 'running',
    node: ALPHA_HOST.id,
  },
];

describe('a workload that', () => {
  test.each(cases)('$what', ({ situation, state, node, problem }) => {
    const { sight: _, ...shown } = show({ ...nothing, ...situation });
    expect(shown).toEqual({ state, node, problem });
  });
});

test('what the node says that it was started on is shown before what others say', () => {
  const mine = seen('ended');
  expect(show({ ...nothing, ...started({ sights: [seen('running', BETA_HOST), mine] }) }).sight).toBe(mine);
});
