import { formatDelay } from '../../workload/quality.ts';
import type { Quality, Volume, Workload } from '../../workload/workload.ts';
import type { Note } from '../exchange.ts';
import type { Machine, MachineNic } from '../machine.ts';
import { cacheOf } from './carriage.ts';
import { topologyOf } from './dictionary.ts';

/** The commands by which minimega launches a machine (FW-30). */
export function minimegaScript(machine: Machine): string {
  const { workload } = machine;
  const commands = [
    ['clear', 'vm', 'config'],
    ...config(machine),
    ['vm', 'launch', 'kvm', workload.name],
    ...shaping(machine),
    ...(workload.powerState === 'paused' ? [] : [['vm', 'start', workload.name]]),
  ];
  return commands.map(words => `${words.map(quoted).join(' ')}\n`).join('');
}

function config(machine: Machine): string[][] {
  const { rfcUuid, workload } = machine;
  const { cpu, memory, placement, tags = [] } = workload;
  const { cores, sockets, threads } = topologyOf(workload);
  const settings: readonly (readonly [string, ...string[]])[] = [
    ['uuid', rfcUuid],
    ['memory', `${memory.bytes / 1024 ** 2}`],
    ['vcpus', `${cpu.threads}`],
    ['sockets', `${sockets}`],
    ['cores', `${cores}`],
    ['threads', `${threads}`],
    ['cpu', cpu.mode],
    ['vga', workload.vga ?? 'std'],
    ...kernel(workload),
    ...volumes(workload.volumes),
    ...networks(machine),
    ...(workload.qga ? [['virtio-ports', 'org.qemu.guest_agent.0'] as const] : []),
    ...options(workload),
    ['coschedule', `${placement.coschedule ?? -1}`],
    ...tags.map(({ key, value }) => ['tags', key, value] as const),
  ];
  return settings.map(words => ['vm', 'config', ...words]);
}

type Setting = readonly [string, ...string[]];

function kernel({ kernel: boot }: Workload): Setting[] {
  if (!boot) return [];
  return [
    ['kernel', boot.image],
    ...(boot.initrd === undefined ? [] : [['initrd', boot.initrd] as const]),
    ...(boot.append === undefined ? [] : [['append', ...boot.append.split(/ +/)] as const]),
  ];
}

/** FW-19. Snapshots are what minimega does by itself: a file that may change and stay turns them off. */
function volumes(all: readonly Volume[]): Setting[] {
  const disks = all.filter(({ type }) => type === 'qcow2');
  const [disc] = all.filter(({ type }) => type === 'iso');
  const stays = disks.some(({ ephemeral, writable }) => writable && !ephemeral);
  const specs = disks.map(disk => `${disk.path},${disk.interface ?? 'virtio'},${cacheOf(disk)}`);
  return [
    ...(disks.length > 0 ? [['disks', ...specs] as const, ['snapshot', `${!stays}`] as const] : []),
    ...(disc ? [['cdrom', disc.path] as const] : []),
  ];
}

export function scriptNotes({ volumes: all }: Workload): Note[] {
  const [, ...more] = all.filter(({ type }) => type === 'iso');
  return more.map(({ id }) => ({ key: `platform.volume.${id}`, text: 'left out: minimega has one CD-ROM' }));
}

/** The NICs that minimega has, with its own numbers for them. */
function tapped({ nics, workload }: Machine): { readonly spec: string; readonly qos: Quality | undefined }[] {
  return nics.flatMap(({ bridge, id, mac }: MachineNic) => {
    const nic = workload.nics.find(each => each.id === id);
    if (!nic || bridge === undefined) return [];
    return [{ spec: [nic.switch ?? bridge, mac, nic.driver ?? 'virtio-net-pci'].join(','), qos: nic.qos }];
  });
}

function networks(machine: Machine): Setting[] {
  const specs = tapped(machine).map(({ spec }) => spec);
  return specs.length === 0 ? [] : [['networks', ...specs]];
}

function options({ append = [], bios }: Workload): Setting[] {
  const words = [
    ...(bios === undefined ? [] : ['-bios', bios]),
    ...append.flatMap(({ name, value }) => (value === '' ? [`-${name}`] : [`-${name}`, value])),
  ];
  return words.length === 0 ? [] : [['qemu-append', ...words]];
}

/** FW-16. */
function shaping(machine: Machine): string[][] {
  const add = ['qos', 'add', machine.workload.name];
  return tapped(machine).flatMap(({ qos }, at) => qualities(qos).map(words => [...add, `${at}`, ...words]));
}

function qualities(qos: Quality | undefined): string[][] {
  if (qos?.rate) return [['rate', `${qos.rate.value}`, qos.rate.unit]];
  const loss = qos?.loss === undefined ? [] : [['loss', `${qos.loss}`]];
  const delay = qos?.delay === undefined ? [] : [['delay', formatDelay(qos.delay)]];
  return [...loss, ...delay];
}

/** For the command line of minimega, where `#` begins a comment. */
function quoted(word: string): string {
  return /^[^\s"'\\#]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}
