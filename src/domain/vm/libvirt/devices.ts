import type { BootEntry, Vga } from '../../workload/workload.ts';
import { placeIn } from '../boot-order.ts';
import { addressed } from '../equipment.ts';
import type { Machine, MachineNic } from '../machine.ts';
import { STATE_FILES } from '../statefiles.ts';
import { disks } from './disks.ts';
import { aliasOf, bootAt } from './names.ts';
import { type Element, element, leaf } from './xml.ts';

/** Everything in `<devices>`. */
export function devices(machine: Machine, order: readonly BootEntry[], hasTaps: boolean): Element {
  return element(
    'devices',
    {},
    ...disks(machine, order),
    ...machine.nics.map(nic => networkCard(machine, nic, { order, hasTaps })),
    serialPort(machine),
    ...virtioConsoles(machine),
    ...guestAgent(machine),
    ...screen(machine),
    video(machine),
    ...hostDevices(machine),
    balloon(machine),
    element('rng', { model: 'virtio' }, leaf('backend', '/dev/urandom', { model: 'random' })),
    vsock(machine),
  );
}

/** MH-20 to MH-23. Behind NAT: the network that every libvirt brings. */
function networkCard(
  { workload }: Machine,
  { bridge, id, mac, tap }: MachineNic,
  { hasTaps, order }: { readonly order: readonly BootEntry[]; readonly hasTaps: boolean },
): Element {
  const isNat = bridge === undefined;
  const nic = workload.nics.find(each => each.id === id);
  const model = nic?.driver ?? 'virtio';
  return element(
    'interface',
    // libvirt makes the tap of a `bridge` itself, and refuses one that is there.
    { type: isNat ? 'network' : hasTaps ? 'ethernet' : 'bridge' },
    element('mac', { address: mac }),
    isNat ? element('source', { network: 'default' }) : hasTaps ? undefined : element('source', { bridge }),
    tap === undefined ? undefined : element('target', { dev: tap, managed: hasTaps ? 'no' : undefined }),
    element('model', { type: model }),
    nic?.filter === undefined ? undefined : element('filterref', { filter: nic.filter }),
    bootAt(placeIn(order, { nic: id })),
    aliasOf(nic?.alias),
  );
}

/** MH-27, MH-28; all of it is kept in the state folder, too. */
function serialPort({ console, folder }: Machine): Element {
  const file = `${folder}/${STATE_FILES.serialLog}`;
  const log = element('log', { file, append: 'on' });
  const target = element('target', { port: 0 });
  switch (console.type) {
    case 'serial-tcp':
      return element(
        'serial',
        { type: 'tcp' },
        element('source', { mode: 'bind', host: '0.0.0.0', service: console.port }),
        element('protocol', { type: 'raw' }),
        log,
        target,
      );
    case 'serial-socket':
      return element('serial', { type: 'unix' }, listening(`${folder}/${STATE_FILES.serial}`), log, target);
    case 'vnc':
      return element('serial', { type: 'file' }, element('source', { path: file, append: 'on' }), target);
  }
}

function listening(path: string): Element {
  return element('source', { mode: 'bind', path });
}

/** The first console is the serial port. */
function virtioConsoles({ virtioConsoles: consoles = [] }: Machine): Element[] {
  return consoles.map(({ alias, socket }, index) =>
    element(
      'console',
      { type: 'unix' },
      listening(socket),
      element('target', { type: 'virtio', port: index + 1 }),
      aliasOf(alias),
    ),
  );
}

function guestAgent({ folder, workload }: Machine): Element[] {
  if (!workload.qga) return [];
  const target = element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' });
  return [element('channel', { type: 'unix' }, listening(`${folder}/${STATE_FILES.qga}`), target)];
}

/** MH-29, on all addresses. The tablet tells where the pointer is. */
function screen({ console }: Machine): Element[] {
  if (console.type !== 'vnc') return [];
  return [
    element('input', { type: 'tablet', bus: 'usb' }),
    element(
      'graphics',
      { type: 'vnc', port: console.port, autoport: 'no', listen: '0.0.0.0' },
      element('listen', { type: 'address', address: '0.0.0.0' }),
    ),
  ];
}

const MODELS: Readonly<Record<Vga, string>> = {
  std: 'vga',
  cirrus: 'cirrus',
  vmware: 'vmvga',
  qxl: 'qxl',
  virtio: 'virtio',
  none: 'none',
};

function video({ workload }: Machine): Element {
  return element('video', {}, element('model', { type: MODELS[workload.vga ?? 'std'] }));
}

function hostDevices(machine: Machine): Element[] {
  return addressed(machine).map(({ address }) => {
    const [, domain, bus, slot, part] = /^(\w{4}):(\w{2}):(\w{2})\.(\w)$/.exec(address) ?? [];
    const numbers = { domain, bus, slot, function: part };
    const hex = Object.entries(numbers).map(([name, digits]) => [name, `0x${digits}`]);
    return element(
      'hostdev',
      { mode: 'subsystem', type: 'pci', managed: 'yes' },
      element('source', {}, element('address', Object.fromEntries(hex))),
    );
  });
}

/** libvirt adds one where nothing is said. */
function balloon({ workload: { balloon: kind } }: Machine): Element {
  if (kind === undefined) return element('memballoon', { model: 'none' });
  return element('memballoon', { model: 'virtio', autodeflate: kind === 'deflate-on-oom' ? 'on' : 'off' });
}

function vsock({ vsock: socket, workload }: Machine): Element | undefined {
  if (!socket) return undefined;
  const cid =
    workload.vsock?.cid === 'auto'
      ? element('cid', { auto: 'yes' })
      : element('cid', { auto: 'no', address: socket.cid });
  return element('vsock', { model: 'virtio' }, cid, aliasOf(socket.alias));
}
