import { describe, expect, test } from 'vitest';
import { decideMachine, tapName } from '../../../../src/domain/vm/machine.ts';
import type { AccelPolicy, WorkloadFacts } from '../../../../src/domain/workload/facts.ts';
import type { Console } from '../../../../src/domain/workload/workload.ts';
import { sha1 } from '../../../../src/io/sha1.ts';
import { sha256 } from '../../../../src/io/sha256.ts';
import { machineOf, workloadOf } from '../../../fakes/machines.ts';

const LEAST = ['name=web', 'uuid=u1', 'platform.memory.size=1G', 'platform.cpu.threads=1'];

const workload = (...lines: readonly string[]) => workloadOf([...LEAST, ...lines].join('\n'));

test('a machine is the workload with everything decided that depends on its node', () => {
  const given = workload(
    'platform.volume.3.type=qcow2',
    'platform.volume.3.path=/data/a.qcow2',
    'network.0.type=bridge',
    'network.0.bridge=br0',
    'network.2.type=nat',
    'network.2.mac=52:54:00:00:00:07',
  );
  const around = {
    accel: 'kvm',
    folder: '/state',
    at: (path: string) => `/root${path}`,
    sha256,
    sha1,
  } as const;
  expect(decideMachine(given, { vhostNet: true }, around)).toEqual({
    workload: given,
    accel: 'kvm',
    rfcUuid: '308f2016-d80b-52ad-9112-79985bbe0af5',
    folder: '/state',
    console: { type: 'serial-tcp', port: 7900 },
    nics: [
      { id: 0, mac: '52:54:00:aa:b6:6e', type: 'bridge', bridge: 'br0', tap: 'pxbb82030dbc-0', vhost: true },
      { id: 2, mac: '52:54:00:00:00:07', type: 'nat', vhost: false },
    ],
    volumes: [{ ...given.volumes[0], file: '/root/data/a.qcow2' }],
  });
});

test.each<[AccelPolicy, WorkloadFacts['kvm'], string]>([
  ['kvm', undefined, 'kvm'],
  ['kvm', { usable: true }, 'kvm'],
  ['auto', undefined, 'kvm'],
  ['auto', { usable: true }, 'kvm'],
  ['auto', { usable: false, reason: 'no' }, 'tcg'],
  ['tcg', { usable: true }, 'tcg'],
  ['tcg', undefined, 'tcg'],
])('with policy %s and KVM %j the guest runs with %s', (accel, kvm, expected) => {
  expect(machineOf(workload(), { accel, facts: { kvm } }).accel).toBe(expected);
});

describe('the console', () => {
  const consoleWith = (console: Console, busyPorts?: readonly number[]) =>
    machineOf({ ...workload(), console }, { facts: { busyPorts } }).console;

  test.each<[string, Console, readonly number[] | undefined, object]>([
    [
      'serial-tcp with an id is on 7900+id',
      { type: 'serial-tcp', id: 5 },
      [],
      { type: 'serial-tcp', port: 7905 },
    ],
    ['id 0 is an id', { type: 'serial-tcp', id: 0 }, [], { type: 'serial-tcp', port: 7900 }],
    [
      'serial-tcp without an id is on the lowest port',
      { type: 'serial-tcp' },
      [],
      { type: 'serial-tcp', port: 7900 },
    ],
    [
      'that is free',
      { type: 'serial-tcp' },
      [22, 7900, 7902, 7901, 7904],
      { type: 'serial-tcp', port: 7903 },
    ],
    ['serial-socket has no port', { type: 'serial-socket' }, [7900], { type: 'serial-socket' }],
    ['vnc is on 5900+id', { type: 'vnc', id: 5 }, undefined, { type: 'vnc', id: 5, port: 5905 }],
  ])('%s', (_, console, busyPorts, expected) => {
    expect(consoleWith(console, busyPorts)).toEqual(expected);
  });

  test('a node whose ports are all taken has no console to give', () => {
    const all = Array.from({ length: 65_536 }, (_, port) => port);
    expect(() => consoleWith({ type: 'serial-tcp' }, all)).toThrow(
      'no TCP port from 7900 on is free for a serial console',
    );
    expect(consoleWith({ type: 'serial-tcp' }, all.slice(0, -1))).toEqual({
      type: 'serial-tcp',
      port: 65_535,
    });
  });
});

describe('interfaces on the node', () => {
  test.each([
    ['u1', 0, 'pxbb82030dbc-0'],
    ['u1', 1, 'pxbb82030dbc-1'],
    ['u1', 10, 'pxbb82030dbc-10'],
    ['u1', 999, 'pxbb82030db-999'],
    ['u2', 0, 'px6ca202c88e-0'],
  ])('NIC of %s with id %i: %s', (uuid, id, name) => {
    expect(tapName(uuid, id, sha256)).toBe(name);
  });

  test('a name has at most 15 characters, and no two of a workload are the same', () => {
    const names = Array.from({ length: 1000 }, (_, id) => tapName('u1', id, sha256));
    expect(Math.max(...names.map(name => name.length))).toBe(15);
    expect(new Set(names).size).toBe(1000);
  });

  test('a NIC may name its interface, and another card than virtio does without the kernel', () => {
    const given = workload(
      'network.0.type=bridge',
      'network.0.bridge=br0',
      'network.0.driver=e1000',
      'network.0.queue-tap=tap0',
      'network.0.alias=eth0',
      'network.0.qos.loss=1',
    );
    expect(machineOf(given, { facts: { vhostNet: true } }).nics).toEqual([
      {
        id: 0,
        mac: expect.any(String),
        type: 'bridge',
        bridge: 'br0',
        tap: 'tap0',
        driver: 'e1000',
        alias: 'eth0',
        qos: { loss: 1 },
        vhost: false,
      },
    ]);
  });

  test.each([
    [true, true],
    [false, false],
    [undefined, false],
  ])('with a /dev/vhost-net: %s, packets go through the kernel: %s', (vhostNet, vhost) => {
    const given = workload('network.0.type=bridge', 'network.0.bridge=br0');
    expect(machineOf(given, { facts: { vhostNet } }).nics[0]?.vhost).toBe(vhost);
  });
});
