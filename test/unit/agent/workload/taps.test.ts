import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StateFolder } from '../../../../src/agent/workload/folder.ts';
import type { Taps } from '../../../../src/agent/workload/taps.ts';
import { tapName } from '../../../../src/domain/vm/machine.ts';
import { sha256 } from '../../../../src/io/sha256.ts';
import { FakeNode } from '../../../fakes/qemu.ts';

let node: FakeNode;
let taps: Taps;
let folder: StateFolder;
const name = (nic: number, uuid = 'w1'): string => tapName(uuid, nic, sha256);

beforeEach(async () => {
  node = new FakeNode();
  taps = node.ports().taps;
  folder = new StateFolder(node.root, 'w1');
  await folder.make();
});
afterEach(() => node.remove());

const interfaces = (): string[] => readdirSync(join(node.root, 'sys/class/net')).sort();

describe('interfaces of guests', () => {
  test('are made with one command, with the MTU of their bridges, and leave no file', async () => {
    await taps.make(
      [
        { name: name(0), bridge: 'br0' },
        { name: name(1), bridge: 'br1' },
      ],
      folder,
    );
    expect(node.ip).toEqual([
      `tuntap add dev ${name(0)} mode tap`,
      `link set dev ${name(0)} mtu 9000 master br0 up`,
      `tuntap add dev ${name(1)} mode tap`,
      `link set dev ${name(1)} master br1 up`,
    ]);
    expect([interfaces(), readdirSync(folder.path)]).toEqual([['br0', name(0), name(1)].sort(), []]);
  });

  test('are removed by their names, those of nobody else', async () => {
    await taps.make(
      [name(0), name(12), name(123), name(0, 'w2')].map(tap => ({ name: tap, bridge: 'br0' })),
      folder,
    );
    node.write('sys/class/net/px-0/mtu', '1500\n');
    node.ip.length = 0;
    expect((await taps.remove(folder)).sort()).toEqual([name(0), name(12), name(123)].sort());
    expect(interfaces()).toEqual(['br0', 'px-0', name(0, 'w2')].sort());
    node.ip.length = 0;
    expect([await taps.remove(folder), node.ip]).toEqual([[], []]);
  });

  test('with a name from the file carry the uuid, and so are found again', async () => {
    await taps.make([{ name: 'tap-web', bridge: 'br1' }], folder);
    expect(node.ip).toEqual([
      'tuntap add dev tap-web mode tap',
      'link set dev tap-web alias pxen:w1 master br1 up',
    ]);
    node.write('sys/class/net/tap-web/ifalias', 'pxen:w1\n');
    node.write('sys/class/net/tap-other/ifalias', 'pxen:w2\n');
    node.write('sys/class/net/tap-foreign/ifalias', '\n');
    node.ip.length = 0;
    expect([await taps.remove(folder), node.ip.filter(line => line !== '')]).toEqual([
      ['tap-web'],
      ['link delete dev tap-web'],
    ]);
  });

  test('take over nothing that is there already', async () => {
    node.write('sys/class/net/tap0/ifalias', '');
    await expect(taps.make([{ name: 'tap0', bridge: 'br0' }], folder)).rejects.toThrow(
      'tap0: the node has an interface of this name already',
    );
    expect(node.ip).toEqual([]);
  });

  test('get their quality of service with one command', async () => {
    const shaped = [
      { name: 'a', bridge: 'br0', qos: { delay: 100_000, loss: 0.5 } },
      { name: 'b', bridge: 'br0' },
      { name: 'c', bridge: 'br0', qos: { rate: { value: 10, unit: 'mbit' } } },
    ] as const;
    expect(await taps.shape(shaped, folder)).toEqual(['a', 'c']);
    expect(node.ip.filter(line => line !== '')).toEqual([
      'qdisc replace root dev a netem delay 100ms loss 0.5%',
      'qdisc replace root dev c tbf rate 10mbit burst 100.000kbit latency 20ms',
    ]);
    node.ipRefuses = /netem/;
    await expect(taps.shape(shaped, folder)).rejects.toThrow(
      'a, c: cannot be shaped: tc: RTNETLINK answers: Operation not permitted',
    );
    node.ip.length = 0;
    expect([await taps.shape([{ name: 'b', bridge: 'br0' }], folder), node.ip]).toEqual([[], []]);
  });

  test('that cannot be made or removed are told with the words of ip', async () => {
    node.ipRefuses = /master/;
    await expect(taps.make([{ name: name(0), bridge: 'br0' }], folder)).rejects.toThrow(
      `${name(0)}: cannot be made: ip: RTNETLINK answers: Operation not permitted`,
    );
    node.ipRefuses = /delete/;
    await expect(taps.remove(folder)).rejects.toThrow(
      `${name(0)}: cannot be removed: ip: RTNETLINK answers: Operation not permitted`,
    );
  });
});
