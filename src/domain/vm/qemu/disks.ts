import type { MachineVolume } from '../machine.ts';
import type { BootIndex } from './boot.ts';
import { escaped } from './option.ts';
import type { Part } from './slots.ts';

/** Ports of an AHCI controller. */
const PORTS = 6;

/**
 * MH-11 to MH-16. Discs are on AHCI and not on the board's IDE: SeaBIOS reads IDE word by word, at 19 MiB/s against
 * 160 MiB/s with TCG; where KVM is nested 10 MiB took 20 s against 1 s, and the node stalled meanwhile. From the seventh
 * on they are on virtio-scsi: with some 15 AHCI ports SeaBIOS has no memory left and boots nothing.
 */
export function disks(volumes: readonly MachineVolume[], order: BootIndex): Part[] {
  const discs = volumes.filter(({ type }) => type === 'iso');
  const drives = volumes.map(volume => {
    const bootindex = order({ volume: volume.id });
    return volume.type === 'iso' ? disc(volume, discs.indexOf(volume), bootindex) : disk(volume, bootindex);
  });
  return [...controllers(discs.length), ...drives];
}

function controllers(discs: number): Part[] {
  const ahci = { backend: [], device: 'ahci,id=ahci', pci: true };
  const scsi = { backend: [], device: 'virtio-scsi-pci,id=scsi', pci: true };
  return [...(discs > 0 ? [ahci] : []), ...(discs > PORTS ? [scsi] : [])];
}

/** `index`: among the discs. */
function disc({ file, id }: MachineVolume, index: number, bootindex: string): Part {
  const place = index < PORTS ? `ide-cd,bus=ahci.${index}` : `scsi-cd,bus=scsi.0,scsi-id=${index - PORTS}`;
  return {
    backend: ['-drive', `if=none,id=vol${id},file=${escaped(file)},format=raw,media=cdrom,readonly=on`],
    device: `${place},drive=vol${id}${bootindex}`,
    pci: false,
  };
}

/**
 * The cache stays that of the node's page cache (writeback): a tmpfs, where volumes of a node without disks are, may know
 * no O_DIRECT. What the guest discards is given back to the node.
 */
function disk({ file, id, writable }: MachineVolume, bootindex: string): Part {
  const readonly = writable ? 'off' : 'on';
  return {
    backend: [
      '-drive',
      `if=none,id=vol${id},file=${escaped(file)},format=qcow2,readonly=${readonly},discard=unmap`,
    ],
    device: `virtio-blk-pci,drive=vol${id}${bootindex}`,
    pci: true,
  };
}
