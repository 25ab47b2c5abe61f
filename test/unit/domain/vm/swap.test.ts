import { expect, test } from 'vitest';
import { LAUNCHERS } from '../../../../src/domain/vm/launches.ts';
import { swapOf } from '../../../../src/domain/vm/qemu/swap.ts';
import { reversed, type Swap } from '../../../../src/domain/vm/swap.ts';
import { machineOf, workloadOf } from '../../../fakes/machines.ts';

const LEAST = 'name=web\nuuid=u1\nplatform.memory.size=1G\nplatform.cpu.threads=1\n';
const DISK = 'platform.volume.0.type=qcow2\nplatform.volume.0.path=/v/a,1.qcow2\n';
const DISC = 'platform.volume.1.type=iso\nplatform.volume.1.path=/v/one.iso\n';
const FIRST = 'if=none,id=vol0,file=/v/a,,1.qcow2,format=qcow2,readonly=on,discard=unmap';

function swap(before: string, after: string, id: number): Swap | string {
  const [one, two] = [before, after].map(text => machineOf(workloadOf(LEAST + text)));
  if (!one || !two) throw new Error('both are there');
  return swapOf(one, two, id);
}

test('a disk is unplugged, and another one plugged in as at a start', () => {
  const more = 'platform.volume.0.writable=1\nplatform.volume.0.serial=s\nplatform.volume.0.cache=none\n';
  const found = swap(DISK, DISK.replace('a,1', 'b') + more, 0);
  const to = {
    drive: 'if=none,id=vol0,file=/v/b.qcow2,format=qcow2,readonly=off,discard=unmap,cache=none',
    device: 'virtio-blk-pci,drive=vol0,serial=s,bootindex=1',
  };
  const from = { drive: FIRST, device: 'virtio-blk-pci,drive=vol0,bootindex=1' };
  expect(found).toEqual({ kind: 'disk', drive: 'vol0', from, to });
  expect(reversed(found as Swap)).toEqual({ kind: 'disk', drive: 'vol0', from: to, to: from });
});

test('behind a bridge it comes back there', () => {
  const many = Array.from({ length: 20 }, (_, id) =>
    DISK.replaceAll('.0.', `.${id}.`).replace('a,1', `v${id}`),
  ).join('');
  expect(swap(many, many.replace('/v18', '/other'), 18)).toMatchObject({
    from: { device: 'virtio-blk-pci,drive=vol18,bus=bridge0' },
    to: { device: 'virtio-blk-pci,drive=vol18,bus=bridge0' },
  });
});

test('a disc is changed in its drive', () => {
  const found = swap(DISK + DISC, DISK + DISC.replace('one', 'two'), 1);
  expect(found).toEqual({ kind: 'medium', drive: 'vol1', from: '/v/one.iso', to: '/v/two.iso' });
  expect(reversed(found as Swap)).toMatchObject({ from: '/v/two.iso', to: '/v/one.iso' });
});

test.each<[string, string, string]>([
  [
    'a disk on AHCI',
    `${DISK}platform.volume.0.interface=ahci\nplatform.volume.0.writable=1\n`,
    'it is a ide-hd: only discs and disks on virtio of a PCI board can be replaced while the machine runs',
  ],
  [
    'a disk of microvm',
    `${DISK}platform.engine=microvm\nplatform.kernel.image=/k\n`,
    'it is a virtio-blk-device: only discs and disks on virtio of a PCI board can be replaced while the machine runs',
  ],
  [
    'firmware',
    `platform.volume.0.type=qcow2\nplatform.volume.0.format=raw\nplatform.volume.0.interface=pflash\nplatform.volume.0.path=/v/a.fd\n`,
    'it is no drive of its own',
  ],
  [
    'a long path',
    DISK.replace('a,1', 'x'.repeat(250).concat('/').repeat(5)),
    'its path is too long for the monitor of QEMU',
  ],
])('%s stays', (_, before, why) => expect(swap(before, before.replace('/v/', '/w/'), 0)).toBe(why));

test('only engines that say how are asked to', () => {
  const able = Object.entries(LAUNCHERS).filter(([, launcher]) => launcher.swap);
  expect(able.map(([engine]) => engine)).toEqual(['qemu', 'microvm']);
});
