import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { addressed } from '../../../../src/domain/vm/equipment.ts';
import type { Machine } from '../../../../src/domain/vm/machine.ts';
import type { WorkloadFacts } from '../../../../src/domain/workload/facts.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { machineOf } from '../../../fakes/machines.ts';

const LEAST = 'name=web\nuuid=u1\nplatform.memory.size=1G\nplatform.cpu.threads=1\n';

function machine(lines: string, facts: WorkloadFacts = {}): Machine {
  const { problems, workload } = parseWorkload(`${LEAST}${lines}`, 'f', 'any');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  return machineOf(workload, { facts, folder: '/state', at: path => `/root${path}` });
}

test('files are where the engine sees them, bare names are its own', () => {
  const lines = [
    'platform.kernel.image=/srv/k',
    'platform.kernel.initrd=/srv/i',
    'platform.kernel.append=quiet',
    'platform.bios=/srv/b',
    'platform.memory.hugepages=/dev/hugepages',
    'runtime.console.virtio.0.path=log.sock',
    'runtime.console.virtio.1.path=/run/a.sock',
  ];
  expect(machine(lines.join('\n'))).toMatchObject({
    kernel: { image: '/root/srv/k', initrd: '/root/srv/i', append: 'quiet' },
    bios: '/root/srv/b',
    hugepages: '/root/dev/hugepages',
    virtioConsoles: [
      { id: 0, socket: '/state/log.sock' },
      { id: 1, socket: '/root/run/a.sock' },
    ],
  });
  expect(machine('platform.bios=bios-256k.bin').bios).toBe('bios-256k.bin');
});

test.each<[string, readonly number[] | undefined, number]>([
  ['auto', undefined, 3],
  ['auto', [3, 4, 6], 5],
  ['7', [3], 7],
])('SV-14: the context id %s where %j are taken is %i', (cid, vsockCids, expected) => {
  expect(machine(`platform.vsock.cid=${cid}`, { vsockCids }).vsock).toEqual({ cid: expected });
});

describe('PCI devices', () => {
  const lines = 'platform.device.0.type=gpu\nplatform.device.1.type=nic\nplatform.device.2.type=gpu\n';
  const devices = [
    { type: 'nic', address: '0000:03:00.0' },
    { type: 'gpu', address: '0000:01:00.0' },
    { type: 'gpu', address: '0000:02:00.0' },
  ];

  test('each gets one of its own type', () => {
    expect(machine(lines, { devices }).devices?.map(({ address }) => address)).toEqual([
      '0000:01:00.0',
      '0000:03:00.0',
      '0000:02:00.0',
    ]);
  });

  test('without one it is left open, until an engine wants to hand it out', () => {
    expect(machine(lines).devices?.map(({ address, id }) => [id, address])).toEqual([
      [0, undefined],
      [1, undefined],
      [2, undefined],
    ]);
    let thrown: unknown;
    try {
      addressed(machine(lines));
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof PxenError)) throw new Error('no PxenError');
    expect([thrown.code, thrown.message, thrown.details]).toEqual([
      'WORKLOAD_INVALID',
      'web: no device of the type gpu has been assigned',
      ['platform.device.0.type: the facts of the node tell which devices it may get'],
    ]);
  });
});
