import { describe, expect, test } from 'vitest';
import { type Device, parsePciAddress } from '../../../../src/domain/placement/pci.ts';
import { holdingsOf } from '../../../../src/domain/workload/holding.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadRecord } from '../../../../src/domain/workload/record.ts';
import type { WorkloadStatus } from '../../../../src/domain/workload/status.ts';
import type { Sight, Situation } from '../../../../src/domain/workload/view.ts';
import { ALPHA_HOST, BETA_HOST, recordOf, statusOf } from '../../../fakes/host-workloads.ts';

const address = parsePciAddress('01:00.0');
if (!address) throw new Error('it is one');
const GPU: Device = { type: 'gpu', address };
const RECORD = recordOf('web', { devices: [GPU] });
const TAKES = { vcpus: 2, memory: 7, coschedule: 1, group: 'a' };

const silent: Host = { ...ALPHA_HOST, state: 'silent' };
const unknown: Host = { ...ALPHA_HOST, state: 'unknown' };
const rebooted: Host = { ...ALPHA_HOST, bootId: 'boot-2' };
const seen = (host: Host, change: Partial<WorkloadStatus> = {}): Sight => ({
  host,
  status: statusOf('web', change),
  at: 5,
});
const on = (host: Host | undefined, change: Partial<Situation> = {}): Situation => ({
  ...{ record: RECORD, host, sights: [], working: undefined, returning: undefined },
  ...change,
});
const change = (fields: Partial<WorkloadRecord>): WorkloadRecord => ({ ...RECORD, ...fields });

/** `rack1-01 running with 0000:01:00.0`, of each. */
function held(situation: Situation): string[] {
  return holdingsOf('uuid-web', situation, () => TAKES).map(({ devices, host, state }) =>
    [host, state, ...devices.map(device => device.address)].join(' '),
  );
}

describe('a workload', () => {
  test.each<[string, Situation, string[]]>([
    [
      'holds its place where it runs',
      on(ALPHA_HOST, { sights: [seen(ALPHA_HOST)] }),
      ['91d5815f running 0000:01:00.0'],
    ],
    [
      'that a node tells of holds one there, whoever started it',
      on(undefined, { record: undefined, sights: [seen(BETA_HOST)] }),
      ['6e6da274 running'],
    ],
    [
      'has the devices that its node says it has',
      on(ALPHA_HOST, {
        sights: [
          seen(ALPHA_HOST, {
            devices: [
              { id: 0, type: 'gpu', address: '0000:02:00.0' },
              { id: 1, type: 'gpu', address: 'nonsense' },
            ],
          }),
        ],
      }),
      ['91d5815f running 0000:02:00.0'],
    ],
    ['that ended holds none', on(ALPHA_HOST, { sights: [seen(ALPHA_HOST, { state: 'ended' })] }), []],
    [
      'that ended and is being started again holds its place',
      on(ALPHA_HOST, { record: change({ start: 'sent' }), sights: [seen(ALPHA_HOST, { state: 'ended' })] }),
      ['91d5815f reserved 0000:01:00.0'],
    ],
    ['that was stopped holds none', on(ALPHA_HOST, { record: change({ desired: 'stopped' }) }), []],
    [
      'that was stopped and runs all the same holds its place',
      on(ALPHA_HOST, { record: change({ desired: 'stopped' }), sights: [seen(ALPHA_HOST)] }),
      ['91d5815f running 0000:01:00.0'],
    ],
    [
      'whose start nobody knows the end of holds its place',
      on(ALPHA_HOST, { record: change({ start: 'sent' }) }),
      ['91d5815f reserved 0000:01:00.0'],
    ],
    ['whose node is silent keeps it', on(silent), ['91d5815f unknown 0000:01:00.0']],
    [
      'that a silent node told of last keeps it',
      on(silent, { sights: [seen(silent)] }),
      ['91d5815f unknown 0000:01:00.0'],
    ],
    [
      'of which host0 has not heard since it started keeps it',
      on(unknown),
      ['91d5815f unknown 0000:01:00.0'],
    ],
    ['that comes back after a reboot keeps it', on(rebooted), ['91d5815f reserved 0000:01:00.0']],
    [
      'that is being brought back keeps it',
      on(ALPHA_HOST, { returning: { problem: undefined } }),
      ['91d5815f reserved 0000:01:00.0'],
    ],
    ['without autostart does not', on({ ...rebooted }, { record: change({ autostart: false }) }), []],
    ['that vanished from a node that reports holds none', on(ALPHA_HOST), []],
    ['whose node was forgotten holds none', on(undefined), []],
    [
      'that an admin stopped while its node was silent holds none there',
      on(silent, { record: change({ desired: 'stopped' }), sights: [seen(silent)] }),
      [],
    ],
    [
      'that was started elsewhere since then holds a place there only',
      on(BETA_HOST, { record: change({ node: BETA_HOST.id }), sights: [seen(silent), seen(BETA_HOST)] }),
      ['6e6da274 running 0000:01:00.0'],
    ],
    [
      'on two nodes at once holds two',
      on(ALPHA_HOST, { sights: [seen(ALPHA_HOST), seen(BETA_HOST)] }),
      ['91d5815f running 0000:01:00.0', '6e6da274 running'],
    ],
  ])('%s', (_, situation, expected) => {
    expect(held(situation)).toEqual(expected);
  });

  test('takes what its node says, else what its file says, else nothing but its place', () => {
    const takes = { vcpus: 1, memory: 2 };
    const told = on(ALPHA_HOST, { sights: [seen(ALPHA_HOST, { takes })] });
    const foreign = on(undefined, { record: undefined, sights: [seen(BETA_HOST)] });
    const amounts = (situation: Situation): unknown =>
      holdingsOf('uuid-web', situation, () => TAKES).map(({ vcpus, memory, coschedule, group }) => [
        ...[vcpus, memory, coschedule, group],
      ]);
    expect([told, on(ALPHA_HOST, { sights: [seen(ALPHA_HOST)] }), foreign].map(amounts)).toEqual([
      [[1, 2, -1, undefined]],
      [[2, 7, 1, 'a']],
      [[0, 0, -1, undefined]],
    ]);
  });
});
