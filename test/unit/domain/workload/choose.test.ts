import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import {
  boundHost,
  type Choice,
  chooseWhereItIs,
  namedHost,
  startConflict,
} from '../../../../src/domain/workload/choose.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadState } from '../../../../src/domain/workload/status.ts';
import type { Sight, Situation } from '../../../../src/domain/workload/view.ts';
import { ALPHA_HOST, BETA_HOST, recordOf, statusOf } from '../../../fakes/host-workloads.ts';

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

describe('a node is named', () => {
  const named = (asked: string | undefined, placement: string | undefined): string | string[] | undefined => {
    try {
      return namedHost({ name: 'web', asked, placement, hosts: both })?.id;
    } catch (error) {
      return told(error as PxenError);
    }
  };

  test.each<[string, string | undefined, string | undefined, string | string[] | undefined]>([
    ['by -n, whatever the file says', BETA_HOST.id, ALPHA_HOST.id, BETA_HOST.id],
    [
      'by -n, but there is no such node',
      '00000000',
      undefined,
      [
        'NOT_FOUND no host has the id 00000000',
        'see: mesh host list; a node is there after its first report',
      ],
    ],
    ['by its file, with its id', undefined, BETA_HOST.id, BETA_HOST.id],
    ['by its file, with its name', undefined, 'rack1-01', ALPHA_HOST.id],
    [
      'by its file, but there is no such node',
      undefined,
      'rack1-10',
      [
        'NOT_FOUND web: its placement.node is "rack1-10", and no node is called that',
        'did you mean rack1-01?',
      ],
    ],
    [
      'by its file, but nothing is called anything like it',
      undefined,
      'x',
      [
        'NOT_FOUND web: its placement.node is "x", and no node is called that',
        'see: mesh host list; a node is there after its first report',
      ],
    ],
    ['by nobody', undefined, undefined, undefined],
  ])('%s', (_, asked, placement, expected) => {
    expect(named(asked, placement)).toEqual(expected);
  });
});

describe('a start without a named node', () => {
  const stopped = recordOf('web', { desired: 'stopped' });

  test.each<[string, Situation, string | undefined]>([
    ['is free to go anywhere when it never ran', nothing, undefined],
    ['is free when it was stopped', { ...onAlpha, record: stopped }, undefined],
    ['is free when it is not where it should be, and nobody knows why', onAlpha, undefined],
    [
      'is free when it was stopped on a node that is silent by now',
      {
        ...onAlpha,
        record: stopped,
        host: { ...ALPHA_HOST, state: 'silent' },
        sights: [seen({ ...ALPHA_HOST, state: 'silent' })],
      },
      undefined,
    ],
    ['goes to where it runs', { ...onAlpha, sights: [seen(ALPHA_HOST)] }, ALPHA_HOST.id],
    ['goes to where it ended', { ...onAlpha, sights: [seen(ALPHA_HOST, 'ended')] }, ALPHA_HOST.id],
    [
      'goes to where it may still run',
      { ...onAlpha, host: { ...ALPHA_HOST, state: 'silent' } },
      ALPHA_HOST.id,
    ],
    ['goes to where it comes back', { ...onAlpha, returning: { problem: undefined } }, ALPHA_HOST.id],
    ['goes nowhere because another node says so', { ...nothing, sights: [seen(BETA_HOST)] }, undefined],
  ])('%s', (_, situation, expected) => {
    expect(boundHost(situation)?.id).toBe(expected);
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
      { situation: { ...nothing, sights: [seen(BETA_HOST)] } },
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
  const orDisable =
    'host0 did not start it there; if that cannot be, its word counts no more once it is disabled: ' +
    'mesh host set-state 91d5815f disabled';
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
    expect(startConflict('web', BETA_HOST, situation, () => false)).toBeUndefined();
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
      ['WORKLOAD_STATE web is paused on rack1-01 (91d5815f)', stopFirst, orDisable],
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
    const error = startConflict('web', BETA_HOST, situation, () => false);
    expect(error && told(error)).toEqual(expected);
  });
});
