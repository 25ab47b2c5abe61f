import {
  type Budget,
  CAPABILITIES,
  type Capability,
  ENGINE_LIMITS,
  type Engine,
  type Form,
  type Range,
} from '../vm/capabilities.ts';
import type { KeyPattern } from './keys.ts';
import type { Fault } from './problem.ts';
import { missing } from './rule.ts';
import { familyOf, faultAt, type Setting, type Settings } from './settings.ts';
import { formatMemory } from './values.ts';

/** What a file asks for that its engine cannot do, by the table of capabilities. */
export function beyondEngine(settings: Settings, engine: Engine): Fault[] {
  const { budgets, forms, needs, needsRoot, ranges } = ENGINE_LIMITS[engine];
  const behind = `with platform.engine=${engine}`;
  return [
    ...settings.all.flatMap(setting => notSupported(setting, engine)),
    ...Object.entries(needs).flatMap(([key, why]) =>
      lacking(settings, key as KeyPattern, `${behind}: ${why}`),
    ),
    ...(needsRoot === undefined ? [] : withoutRoot(settings, `${behind}: ${needsRoot}`)),
    ...ranges.flatMap(range => outOfRange(settings, range, behind)),
    ...budgets.flatMap(budget => overBudget(settings, budget, behind)),
    ...forms.flatMap(form => malformed(settings, form, behind)),
  ];
}

/** Whether a key with this text needs the capability. */
export function asksFor({ except, keys, only }: Capability, pattern: KeyPattern, text: string): boolean {
  return keys.includes(pattern) && (only?.includes(text) ?? true) && !except?.includes(text);
}

function notSupported(setting: Setting, engine: Engine): Fault[] {
  const { pattern, text, value } = setting;
  if (value === undefined) return [];
  return CAPABILITIES.flatMap(capability => {
    const support = capability.engines[engine];
    if (support === true || !asksFor(capability, pattern, text)) return [];
    const instead = (capability.only ?? capability.except) ? 'another value' : 'no such key';
    return [faultAt(setting, 'NOT_SUPPORTED', `${instead} with platform.engine=${engine}: ${support}`)];
  });
}

function lacking(settings: Settings, key: KeyPattern, why: string): Fault[] {
  return settings.at(key) ? [] : [missing(key, undefined, `, ${why}`)];
}

/** SV-6: an initial RAM disk, or a volume that the kernel's command line names. */
function withoutRoot(settings: Settings, why: string): Fault[] {
  if (settings.at('platform.kernel.initrd') || !settings.at('platform.kernel.image')) return [];
  const append = settings.at('platform.kernel.append');
  const hasDisk = settings.ids('platform.volume').length > 0;
  if (!hasDisk) return [missing('platform.kernel.initrd', undefined, `, or a platform.volume.<id>, ${why}`)];
  if (!append) return [missing('platform.kernel.append', undefined, `, ${why}`)];
  if (append.value === undefined || /(^| )root=/.test(append.text)) return [];
  return [faultAt(append, 'BAD_VALUE', `root= in it such as root=/dev/vda, ${why}`)];
}

function outOfRange(settings: Settings, { key, least, most, step }: Range, behind: string): Fault[] {
  const setting = settings.at(key);
  if (typeof setting?.value !== 'number') return [];
  const { value } = setting;
  if (value >= least && value <= most && value % step === 0) return [];
  const show = key === 'platform.memory.size' ? formatMemory : String;
  const whole = step === 1 ? '' : `, a multiple of ${show(step)},`;
  return [faultAt(setting, 'BAD_VALUE', `${show(least)} to ${show(most)}${whole} ${behind}`)];
}

function overBudget(settings: Settings, { because, counted, most, what }: Budget, behind: string): Fault[] {
  const limit = most[settings.value('platform.arch') ?? 'x86_64'];
  const devices = new Map<string, Setting>();
  for (const setting of settings.all) {
    const name = counted.find(each => each === setting.pattern || each === familyOf(setting.pattern));
    const device = `${name} ${setting.id}`;
    if (name !== undefined && !devices.has(device)) devices.set(device, setting);
  }
  const extra = [...devices.values()][limit];
  if (!extra) return [];
  const { key, line } = extra;
  const expected = `at most ${limit} ${what} ${behind}: ${because}`;
  return [{ line, key, code: 'NOT_SUPPORTED', got: 'one more', expected }];
}

function malformed(settings: Settings, { expected, form, keys }: Form, behind: string): Fault[] {
  return settings.all
    .filter(({ pattern, text, value }) => keys.includes(pattern) && value !== undefined && !form.test(text))
    .map(setting => faultAt(setting, 'NOT_SUPPORTED', `${expected} ${behind}`));
}
