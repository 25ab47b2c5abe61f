import { addressed } from '../equipment.ts';
import type { Machine } from '../machine.ts';
import { STATE_FILES } from '../statefiles.ts';
import { called, escaped } from './option.ts';
import { type Part, type Transport, transportOf } from './slots.ts';

/** What a machine has beside volumes and cards. */
export function equipment(machine: Machine): Part[] {
  const transport = transportOf(machine.workload.engine);
  return [
    ...balloon(machine, transport),
    ...vsock(machine, transport),
    ...virtioSerial(machine, transport),
    ...hostDevices(machine),
  ];
}

/** SV-21. */
function balloon({ workload }: Machine, transport: Transport): Part[] {
  if (workload.balloon === undefined) return [];
  const deflates = workload.balloon === 'deflate-on-oom' ? 'on' : 'off';
  return [
    {
      backend: [],
      device: `virtio-balloon-${transport},deflate-on-oom=${deflates}`,
      pci: transport === 'pci',
    },
  ];
}

/** SV-14. */
function vsock({ vsock }: Machine, transport: Transport): Part[] {
  if (vsock === undefined) return [];
  const device = `vhost-vsock-${transport},guest-cid=${vsock.cid}${called(vsock.alias)}`;
  return [{ backend: [], device, pci: transport === 'pci' }];
}

/** SV-13, FW-24: all on one bus. Consoles first: the guest counts /dev/hvc in the order of their ports. */
function virtioSerial(machine: Machine, transport: Transport): Part[] {
  const ports = [...consoles(machine), ...guestAgent(machine)];
  const bus = { backend: [], device: `virtio-serial-${transport}`, pci: transport === 'pci' };
  return ports.length === 0 ? [] : [bus, ...ports];
}

function consoles({ virtioConsoles }: Machine): Part[] {
  return (virtioConsoles ?? []).map(({ alias, id, socket }) => ({
    backend: listening(`console${id}`, socket),
    device: `virtconsole,chardev=console${id}${called(alias)}`,
    pci: false,
  }));
}

/** The name is the one that qemu-ga looks for in the guest. */
function guestAgent({ folder, workload }: Machine): Part[] {
  if (!workload.qga) return [];
  const device = 'virtserialport,chardev=qga,name=org.qemu.guest_agent.0';
  return [{ backend: listening('qga', `${folder}/${STATE_FILES.qga}`), device, pci: false }];
}

/** TC-31: the agent has bound them to vfio-pci before. */
function hostDevices(machine: Machine): Part[] {
  return addressed(machine).map(({ address }) => ({
    backend: [],
    device: `vfio-pci,host=${address}`,
    pci: true,
  }));
}

function listening(id: string, path: string): string[] {
  return ['-chardev', `socket,id=${id},path=${escaped(path)},server=on,wait=off`];
}
