import { KEY_PATTERNS, KEYS, type Key } from './keys.ts';
import { PAIR_RULES } from './pairs.ts';
import type { Fault } from './problem.ts';
import { atMost, distinct, each, missing, type Rule } from './rule.ts';
import { familyOf, faultAt, type Settings } from './settings.ts';
import { hasTopology } from './topology.ts';
import { formatBootEntry } from './values.ts';
import { SERIAL_BASE_PORT, VNC_BASE_PORT } from './workload.ts';

/** What breaks the rules that need more than one key and no node. Where a value is bad in itself its rules are left out. */
export function brokenRules(settings: Settings): Fault[] {
  return RULES.flatMap(rule => rule(settings));
}

/** As many as a node may report of one workload. */
const MOST_OF_A_KIND = 64;

const RULES: readonly Rule[] = [
  requiredKeys,
  each('platform.volume', discIsReadOnly),
  each('platform.volume', checksumNeedsSource),
  each('platform.volume', sourceIsAnotherFile),
  each('network', bridgeGoesWithItsType),
  distinct('platform.volume.<id>.path'),
  distinct('network.<id>.mac'),
  atMost('platform.volume', MOST_OF_A_KIND, 'volume'),
  atMost('network', MOST_OF_A_KIND, 'NIC'),
  bootEntriesExist,
  consoleIdGoesWithItsType,
  ...PAIR_RULES,
];

/** MH-4 to MH-8 with X-3; MH-12, MH-13 and MH-20 of every volume and NIC. A topology is a number of vCPUs, too. */
function requiredKeys(settings: Settings): Fault[] {
  return KEY_PATTERNS.filter(pattern => (KEYS[pattern] as Key<unknown>).required).flatMap(pattern => {
    if (pattern === 'platform.cpu.threads' && hasTopology(settings)) return [];
    const family = familyOf(pattern);
    const ids = family === undefined ? [undefined] : settings.ids(family);
    return ids.filter(id => !settings.at(pattern, id)).map(id => missing(pattern, id));
  });
}

/** MH-16. */
function discIsReadOnly(settings: Settings, id: number): Fault[] {
  const writable = settings.at('platform.volume.<id>.writable', id);
  if (settings.value('platform.volume.<id>.type', id) !== 'iso' || writable?.value !== true) return [];
  return [
    faultAt(writable, 'CONFLICT', `0 with platform.volume.${id}.type=iso, because CD-ROMs are read-only`),
  ];
}

function checksumNeedsSource(settings: Settings, id: number): Fault[] {
  const sha256 = settings.at('platform.volume.<id>.sha256', id);
  if (!sha256 || settings.at('platform.volume.<id>.source', id)) return [];
  return [faultAt(sha256, 'CONFLICT', `no checksum without platform.volume.${id}.source`)];
}

function sourceIsAnotherFile(settings: Settings, id: number): Fault[] {
  const source = settings.at('platform.volume.<id>.source', id);
  const path = settings.at('platform.volume.<id>.path', id);
  if (source?.value === undefined || source.value !== path?.value) return [];
  return [faultAt(source, 'CONFLICT', `another file than platform.volume.${id}.path`)];
}

/** MH-21 and MH-22. */
function bridgeGoesWithItsType(settings: Settings, id: number): Fault[] {
  const bridge = settings.at('network.<id>.bridge', id);
  const type = settings.value('network.<id>.type', id);
  if (type === 'bridge' && !bridge)
    return [missing('network.<id>.bridge', id, `, because network.${id}.type=bridge`)];
  if (type === 'nat' && bridge) return [faultAt(bridge, 'CONFLICT', `no bridge with network.${id}.type=nat`)];
  return [];
}

/** MH-24. */
function bootEntriesExist(settings: Settings): Fault[] {
  const boot = settings.at('runtime.boot');
  if (!boot) return [];
  const known = [
    ...settings.ids('platform.volume').map(volume => formatBootEntry({ volume })),
    ...settings.ids('network').map(nic => formatBootEntry({ nic })),
  ];
  const expected = `a volume or NIC of this file (${known.join(', ') || 'it has none'})`;
  const entries = settings.value('runtime.boot')?.map(formatBootEntry) ?? [];
  return entries
    .filter(entry => !known.includes(entry))
    .map(text => faultAt({ ...boot, text }, 'BAD_REFERENCE', expected));
}

/** MH-27 to MH-29. */
function consoleIdGoesWithItsType(settings: Settings): Fault[] {
  const id = settings.at('runtime.console.id');
  const type = settings.value('runtime.console.type');
  if (type === 'vnc' && !id)
    return [missing('runtime.console.id', undefined, ', because runtime.console.type=vnc')];
  if (!id || type === undefined) return [];
  if (type === 'serial-socket')
    return [faultAt(id, 'CONFLICT', 'no id with runtime.console.type=serial-socket')];
  const base = type === 'vnc' ? VNC_BASE_PORT : SERIAL_BASE_PORT;
  const most = 65_535 - base;
  if (typeof id.value !== 'number' || id.value <= most) return [];
  return [
    faultAt(
      id,
      'BAD_VALUE',
      `at most ${most} with runtime.console.type=${type}, because the port is ${base}+id`,
    ),
  ];
}
