import { KEYS, type KeyPattern, keyOf, type Part } from './keys.ts';
import type { Fault } from './problem.ts';
import { type Family, faultAt, type Setting, type Settings } from './settings.ts';

/** What of a file breaks one rule. */
export type Rule = (settings: Settings) => readonly Fault[];

/** A rule of every volume, NIC and the like by itself. */
export function each(family: Family, rule: (settings: Settings, id: number) => readonly Fault[]): Rule {
  return settings => settings.ids(family).flatMap(id => rule(settings, id));
}

/** `why` goes behind what the key expects. */
export function missing(pattern: KeyPattern, part?: Part, why = ''): Fault {
  return { key: keyOf(pattern, part), code: 'MISSING_KEY', expected: `${KEYS[pattern].expected}${why}` };
}

/** No two keys of these patterns have the same value. */
export function distinct(...patterns: readonly KeyPattern[]): Rule {
  return settings => {
    const first = new Map<unknown, Setting>();
    const faults: Fault[] = [];
    for (const setting of settings.all) {
      if (!patterns.includes(setting.pattern) || setting.value === undefined) continue;
      const before = first.get(setting.value);
      if (!before) first.set(setting.value, setting);
      else faults.push(faultAt(setting, 'CONFLICT', `another one than ${before.key} (line ${before.line})`));
    }
    return faults;
  };
}

/** How many of a kind there may be. */
export function atMost(family: Family, most: number, kind: string): Rule {
  return settings => {
    const extra = settings.parts(family)[most];
    const first = settings.of(family).find(({ id, word }) => (id ?? word) === extra);
    if (extra === undefined || !first) return [];
    const { line, key } = first;
    return [
      { line, key, code: 'NOT_SUPPORTED', got: `one ${kind} more`, expected: `at most ${most} ${kind}s` },
    ];
  };
}

/** A key that means nothing without another one. */
export function goesWith(pattern: KeyPattern, other: KeyPattern): Rule {
  return settings =>
    settings.all
      .filter(setting => setting.pattern === pattern && !settings.at(other, setting.id))
      .map(setting => faultAt(setting, 'CONFLICT', `no such key without ${keyOf(other, setting.id)}`));
}
