import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../../src/base/error.ts';
import { EXPORT_FORMATS } from '../../../../../src/domain/vm/formats.ts';
import { domainXml } from '../../../../../src/domain/vm/libvirt/domain.ts';
import { poolCommands } from '../../../../../src/domain/vm/libvirt/pools.ts';
import { element, formatXml, leaf } from '../../../../../src/domain/vm/libvirt/xml.ts';
import type { WorkloadFacts } from '../../../../../src/domain/workload/facts.ts';
import { parseWorkload } from '../../../../../src/domain/workload/parse.ts';
import type { Workload } from '../../../../../src/domain/workload/workload.ts';
import { exportSettings, machineOf } from '../../../../fakes/machines.ts';

const LEAST = 'name=web\nuuid=u1\nplatform.engine=libvirt\nplatform.memory.size=1G\nplatform.cpu.threads=2\n';

function parsed(lines: string): Workload {
  const { problems, workload } = parseWorkload(`${LEAST}${lines}`, 'f');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  return workload;
}

/** The lines of the domain without their indents. */
function xml(lines: string, facts: WorkloadFacts = {}): string[] {
  return domainXml(machineOf(parsed(lines), { facts }))
    .split('\n')
    .map(line => line.trim());
}

const disk = (id: number, more: Readonly<Record<string, string>> = {}): string =>
  Object.entries({ type: 'qcow2', path: `/srv/${id}`, ...more })
    .map(([key, value]) => `platform.volume.${id}.${key}=${value}\n`)
    .join('');

test('elements are written one a line, and no text can break out of them', () => {
  expect(
    formatXml(
      element(
        'a',
        { b: `'"<>&`, c: undefined, d: 0 },
        leaf('e', `</e>&amp;'"`),
        undefined,
        element('f', {}, element('g')),
      ),
    ),
  ).toBe(`<a b='&apos;&quot;&lt;&gt;&amp;' d='0'>
  <e>&lt;/e&gt;&amp;amp;&apos;&quot;</e>
  <f>
    <g/>
  </f>
</a>
`);
});

describe('processors', () => {
  test.each([
    ['', "<cpu mode='host-passthrough' check='none'/>"],
    ['platform.cpu.mode=max\n', "<cpu mode='maximum' check='none'/>"],
    ['platform.cpu.mode=Penryn\n', "<model fallback='forbid'>Penryn</model>"],
    ['platform.cpu.topology.threads=2\n', "<topology sockets='1' dies='1' cores='1' threads='2'/>"],
    ['platform.arch=aarch64\n', "<type arch='aarch64' machine='virt'>hvm</type>"],
  ])('%j', (lines, line) => {
    expect(xml(lines)).toContain(line);
  });

  test('without KVM it is emulated', () => {
    expect(domainXml(machineOf(parsed('platform.cpu.mode=max\n'), { accel: 'tcg' }))).toMatch(
      /^<domain type='qemu'>/,
    );
  });
});

test('FW-19: each volume hangs on its bus, and names are counted within what the guest calls them', () => {
  const lines = [
    disk(0),
    disk(1, { interface: 'ahci', writable: '1' }),
    disk(2, { interface: 'scsi' }),
    disk(3, { type: 'iso' }),
    disk(4, { interface: 'floppy' }),
    disk(5, { interface: 'ide', writable: '1' }),
    disk(6, { interface: 'virtio' }),
  ].join('');
  expect(xml(lines).filter(line => line.startsWith('<target dev'))).toEqual([
    "<target dev='vda' bus='virtio'/>",
    "<target dev='sda' bus='sata'/>",
    "<target dev='sdb' bus='scsi'/>",
    "<target dev='sdc' bus='sata'/>",
    "<target dev='fda' bus='fdc'/>",
    "<target dev='hda' bus='ide'/>",
    "<target dev='vdb' bus='virtio'/>",
  ]);
  expect(xml(Array.from({ length: 28 }, (_, id) => disk(id)).join(''))).toContain(
    "<target dev='vdab' bus='virtio'/>",
  );
});

test.each([
  [{ cache: 'unsafe' }, "<driver name='qemu' type='qcow2' cache='unsafe' discard='unmap'/>"],
  [{ direct: '1' }, "<driver name='qemu' type='qcow2' cache='none' discard='unmap'/>"],
  [{ direct: '0' }, "<driver name='qemu' type='qcow2' cache='writeback' discard='unmap'/>"],
  [{ format: 'raw' }, "<driver name='qemu' type='raw' discard='unmap'/>"],
  [{ type: 'iso' }, "<driver name='qemu' type='raw'/>"],
])('a volume with %j', (more, line) => {
  expect(xml(disk(0, more))).toContain(line);
});

test('MH-24, MH-25: the boot order', () => {
  const network = 'network.7.type=nat\n';
  const orders = (lines: string): string[] => xml(lines).filter(line => line.startsWith('<boot '));
  expect(orders(disk(0) + disk(1) + network)).toEqual(["<boot order='1'/>"]);
  expect(orders(`${disk(0)}${disk(1)}${network}runtime.boot=n7,1\n`)).toEqual([
    "<boot order='2'/>",
    "<boot order='1'/>",
  ]);
  expect(orders(`${disk(0)}platform.kernel.image=/k\n`)).toEqual([]);
});

test.each([
  ['', ["<source mode='bind' host='0.0.0.0' service='7900'/>", "<protocol type='raw'/>"]],
  ['runtime.console.type=serial-socket\n', ["<source mode='bind' path='/tmp/pxen/u1/serial.sock'/>"]],
  [
    'runtime.console.type=vnc\nruntime.console.id=7\n',
    ["<graphics type='vnc' port='5907' autoport='no' listen='0.0.0.0'>", "<serial type='file'>"],
  ],
])('MH-26: the console %j', (lines, wanted) => {
  expect(xml(lines)).toEqual(expect.arrayContaining(wanted));
});

test('SV-14: a context id that is to be chosen is chosen by libvirt', () => {
  expect(xml('platform.vsock.cid=auto\n')).toContain("<cid auto='yes'/>");
  expect(xml('platform.vsock.cid=9\n')).toContain("<cid auto='no' address='9'/>");
});

test('a device without an address is refused', () => {
  expect(() => xml('platform.device.0.type=gpu\n')).toThrow(PxenError);
  expect(
    xml('platform.device.0.type=gpu\n', { devices: [{ type: 'gpu', address: '0000:01:00.0' }] }),
  ).toContain("<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>");
});

test('TC-50: a pool is set up as the tiCrypt document says', () => {
  expect(
    poolCommands({ name: 'ticrypt-vm-snapshots', path: '/path/to/pool' }).map(words => words.join(' ')),
  ).toEqual([
    'virsh pool-define-as ticrypt-vm-snapshots dir - - - - /path/to/pool',
    'virsh pool-build ticrypt-vm-snapshots',
    'virsh pool-start ticrypt-vm-snapshots',
    'virsh pool-autostart ticrypt-vm-snapshots',
  ]);
});

describe('what must be there before the domain starts', () => {
  const commands = (lines: string): object =>
    EXPORT_FORMATS['libvirt-pools'].render(machineOf(parsed(lines)), exportSettings);

  test('each pool once, then the disks', () => {
    const lines = [
      disk(0, { pool: 'drives', size: '1G' }),
      disk(1, { pool: 'drives' }),
      disk(2, { pool: 'bricks', path: '/bricks/2', size: '3K', format: 'raw' }),
      disk(3, { size: '1M' }),
    ].join('');
    expect(commands(lines)).toEqual({
      commands: [
        ...poolCommands({ name: 'drives', path: '/srv' }),
        ...poolCommands({ name: 'bricks', path: '/bricks' }),
        'virsh vol-create-as drives 0 1073741824 --format qcow2 --allocation 0'.split(' '),
        'virsh vol-create-as bricks 2 3072 --format raw --allocation 0'.split(' '),
        'qemu-img create -f qcow2 /srv/3 1048576'.split(' '),
      ],
      notes: [],
    });
  });

  test('nothing, where no volume has a pool or a size', () => {
    expect(commands(disk(0))).toEqual({
      commands: [],
      notes: [
        { key: 'platform.volume', text: 'no volume has a pool or a size, so there is nothing to make' },
      ],
    });
  });
});
