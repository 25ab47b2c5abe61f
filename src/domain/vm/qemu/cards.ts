import { DEFAULT_DRIVER, type Driver } from '../../workload/workload.ts';
import type { MachineNic } from '../machine.ts';
import { type BootIndex, bootindex } from './boot.ts';
import { called } from './option.ts';
import type { Part, Transport } from './slots.ts';

/** MH-20 to MH-23, FW-11. */
export function networkCards(nics: readonly MachineNic[], order: BootIndex, transport: Transport): Part[] {
  return nics.map(({ alias, driver = DEFAULT_DRIVER, id, mac, ...nic }) => ({
    backend: ['-netdev', backend({ ...nic, id })],
    device: `${card(driver, transport)},netdev=net${id}${called(alias)},mac=${mac}${
      transport === 'pci' ? rom(bootindex(order({ nic: id }))) : ''
    }`,
    pci: transport === 'pci',
  }));
}

/** Without a PCI bus there is no other one. */
function card(driver: Driver, transport: Transport): string {
  return transport === 'pci' ? driver : 'virtio-net-device';
}

/** The tap is on its bridge already when QEMU takes it. */
function backend({ id, tap, vhost }: Pick<MachineNic, 'id' | 'tap' | 'vhost'>): string {
  if (tap === undefined) return `user,id=net${id}`;
  return `tap,id=net${id},ifname=${tap},script=no,downscript=no${vhost ? ',vhost=on' : ''}`;
}

/** Only a card that may boot needs iPXE; the others do without the ROM file, which not every node has. */
function rom(place: string): string {
  return place === '' ? ',romfile=' : place;
}
