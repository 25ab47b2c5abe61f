import type { Settings } from './settings.ts';
import { product, topologyOf } from './topology.ts';
import type { Console, Kernel, Nic, Quality, VirtioConsole, Volume, Vsock, Workload } from './workload.ts';

/** The workload of a file that keeps every rule. */
export function buildWorkload(settings: Settings): Workload {
  const topology = topologyOf(settings);
  return {
    name: settings.sure('name'),
    uuid: settings.sure('uuid'),
    engine: settings.sure('platform.engine'),
    arch: settings.chosen('platform.arch'),
    memory: {
      bytes: settings.sure('platform.memory.size'),
      hugepages: settings.value('platform.memory.hugepages'),
      share: settings.chosen('platform.memory.share'),
      dump: settings.chosen('platform.memory.dump'),
    },
    cpu: {
      threads: topology ? product(topology) : settings.sure('platform.cpu.threads'),
      mode: settings.sure('platform.cpu.mode'),
      topology,
    },
    kernel: kernelOf(settings),
    bios: settings.value('platform.bios'),
    image: settings.value('platform.image'),
    balloon: settings.value('platform.balloon'),
    vsock: vsockOf(settings),
    iothreads: some(
      settings.ids('platform.iothread').map(id => ({ id, name: settings.sure('platform.iothread.<n>', id) })),
    ),
    devices: some(
      settings
        .ids('platform.device')
        .map(id => ({ id, type: settings.sure('platform.device.<n>.type', id) })),
    ),
    volumes: settings.ids('platform.volume').map(id => volumeOf(settings, id)),
    nics: settings.ids('network').map(id => nicOf(settings, id)),
    boot: settings.value('runtime.boot'),
    console: consoleOf(settings),
    virtioConsoles: some(settings.ids('runtime.console.virtio').map(id => virtioConsoleOf(settings, id))),
    ...runtimeOf(settings),
    autostart: settings.sure('runtime.autostart'),
    placement: {
      node: settings.value('placement.node'),
      realm: settings.value('placement.realm'),
      coschedule: settings.chosen('placement.coschedule'),
      group: settings.value('placement.group'),
    },
  };
}

/** None is the absence of the list. */
function some<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function runtimeOf(
  settings: Settings,
): Pick<Workload, 'vga' | 'powerState' | 'qga' | 'append' | 'tags' | 'controlIp'> {
  return {
    vga: settings.chosen('runtime.vga'),
    powerState: settings.chosen('runtime.power-state'),
    qga: settings.chosen('runtime.qga'),
    append: some(
      settings
        .words('runtime.append')
        .map(name => ({ name, value: settings.sure('runtime.append.<arg>', name) })),
    ),
    tags: some(
      settings.words('runtime.tag').map(key => ({ key, value: settings.sure('runtime.tag.<k>', key) })),
    ),
    controlIp: settings.value('runtime.control-ip'),
  };
}

function kernelOf(settings: Settings): Kernel | undefined {
  const image = settings.value('platform.kernel.image');
  if (image === undefined) return undefined;
  const [append, initrd] = [
    settings.value('platform.kernel.append'),
    settings.value('platform.kernel.initrd'),
  ];
  return { image, append, initrd };
}

function vsockOf(settings: Settings): Vsock | undefined {
  const cid = settings.value('platform.vsock.cid');
  return cid === undefined ? undefined : { cid, alias: settings.value('platform.vsock.alias') };
}

function volumeOf(settings: Settings, id: number): Volume {
  return {
    id,
    type: settings.sure('platform.volume.<id>.type', id),
    path: settings.sure('platform.volume.<id>.path', id),
    source: settings.value('platform.volume.<id>.source', id),
    sha256: settings.value('platform.volume.<id>.sha256', id),
    writable: settings.sure('platform.volume.<id>.writable', id),
    ephemeral: settings.sure('platform.volume.<id>.ephemeral', id),
    format: settings.value('platform.volume.<id>.format', id),
    interface: settings.value('platform.volume.<id>.interface', id),
    cache: settings.value('platform.volume.<id>.cache', id),
    direct: settings.value('platform.volume.<id>.direct', id),
    serial: settings.value('platform.volume.<id>.serial', id),
    iops: settings.value('platform.volume.<id>.iops', id),
    iothread: settings.value('platform.volume.<id>.iothread', id),
    size: settings.value('platform.volume.<id>.size', id),
    pool: settings.value('platform.volume.<id>.pool', id),
    alias: settings.value('platform.volume.<id>.alias', id),
  };
}

function nicOf(settings: Settings, id: number): Nic {
  return {
    id,
    type: settings.sure('network.<id>.type', id),
    bridge: settings.value('network.<id>.bridge', id),
    mac: settings.value('network.<id>.mac', id),
    driver: settings.chosen('network.<id>.driver', id),
    tap: settings.value('network.<id>.queue-tap', id),
    switch: settings.value('network.<id>.switch', id),
    ip: settings.value('network.<id>.ip', id),
    iothread: settings.value('network.<id>.iothread', id),
    filter: settings.value('network.<id>.filter', id),
    qos: qualityOf(settings, id),
    alias: settings.value('network.<id>.alias', id),
  };
}

function qualityOf(settings: Settings, id: number): Quality | undefined {
  const value = settings.value('network.<id>.qos.rate', id);
  if (value !== undefined) return { rate: { value, unit: settings.sure('network.<id>.qos.unit', id) } };
  const [loss, delay] = [
    settings.value('network.<id>.qos.loss', id),
    settings.value('network.<id>.qos.delay', id),
  ];
  return loss === undefined && delay === undefined ? undefined : { loss, delay };
}

function consoleOf(settings: Settings): Console {
  const type = settings.sure('runtime.console.type');
  if (type === 'vnc') return { type, id: settings.sure('runtime.console.id') };
  return type === 'serial-tcp' ? { type, id: settings.value('runtime.console.id') } : { type };
}

function virtioConsoleOf(settings: Settings, id: number): VirtioConsole {
  return {
    id,
    path: settings.sure('runtime.console.virtio.<n>.path', id),
    alias: settings.value('runtime.console.virtio.<n>.alias', id),
  };
}
