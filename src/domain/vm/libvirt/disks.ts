import type { BootEntry, Interface } from '../../workload/workload.ts';
import { placeIn } from '../boot-order.ts';
import type { Machine, MachineVolume } from '../machine.ts';
import { aliasOf, bootAt } from './names.ts';
import { type Element, element, leaf } from './xml.ts';

/** What libvirt calls a bus, and how the devices on it are named in the guest. */
const BUSES: Readonly<Partial<Record<Interface, { readonly bus: string; readonly prefix: string }>>> = {
  virtio: { bus: 'virtio', prefix: 'vd' },
  ahci: { bus: 'sata', prefix: 'sd' },
  scsi: { bus: 'scsi', prefix: 'sd' },
  ide: { bus: 'ide', prefix: 'hd' },
  floppy: { bus: 'fdc', prefix: 'fd' },
};

/** `<disk>` of every volume. */
export function disks({ volumes, workload }: Machine, order: readonly BootEntry[]): Element[] {
  const used = new Map<string, number>();
  return volumes.map(volume => {
    const { bus, prefix } = busOf(volume);
    const index = used.get(prefix) ?? 0;
    used.set(prefix, index + 1);
    return diskElement(volume, {
      target: element('target', { dev: `${prefix}${letters(index)}`, bus }),
      thread: threadNumber(workload.iothreads ?? [], volume.iothread),
      place: placeIn(order, { volume: volume.id }),
    });
  });
}

function busOf({ interface: wanted, type }: MachineVolume): {
  readonly bus: string;
  readonly prefix: string;
} {
  const named = wanted && BUSES[wanted];
  return named ?? (type === 'iso' ? { bus: 'sata', prefix: 'sd' } : { bus: 'virtio', prefix: 'vd' });
}

/** a, ..., z, aa, ... */
function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}

interface Around {
  readonly target: Element;
  readonly thread: number | undefined;
  readonly place: number | undefined;
}

function diskElement(volume: MachineVolume, { place, target, thread }: Around): Element {
  const { alias, file, interface: bus, iops, pool, serial, type, writable } = volume;
  const device = type === 'iso' ? 'cdrom' : bus === 'floppy' ? 'floppy' : 'disk';
  const source =
    pool === undefined
      ? element('source', { file })
      : element('source', { pool, volume: file.slice(file.lastIndexOf('/') + 1) });
  return element(
    'disk',
    { type: pool === undefined ? 'file' : 'volume', device },
    driver(volume, thread),
    source,
    target,
    iops === undefined ? undefined : element('iotune', {}, leaf('total_iops_sec', iops)),
    writable ? undefined : element('readonly'),
    serial === undefined ? undefined : leaf('serial', serial),
    bootAt(place),
    aliasOf(alias),
  );
}

/** Without a word the cache is that of libvirt, as the realm's `default` is. What the guest discards is given back. */
function driver({ cache, direct, format, type }: MachineVolume, thread: number | undefined): Element {
  const around = direct === undefined ? undefined : direct ? 'none' : 'writeback';
  return element('driver', {
    name: 'qemu',
    type: type === 'iso' ? 'raw' : (format ?? 'qcow2'),
    cache: cache ?? around,
    discard: type === 'iso' ? undefined : 'unmap',
    iothread: thread,
  });
}

/** libvirt counts iothreads from 1. */
function threadNumber(
  threads: readonly { readonly name: string }[],
  name: string | undefined,
): number | undefined {
  const index = threads.findIndex(thread => thread.name === name);
  return index < 0 ? undefined : index + 1;
}
