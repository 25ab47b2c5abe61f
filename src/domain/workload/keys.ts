import { type Key, key } from './key.ts';
import { NETWORK_KEYS } from './keys/network.ts';
import { PLATFORM_KEYS } from './keys/platform.ts';
import { RUNTIME_KEYS } from './keys/runtime.ts';
import { VOLUME_KEYS } from './keys/volume.ts';
import { folderWord, printableName } from './values.ts';

export type { Key } from './key.ts';

/**
 * Every key of a workload file. `<id>` and `<n>` are numbers, `<arg>` is the name of a QEMU option, `<k>` that of a tag.
 * Rules that need two keys are in rules.ts and pairs.ts, those of an engine in vm/capabilities.ts, those that need the
 * node in judge.ts.
 */
export const KEYS = {
  name: key({
    read: printableName,
    required: true,
    about: 'Name of the workload, by which `-w` finds it. No other workload of the appliance may have it.',
    expected: 'a name of at most 128 printable characters without /',
    example: 'qemutest1',
  }),
  uuid: key({
    read: folderWord,
    required: true,
    about:
      'Identity of the workload: names its folder `/tmp/pxen/<uuid>/` on the node. Any word that no other workload has.',
    expected:
      'a word of at most 64 letters, digits, dots, hyphens and underscores (not . or ..), because it names a folder',
    example: 'qweflmqwe23',
  }),
  ...PLATFORM_KEYS,
  ...VOLUME_KEYS,
  ...NETWORK_KEYS,
  ...RUNTIME_KEYS,
} as const satisfies Record<string, Key<never> | Key<unknown>>;

export type KeyPattern = keyof typeof KEYS;
export type ValueOf<P extends KeyPattern> = (typeof KEYS)[P] extends Key<infer T> ? T : never;

export const KEY_PATTERNS = Object.keys(KEYS) as KeyPattern[];

/** What stands where a pattern has its `<id>`, `<n>`, `<arg>` or `<k>`. */
export type Part = number | string;

/** `platform.volume.<id>.path` and 0: `platform.volume.0.path`. */
export function keyOf(pattern: KeyPattern, part?: Part): string {
  return part === undefined ? pattern : pattern.replace(/<\w+>/, () => `${part}`);
}
