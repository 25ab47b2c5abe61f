import { KEYS, type Key, type KeyPattern, keyOf, type Part } from './keys.ts';
import { formatDelay } from './quality.ts';
import { formatBootEntry, formatMemory } from './values.ts';
import type { Nic, VirtioConsole, Volume, Workload } from './workload.ts';

/** The file of a workload in its canonical form: keys in the order of the table, defaults left out. Parses back to the same. */
export function formatWorkload(workload: Workload): string {
  return [
    line('name', workload.name),
    line('uuid', workload.uuid),
    ...platformLines(workload),
    ...workload.volumes.flatMap(volumeLines),
    ...workload.nics.flatMap(nicLines),
    ...runtimeLines(workload),
    ...placementLines(workload),
  ].join('');
}

function platformLines(workload: Workload): string[] {
  const { cpu, devices = [], iothreads = [], kernel, memory, vsock } = workload;
  return [
    line('platform.engine', workload.engine),
    line('platform.arch', workload.arch),
    line('platform.memory.size', formatMemory(memory.bytes)),
    line('platform.memory.hugepages', memory.hugepages),
    line('platform.memory.share', memory.share),
    line('platform.memory.dump', memory.dump),
    line('platform.cpu.threads', cpu.threads),
    line('platform.cpu.mode', cpu.mode),
    line('platform.cpu.topology.sockets', cpu.topology?.sockets),
    line('platform.cpu.topology.cores', cpu.topology?.cores),
    line('platform.cpu.topology.threads', cpu.topology?.threads),
    line('platform.kernel.image', kernel?.image),
    line('platform.kernel.append', kernel?.append),
    line('platform.kernel.initrd', kernel?.initrd),
    line('platform.bios', workload.bios),
    line('platform.image', workload.image),
    line('platform.balloon', workload.balloon),
    line('platform.vsock.cid', vsock?.cid),
    line('platform.vsock.alias', vsock?.alias),
    ...iothreads.map(({ id, name }) => line('platform.iothread.<n>', name, id)),
    ...devices.map(({ id, type }) => line('platform.device.<n>.type', type, id)),
  ];
}

function volumeLines({ id, ...volume }: Volume): string[] {
  return [
    line('platform.volume.<id>.type', volume.type, id),
    line('platform.volume.<id>.path', volume.path, id),
    line('platform.volume.<id>.source', volume.source, id),
    line('platform.volume.<id>.sha256', volume.sha256, id),
    line('platform.volume.<id>.writable', volume.writable, id),
    line('platform.volume.<id>.ephemeral', volume.ephemeral, id),
    line('platform.volume.<id>.format', volume.format, id),
    line('platform.volume.<id>.interface', volume.interface, id),
    line('platform.volume.<id>.cache', volume.cache, id),
    line('platform.volume.<id>.direct', volume.direct, id),
    line('platform.volume.<id>.serial', volume.serial, id),
    line('platform.volume.<id>.iops', volume.iops, id),
    line('platform.volume.<id>.iothread', volume.iothread, id),
    line('platform.volume.<id>.size', volume.size === undefined ? undefined : formatMemory(volume.size), id),
    line('platform.volume.<id>.pool', volume.pool, id),
    line('platform.volume.<id>.alias', volume.alias, id),
  ];
}

function nicLines({ id, ip, qos, ...nic }: Nic): string[] {
  return [
    line('network.<id>.type', nic.type, id),
    line('network.<id>.bridge', nic.bridge, id),
    line('network.<id>.mac', nic.mac, id),
    line('network.<id>.driver', nic.driver, id),
    line('network.<id>.queue-tap', nic.tap, id),
    line('network.<id>.switch', nic.switch, id),
    line('network.<id>.ip', ip && `${ip.address}/${ip.prefix}`, id),
    line('network.<id>.iothread', nic.iothread, id),
    line('network.<id>.filter', nic.filter, id),
    line('network.<id>.qos.loss', qos?.loss, id),
    line('network.<id>.qos.delay', qos?.delay === undefined ? undefined : formatDelay(qos.delay), id),
    line('network.<id>.qos.rate', qos?.rate?.value, id),
    line('network.<id>.qos.unit', qos?.rate?.unit, id),
    line('network.<id>.alias', nic.alias, id),
  ];
}

function runtimeLines(workload: Workload): string[] {
  const { append = [], boot, console, tags = [], virtioConsoles = [] } = workload;
  return [
    line('runtime.boot', boot?.map(formatBootEntry).join(',')),
    line('runtime.console.type', console.type),
    line('runtime.console.id', 'id' in console ? console.id : undefined),
    ...virtioConsoles.flatMap(virtioConsoleLines),
    line('runtime.vga', workload.vga),
    line('runtime.power-state', workload.powerState),
    line('runtime.qga', workload.qga),
    ...append.map(({ name, value }) => line('runtime.append.<arg>', value, name)),
    ...tags.map(({ key, value }) => line('runtime.tag.<k>', value, key)),
    line('runtime.control-ip', workload.controlIp),
    line('runtime.autostart', workload.autostart),
  ];
}

function virtioConsoleLines({ alias, id, path }: VirtioConsole): string[] {
  return [
    line('runtime.console.virtio.<n>.path', path, id),
    line('runtime.console.virtio.<n>.alias', alias, id),
  ];
}

function placementLines({ placement }: Workload): string[] {
  return [
    line('placement.node', placement.node),
    line('placement.realm', placement.realm),
    line('placement.coschedule', placement.coschedule),
    line('placement.group', placement.group),
  ];
}

/** Nothing for a value that is absent, or what its absence means. */
function line(pattern: KeyPattern, value: string | number | boolean | undefined, part?: Part): string {
  const text = typeof value === 'boolean' ? `${Number(value)}` : value?.toString();
  const { fallback }: Key<unknown> = KEYS[pattern];
  return text === undefined || text === fallback ? '' : `${keyOf(pattern, part)}=${text}\n`;
}
