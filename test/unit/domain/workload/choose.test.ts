import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import {
  type Choice,
  choosePlace,
  chooseWhereItIs,
  startConflict,
} from '../../../../src/domain/workload/choose.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadState } from '../../../../src/domain/workload/status.ts';
import type { Sight, Situation } from '../../../../src/domain/workload/view.ts';
import { ALPHA_HOST, BETA_HOST, hostsOf, recordOf, statusOf } from '../../../fakes/host-workloads.ts';

const nothing: Situation = {
  record: undefined,
  host: undefined,
  sights: [],
  working: undefined,
  returning: undefined,
};
const both = [ALPHA_HOST, BETA_HOST];
const choice = (change: Partial<Choice> = {}): Choice => ({
  name: 'web',
  situation: nothing,
  hosts: both,
  ...change,
});
const onAlpha: Situation = { ...nothing, record: recordOf('web'), host: ALPHA_HOST };
const seen = (host: Host, state: WorkloadState = 'running'): Sight => ({
  host,
  status: statusOf('web', { state }),
  at: 5,
});

/** The id of the node, or the whole error. */
function outcome(choose: () => Host): string | string[] {
  try {
    return choose().id;
  } catch (error) {
    if (!(error instanceof PxenError)) throw error;
    return told(error);
  }
}

const told = ({ code, details, message }: PxenError): string[] => [`${code} ${message}`, ...details];

describe('a workload is started', () => {
  test.each<[string, Partial<Choice>, string | string[]]>([
    [
      'where -n says, whatever the file says',
      { asked: BETA_HOST.id, placement: ALPHA_HOST.id, situation: onAlpha },
      BETA_HOST.id,
    ],
    [
      'where -n says, but there is no such node',
      { asked: '00000000' },
      ['NOT_FOUND no node has the id 00000000', 'see: mesh node info'],
    ],
    ['where its file says, by id', { placement: BETA_HOST.id, situation: onAlpha }, BETA_HOST.id],
    ['where its file says, by name', { placement: 'rack1-01' }, ALPHA_HOST.id],
    [
      'where its file says, but there is no such node',
      { placement: 'rack1-10' },
      [
        'NOT_FOUND web: its placement.node is "rack1-10", and no node is called that',
        'did you mean rack1-01?',
      ],
    ],
    [
      'where its file says, but nothing is called anything like it',
      { placement: 'x' },
      ['NOT_FOUND web: its placement.node is "x", and no node is called that', 'see: mesh node info'],
    ],
    ['where it was last', { situation: onAlpha }, ALPHA_HOST.id],
    [
      'where it was last, even if it was stopped there',
      { situation: { ...onAlpha, record: recordOf('web', { desired: 'stopped' }) } },
      ALPHA_HOST.id,
    ],
    ['on the only node that is up', { hosts: [{ ...ALPHA_HOST, state: 'silent' }, BETA_HOST] }, BETA_HOST.id],
    [
      'on no node, for none is up',
      { hosts: [{ ...ALPHA_HOST, state: 'silent' }] },
      ['NODE_UNREACHABLE web: no node is up', 'see: mesh node info'],
    ],
    [
      'on one of two, so somebody must say which',
      {},
      [
        'USAGE web: on which node? It was never started, and its file has no placement.node',
        'give one with -n: rack1-01 (91d5815f), 6e6da274',
      ],
    ],
    [
      'on one of many, of which some are named',
      { hosts: hostsOf(11) },
      [
        'USAGE web: on which node? It was never started, and its file has no placement.node',
        'give one with -n: 00000001, 00000002, 00000003, 00000004, 00000005, 00000006, 00000007, 00000008, and 3 more',
      ],
    ],
  ])('%s', (_, change, expected) => {
    expect(outcome(() => choosePlace(choice(change)))).toEqual(expected);
  });
});

describe('a workload is stopped', () => {
  test.each<[string, Partial<Choice>, string | string[]]>([
    ['where -n says', { asked: BETA_HOST.id, situation: onAlpha }, BETA_HOST.id],
    ['where it is', { situation: { ...nothing, sights: [seen(BETA_HOST)] } }, BETA_HOST.id],
    [
      'where it was started, before where else it is',
      { situation: { ...onAlpha, sights: [seen(BETA_HOST), seen(ALPHA_HOST)] } },
      ALPHA_HOST.id,
    ],
    [
      'where it is and not where its file says',
      { placement: ALPHA_HOST.id, situation: { ...nothing, sights: [seen(BETA_HOST)] } },
      BETA_HOST.id,
    ],
    ['where it should be', { situation: onAlpha }, ALPHA_HOST.id],
    [
      'where it may still be, and not where another node says that it is',
      {
        situation: {
          ...onAlpha,
          host: { ...ALPHA_HOST, state: 'silent' },
          sights: [seen(BETA_HOST)],
        },
      },
      ALPHA_HOST.id,
    ],
    [
      'where it comes back to, and not where another node says that it is',
      {
        situation: { ...onAlpha, host: { ...ALPHA_HOST, bootId: 'boot-2' }, sights: [seen(BETA_HOST)] },
      },
      ALPHA_HOST.id,
    ],
    [
      'where a node says that it is, when it is not where it was started any more',
      { situation: { ...onAlpha, sights: [seen(BETA_HOST)] } },
      BETA_HOST.id,
    ],
    [
      'nowhere, for it never ran',
      {},
      ['WORKLOAD_STATE web is on no node', 'start it: mesh workload start -w web'],
    ],
    [
      'nowhere, for it was stopped',
      { situation: { ...onAlpha, record: recordOf('web', { desired: 'stopped' }) } },
      ['WORKLOAD_STATE web is on no node', 'it was last started on rack1-01 (91d5815f)'],
    ],
  ])('%s', (_, change, expected) => {
    expect(outcome(() => chooseWhereItIs(choice(change)))).toEqual(expected);
  });
});

describe('a start on beta', () => {
  const silent: Host = { ...ALPHA_HOST, state: 'silent' };
  const unknown: Host = { ...ALPHA_HOST, state: 'unknown' };
  const stopFirst = 'stop it there first: mesh workload stop -w web -n 91d5815f';
  const offForSure =
    'bring that node back, or, when it is off for sure: mesh workload stop -w web; then start it here';

  test.each<[string, Situation]>([
    ['of what is nowhere', nothing],
    ['of what is on beta: its agent knows best', { ...nothing, sights: [seen(BETA_HOST)] }],
    ['of what was stopped on alpha', { ...onAlpha, record: recordOf('web', { desired: 'stopped' }) }],
    ['of what ended on alpha', { ...onAlpha, sights: [seen(ALPHA_HOST, 'ended')] }],
    ['of what is not on alpha any more', onAlpha],
    [
      'of what was stopped while alpha was silent already: the admin knows that alpha is off',
      { ...onAlpha, host: silent, record: recordOf('web', { desired: 'stopped' }), sights: [seen(silent)] },
    ],
    [
      'of what should be on beta',
      { ...nothing, record: recordOf('web', { node: BETA_HOST.id }), host: BETA_HOST },
    ],
  ])('%s may be', (_, situation) => {
    expect(startConflict('web', BETA_HOST, situation)).toBeUndefined();
  });

  test.each<[string, Situation, string[]]>([
    [
      'of what runs on alpha',
      { ...onAlpha, sights: [seen(ALPHA_HOST)] },
      ['WORKLOAD_STATE web runs already on rack1-01 (91d5815f)', stopFirst],
    ],
    [
      'of what runs on alpha, started by nobody knows whom',
      { ...nothing, sights: [seen(ALPHA_HOST, 'paused')] },
      ['WORKLOAD_STATE web is paused on rack1-01 (91d5815f)', stopFirst],
    ],
    [
      'of what still runs on alpha though it was to be stopped',
      { ...onAlpha, record: recordOf('web', { desired: 'stopped' }), sights: [seen(ALPHA_HOST)] },
      ['WORKLOAD_STATE web runs already on rack1-01 (91d5815f)', stopFirst],
    ],
    [
      'of what ran on alpha when that went silent',
      { ...onAlpha, host: silent, sights: [seen(silent)] },
      ['WORKLOAD_STATE web may still run on rack1-01 (91d5815f), which does not report now', offForSure],
    ],
    [
      'of what should be on alpha, of which host0 has heard nothing since it started',
      { ...onAlpha, host: unknown },
      ['WORKLOAD_STATE web may still run on rack1-01 (91d5815f), which does not report now', offForSure],
    ],
    [
      'of what should be on a node that was forgotten',
      { ...onAlpha, host: undefined },
      ['WORKLOAD_STATE web may still run on 91d5815f, which does not report now', offForSure],
    ],
    [
      'of what is being brought back on alpha',
      { ...onAlpha, returning: { problem: undefined } },
      [
        'WORKLOAD_STATE web is being brought back on rack1-01 (91d5815f), where it ran before that node rebooted',
        stopFirst,
      ],
    ],
  ])('%s is refused', (_, situation, expected) => {
    const error = startConflict('web', BETA_HOST, situation);
    expect(error && told(error)).toEqual(expected);
  });
});
