import { type KeyPattern, keyOf } from './keys.ts';
import type { Fault } from './problem.ts';
import { each, type Rule } from './rule.ts';
import { faultAt, type Setting, type Settings } from './settings.ts';
import type { Cache, Interface } from './workload.ts';

/** Where a volume hangs, and how many can hang there: channels, drives A and B, firmware and its variables. */
const ROOM: readonly (readonly [Interface, number, string])[] = [
  ['ide', 4, 'IDE has room for 4 drives'],
  ['floppy', 2, 'a PC has room for 2 floppy drives'],
  ['pflash', 2, 'a PC has 2 pieces of flash memory'],
];

/** The rules of volumes that need more than one key. */
export const VOLUME_RULES: readonly Rule[] = [
  each('platform.volume', discIsNoDisk),
  each('platform.volume', discHangsOnItsOwn),
  each('platform.volume', directGoesWithCache),
  each('platform.volume', sizeIsNotFetched),
  each('platform.volume', threadServesVirtio),
  each('platform.volume', ataDiskIsWritable),
  each('platform.volume', interfaceKnowsKeys),
  settings => ROOM.flatMap(room => tooMany(settings, ...room)),
  flashIsTheFirmware,
  flashIsNotBooted,
];

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

/** What the devices of QEMU have no property for. */
const UNKNOWN_TO: Readonly<Partial<Record<Interface, readonly KeyPattern[]>>> = {
  floppy: ['platform.volume.<id>.serial'],
  pflash: ['platform.volume.<id>.serial', 'platform.volume.<id>.alias'],
};

function interfaceKnowsKeys(settings: Settings, id: number): Fault[] {
  const given = settings.value('platform.volume.<id>.interface', id);
  const patterns = (given && UNKNOWN_TO[given]) ?? [];
  const expected = `no such key with platform.volume.${id}.interface=${given}`;
  return patterns
    .flatMap(pattern => settings.at(pattern, id) ?? [])
    .map(setting => faultAt(setting, 'CONFLICT', expected));
}

function tooMany(settings: Settings, on: Interface, most: number, because: string): Fault[] {
  return volumesOn(settings, on)
    .slice(most)
    .map(setting => faultAt(setting, 'CONFLICT', `another one, because ${because}`));
}

/** By ascending id. */
function volumesOn(settings: Settings, on: Interface): Setting[] {
  return settings
    .ids('platform.volume')
    .flatMap(id => settings.at('platform.volume.<id>.interface', id) ?? [])
    .filter(({ value }) => value === on);
}

function flashIsTheFirmware(settings: Settings): Fault[] {
  const bios = settings.at('platform.bios');
  const [flash] = volumesOn(settings, 'pflash');
  if (!bios || !flash) return [];
  return [faultAt(bios, 'CONFLICT', `no other firmware with ${flash.key}=pflash`)];
}

/** The machine starts in it. */
function flashIsNotBooted(settings: Settings): Fault[] {
  const boot = settings.at('runtime.boot');
  if (!boot) return [];
  const entries = settings.value('runtime.boot') ?? [];
  const flash = volumesOn(settings, 'pflash').filter(({ id }) =>
    entries.some(entry => 'volume' in entry && entry.volume === id),
  );
  return flash.map(({ id, key }) => {
    const expected = `a volume or NIC that holds a system; ${key} is pflash, the firmware`;
    return faultAt({ ...boot, text: `${id}` }, 'CONFLICT', expected);
  });
}
