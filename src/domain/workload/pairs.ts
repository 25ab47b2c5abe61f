import { type KeyPattern, keyOf } from './keys.ts';
import type { Fault } from './problem.ts';
import { atMost, distinct, each, goesWith, type Rule } from './rule.ts';
import { faultAt, type Settings } from './settings.ts';
import { topologyFits } from './topology.ts';
import { formatMemory } from './values.ts';
import type { Cache } from './workload.ts';

/** The smallest huge page that Linux has on x86. */
const LEAST_HUGE_PAGE = 2 * 1024 * 1024;
/** A virtio-serial bus has 31 ports (VIRTIO_PCI_QUEUE_MAX, with 0 kept), one of which is the guest agent's. */
const MOST_CONSOLES = 30;
const MOST_OF_A_KIND = 64;

const ALIASES = [
  'platform.volume.<id>.alias',
  'network.<id>.alias',
  'platform.vsock.alias',
  'runtime.console.virtio.<n>.alias',
] as const satisfies readonly KeyPattern[];

/** The rules of checklist 5.1 that need more than one key. */
export const PAIR_RULES: readonly Rule[] = [
  topologyFits,
  memoryIsWholePages,
  balloonWithoutHugePages,
  goesWith('platform.kernel.append', 'platform.kernel.image'),
  goesWith('platform.kernel.initrd', 'platform.kernel.image'),
  goesWith('platform.vsock.alias', 'platform.vsock.cid'),
  goesWith('network.<id>.qos.unit', 'network.<id>.qos.rate'),
  each('platform.volume', discIsNoDisk),
  each('platform.volume', discHangsOnItsOwn),
  each('platform.volume', directGoesWithCache),
  each('platform.volume', sizeIsNotFetched),
  each('platform.volume', threadServesVirtio),
  each('platform.volume', ataDiskIsWritable),
  ideHasRoom,
  each('network', rateGoesAlone),
  each('network', tapNeedsBridge),
  threadsAreThere,
  distinct('platform.iothread.<n>'),
  distinct('network.<id>.queue-tap'),
  distinct('runtime.console.virtio.<n>.path'),
  distinct(...ALIASES),
  aliasIsNobodysName,
  atMost('platform.iothread', MOST_OF_A_KIND, 'iothread'),
  atMost('platform.device', MOST_OF_A_KIND, 'device'),
  atMost('runtime.console.virtio', MOST_CONSOLES, 'virtio-console'),
  atMost('runtime.append', MOST_OF_A_KIND, 'option'),
  atMost('runtime.tag', MOST_OF_A_KIND, 'tag'),
  optionHasNoKey,
];

/** What devices are called that have no alias. */
const NAMED = [
  { family: 'platform.volume', alias: 'platform.volume.<id>.alias', name: 'vol' },
  { family: 'network', alias: 'network.<id>.alias', name: 'net' },
  { family: 'runtime.console.virtio', alias: 'runtime.console.virtio.<n>.alias', name: 'console' },
] as const;

/** */
function aliasIsNobodysName(settings: Settings): Fault[] {
  const names = new Map<unknown, string>();
  for (const { alias, family, name } of NAMED)
    for (const id of settings.ids(family))
      if (!settings.at(alias, id)) names.set(`${name}${id}`, `${family}.${id}`);
  if (settings.at('platform.vsock.cid') && !settings.at('platform.vsock.alias'))
    names.set('vsock0', 'platform.vsock');
  const aliases: readonly KeyPattern[] = ALIASES;
  return settings.all.flatMap(setting => {
    const owner = aliases.includes(setting.pattern) ? names.get(setting.value) : undefined;
    if (owner === undefined) return [];
    return [faultAt(setting, 'CONFLICT', `another name, ${owner} is called so where it has no alias`)];
  });
}

/** SV-22; the page size of the node is judged there. */
function memoryIsWholePages(settings: Settings): Fault[] {
  const size = settings.at('platform.memory.size');
  if (!settings.at('platform.memory.hugepages') || typeof size?.value !== 'number') return [];
  if (size.value % LEAST_HUGE_PAGE === 0) return [];
  const expected = `a multiple of ${formatMemory(LEAST_HUGE_PAGE)}, because platform.memory.hugepages takes whole pages`;
  return [faultAt(size, 'BAD_VALUE', expected)];
}

/** SV-21, X-9. */
function balloonWithoutHugePages(settings: Settings): Fault[] {
  const balloon = settings.at('platform.balloon');
  if (!balloon || !settings.at('platform.memory.hugepages')) return [];
  const expected = 'no balloon with platform.memory.hugepages, because huge pages cannot be given back';
  return [faultAt(balloon, 'CONFLICT', expected)];
}

const OF_DISKS: readonly KeyPattern[] = ['platform.volume.<id>.format', 'platform.volume.<id>.size'];

function discIsNoDisk(settings: Settings, id: number): Fault[] {
  if (settings.value('platform.volume.<id>.type', id) !== 'iso') return [];
  const expected = `no such key with platform.volume.${id}.type=iso`;
  return OF_DISKS.flatMap(pattern => settings.at(pattern, id) ?? []).map(setting =>
    faultAt(setting, 'CONFLICT', expected),
  );
}

const OF_DISCS: readonly unknown[] = ['ahci', 'ide', 'scsi'];

function discHangsOnItsOwn(settings: Settings, id: number): Fault[] {
  const given = settings.at('platform.volume.<id>.interface', id);
  if (settings.value('platform.volume.<id>.type', id) !== 'iso' || given?.value === undefined) return [];
  if (OF_DISCS.includes(given.value)) return [];
  const expected = `ahci, ide or scsi with platform.volume.${id}.type=iso`;
  return [faultAt(given, 'CONFLICT', expected)];
}

const AROUND_PAGE_CACHE: readonly Cache[] = ['none', 'directsync'];

/** Both say whether the node's page cache is gone around. */
function directGoesWithCache(settings: Settings, id: number): Fault[] {
  const direct = settings.at('platform.volume.<id>.direct', id);
  const cache =
    settings.at('platform.volume.<id>.cache', id) && settings.value('platform.volume.<id>.cache', id);
  if (direct?.value === undefined || cache === undefined) return [];
  const goesAround = AROUND_PAGE_CACHE.includes(cache);
  if (direct.value === goesAround) return [];
  return [faultAt(direct, 'CONFLICT', `${Number(goesAround)} with platform.volume.${id}.cache=${cache}`)];
}

function sizeIsNotFetched(settings: Settings, id: number): Fault[] {
  const size = settings.at('platform.volume.<id>.size', id);
  if (!size || !settings.at('platform.volume.<id>.source', id)) return [];
  const expected = `no size with platform.volume.${id}.source, because the disk is as large as what is fetched`;
  return [faultAt(size, 'CONFLICT', expected)];
}

/** QEMU and StratoVirt have iothreads for virtio-blk and for no other disk. */
function threadServesVirtio(settings: Settings, id: number): Fault[] {
  const thread = settings.at('platform.volume.<id>.iothread', id);
  if (thread?.value === undefined) return [];
  const on = settings.value('platform.volume.<id>.interface', id) ?? 'virtio';
  if (settings.value('platform.volume.<id>.type', id) === 'iso')
    return [faultAt(thread, 'CONFLICT', `no iothread with platform.volume.${id}.type=iso`)];
  if (on === 'virtio') return [];
  return [faultAt(thread, 'CONFLICT', `no iothread with platform.volume.${id}.interface=${on}`)];
}

/** The disks of QEMU on AHCI and IDE know no write protection. */
function ataDiskIsWritable(settings: Settings, id: number): Fault[] {
  const given = settings.at('platform.volume.<id>.interface', id);
  if (settings.value('platform.volume.<id>.type', id) !== 'qcow2') return [];
  if (given?.value !== 'ahci' && given?.value !== 'ide') return [];
  const writable = settings.at('platform.volume.<id>.writable', id);
  if (writable && writable.value !== false) return [];
  const because = `platform.volume.${id}.interface=${given.value}, whose disks cannot be read-only`;
  const key = keyOf('platform.volume.<id>.writable', id);
  if (!writable) return [{ key, code: 'MISSING_KEY', expected: `1, because of ${because}` }];
  return [faultAt(writable, 'CONFLICT', `1 with ${because}`)];
}

/** Two channels of two drives each. */
const MOST_ON_IDE = 4;

function ideHasRoom(settings: Settings): Fault[] {
  const onIde = settings
    .ids('platform.volume')
    .flatMap(id => settings.at('platform.volume.<id>.interface', id) ?? [])
    .filter(({ value }) => value === 'ide');
  return onIde
    .slice(MOST_ON_IDE)
    .map(setting =>
      faultAt(setting, 'CONFLICT', `another one, because IDE has room for ${MOST_ON_IDE} drives`),
    );
}

/** a qdisc of tc is netem or tbf. */
function rateGoesAlone(settings: Settings, id: number): Fault[] {
  const rate = settings.at('network.<id>.qos.rate', id);
  const others = [settings.at('network.<id>.qos.loss', id), settings.at('network.<id>.qos.delay', id)];
  const names = others.flatMap(other => other?.key ?? []);
  if (!rate || names.length === 0) return [];
  return [faultAt(rate, 'CONFLICT', `no rate with ${names.join(' and ')}, because tc does one or the other`)];
}

const OF_TAPS: readonly KeyPattern[] = [
  'network.<id>.queue-tap',
  'network.<id>.switch',
  'network.<id>.filter',
  'network.<id>.qos.loss',
  'network.<id>.qos.delay',
  'network.<id>.qos.rate',
];

/** Only a NIC on a bridge has an interface on the node. */
function tapNeedsBridge(settings: Settings, id: number): Fault[] {
  if (settings.value('network.<id>.type', id) !== 'nat') return [];
  return OF_TAPS.flatMap(pattern => settings.at(pattern, id) ?? []).map(setting =>
    faultAt(
      setting,
      'CONFLICT',
      `no such key with network.${id}.type=nat, which has no interface on the node`,
    ),
  );
}

const USES_THREAD: readonly KeyPattern[] = ['platform.volume.<id>.iothread', 'network.<id>.iothread'];

/** SV-19. */
function threadsAreThere(settings: Settings): Fault[] {
  const names = settings.of('platform.iothread').map(({ text }) => text);
  const known = names.length === 0 ? 'the file has none' : names.join(', ');
  return settings.all
    .filter(({ pattern, text }) => USES_THREAD.includes(pattern) && !names.includes(text))
    .filter(({ value }) => value !== undefined)
    .map(setting => faultAt(setting, 'BAD_REFERENCE', `the value of a platform.iothread.<n> (${known})`));
}

/** Options of QEMU that are set by keys, or that would take the machine out of pxen's hands. */
const OWN_OPTIONS: Readonly<Record<string, string>> = {
  append: 'platform.kernel.append',
  bios: 'platform.bios',
  boot: 'runtime.boot',
  cpu: 'platform.cpu.mode',
  initrd: 'platform.kernel.initrd',
  kernel: 'platform.kernel.image',
  m: 'platform.memory.size',
  'mem-path': 'platform.memory.hugepages',
  name: 'name',
  S: 'runtime.power-state',
  smp: 'platform.cpu.threads',
  uuid: 'uuid',
  vga: 'runtime.vga',
};
const FORBIDDEN_OPTIONS: readonly string[] = [
  'daemonize',
  'pidfile',
  'preconfig',
  'chroot',
  'runas',
  'readconfig',
];

function optionHasNoKey(settings: Settings): Fault[] {
  return settings.of('runtime.append').flatMap(setting => {
    const { word = '' } = setting;
    const own = Object.hasOwn(OWN_OPTIONS, word) ? OWN_OPTIONS[word] : undefined;
    const place = { line: setting.line, key: setting.key, code: 'NOT_SUPPORTED', got: `-${word}` } as const;
    if (own !== undefined) return [{ ...place, expected: `the key ${own} instead` }];
    if (!FORBIDDEN_OPTIONS.includes(word)) return [];
    return [{ ...place, expected: 'another option, because pxen starts QEMU itself and keeps hold of it' }];
  });
}
