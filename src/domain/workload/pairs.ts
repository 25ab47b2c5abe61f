import type { KeyPattern } from './keys.ts';
import type { Fault } from './problem.ts';
import { atMost, distinct, each, goesWith, type Rule } from './rule.ts';
import { faultAt, type Settings } from './settings.ts';
import { topologyFits } from './topology.ts';
import { formatMemory } from './values.ts';
import { VOLUME_RULES } from './volume-pairs.ts';

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
  ...VOLUME_RULES,
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
