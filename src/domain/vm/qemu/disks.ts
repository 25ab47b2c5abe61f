import type { Interface } from '../../workload/workload.ts';
import type { MachineVolume } from '../machine.ts';
import { type BootIndex, bootindex } from './boot.ts';
import { called, escaped } from './option.ts';
import type { Part, Transport } from './slots.ts';

/** Ports of an AHCI controller. */
const PORTS = 6;
/** Drives of an IDE channel. */
const UNITS = 2;
/** Drives of the floppy controller, as its options call them. */
const FLOPPY_DRIVES = ['A', 'B'];

/** Buses of which pxen gives out the places itself. */
type Bus = 'ahci' | 'floppy' | 'ide' | 'scsi' | 'virtio';

/** A volume and where it hangs: `index` counts the volumes on its bus. */
interface Placed {
  readonly volume: MachineVolume;
  readonly bus: Bus;
  readonly index: number;
}

/** MH-11 to MH-16, FW-19, SV-8 to SV-12. */
export function disks(volumes: readonly MachineVolume[], order: BootIndex, transport: Transport): Part[] {
  const placed = places(volumes.filter(volume => !isFlash(volume)));
  return [...controllers(placed), ...placed.map(place => drive(place, order, transport))];
}

/** FW-19: the first one takes the place of the firmware, the second one holds its variables. The board has both. */
export function flash(volumes: readonly MachineVolume[]): string[] {
  return volumes
    .filter(isFlash)
    .flatMap((volume, unit) => ['-drive', `if=pflash,unit=${unit},${backing(volume)}`]);
}

function isFlash(volume: MachineVolume): boolean {
  return volume.interface === 'pflash';
}

function places(volumes: readonly MachineVolume[]): Placed[] {
  const used: Record<Bus, number> = { ahci: 0, floppy: 0, ide: 0, scsi: 0, virtio: 0 };
  return volumes.map(volume => {
    const bus = busOf(volume, used.ahci);
    return { volume, bus, index: used[bus]++ };
  });
}

/** What the tables of capabilities let through beside what is said of the volume's type. */
const BUSES: Readonly<Partial<Record<Interface, Bus>>> = {
  ahci: 'ahci',
  floppy: 'floppy',
  ide: 'ide',
  scsi: 'scsi',
  virtio: 'virtio',
};

/**
 * Discs are on AHCI and not on the board's IDE: SeaBIOS reads IDE word by word, at 19 MiB/s against 160 MiB/s with TCG;
 * where KVM is nested 10 MiB took 20 s against 1 s, and the node stalled meanwhile. From the seventh on they are on
 * virtio-scsi: with some 15 AHCI ports SeaBIOS has no memory left and boots nothing.
 */
function busOf({ interface: wanted, type }: MachineVolume, onAhci: number): Bus {
  const named = wanted && BUSES[wanted];
  if (named) return named;
  if (type === 'qcow2') return 'virtio';
  return onAhci < PORTS ? 'ahci' : 'scsi';
}

function controllers(placed: readonly Placed[]): Part[] {
  const count = (bus: Bus): number => placed.filter(place => place.bus === bus).length;
  const ahci = Array.from({ length: Math.ceil(count('ahci') / PORTS) }, (_, index) => ahciName(index));
  const devices = [
    ...ahci.map(name => `ahci,id=${name}`),
    ...(count('scsi') > 0 ? ['virtio-scsi-pci,id=scsi'] : []),
  ];
  return devices.map(device => ({ backend: [], device, pci: true }));
}

function ahciName(index: number): string {
  return index === 0 ? 'ahci' : `ahci${index}`;
}

function drive({ bus, index, volume }: Placed, order: BootIndex, transport: Transport): Part {
  const { alias, id, iothread, serial } = volume;
  const place = order({ volume: id });
  const backend = ['-drive', `if=none,${backing(volume)}`];
  if (bus === 'floppy') return floppy({ volume, index }, backend, place);
  const thread = iothread === undefined ? '' : `,iothread=${iothread}`;
  const number = serial === undefined ? '' : `,serial=${serial}`;
  const more = `${called(alias)}${number}${thread}${bootindex(place)}`;
  return {
    backend,
    device: `${bus === 'virtio' ? `virtio-blk-${transport}` : device(volume, bus, index)},drive=vol${id}${more}`,
    pci: bus === 'virtio' && transport === 'pci',
  };
}

/** The board has the controller, which is what knows the boot order. */
function floppy(
  { index, volume: { alias, id } }: Pick<Placed, 'index' | 'volume'>,
  backend: readonly string[],
  place: number | undefined,
): Part {
  const first = place === undefined ? [] : ['-global', `isa-fdc.bootindex${FLOPPY_DRIVES[index]}=${place}`];
  return {
    backend: [...first, ...backend],
    device: `floppy,unit=${index},drive=vol${id}${called(alias)}`,
    pci: false,
  };
}

function device({ type }: MachineVolume, bus: Exclude<Bus, 'floppy' | 'virtio'>, index: number): string {
  const end = type === 'iso' ? 'cd' : 'hd';
  switch (bus) {
    case 'ahci':
      return `ide-${end},bus=${ahciName(Math.floor(index / PORTS))}.${index % PORTS}`;
    case 'ide':
      return `ide-${end},bus=ide.${Math.floor(index / UNITS)},unit=${index % UNITS}`;
    case 'scsi':
      return `scsi-${end},bus=scsi.0,scsi-id=${index}`;
  }
}

function backing(volume: MachineVolume): string {
  return `${file(volume)}${caching(volume)}${throttling(volume)}`;
}

/** What the guest discards is given back to the node. */
function file({ file, format, id, type, writable }: MachineVolume): string {
  const start = `id=vol${id},file=${escaped(file)}`;
  if (type === 'iso') return `${start},format=raw,media=cdrom,readonly=on`;
  return `${start},format=${format ?? 'qcow2'},readonly=${writable ? 'off' : 'on'},discard=unmap`;
}

/**
 * SV-10. Without a word the cache is that of the node's page cache (writeback): a tmpfs, where volumes of a node without
 * disks are, may know no O_DIRECT. `cache` says what `direct` says, too.
 */
function caching({ cache, direct }: MachineVolume): string {
  if (cache !== undefined) return `,cache=${cache}`;
  return direct === undefined ? '' : `,cache.direct=${direct ? 'on' : 'off'}`;
}

/** SV-12. On average: what was not done in one second may be done in the next. */
function throttling({ iops }: MachineVolume): string {
  return iops === undefined ? '' : `,throttling.iops-total=${iops}`;
}
