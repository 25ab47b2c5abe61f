import type { MachineNic } from '../machine.ts';
import type { BootIndex } from './boot.ts';
import type { Part } from './slots.ts';

/** MH-20 to MH-23. */
export function networkCards(nics: readonly MachineNic[], order: BootIndex): Part[] {
  return nics.map(nic => ({
    backend: ['-netdev', backend(nic)],
    device: `virtio-net-pci,netdev=net${nic.id},mac=${nic.mac}${rom(order({ nic: nic.id }))}`,
    pci: true,
  }));
}

/** The tap is on its bridge already when QEMU takes it. */
function backend({ id, tap, vhost }: MachineNic): string {
  if (tap === undefined) return `user,id=net${id}`;
  return `tap,id=net${id},ifname=${tap},script=no,downscript=no${vhost ? ',vhost=on' : ''}`;
}

/** Only a card that may boot needs iPXE; the others do without the ROM file, which not every node has. */
function rom(bootindex: string): string {
  return bootindex === '' ? ',romfile=' : bootindex;
}
