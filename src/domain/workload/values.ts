import { type Mac, parseMac } from '../../base/mac.ts';
import { pathFault } from '../manifest/fields.ts';
import { WORKLOADS_FOLDER } from '../vm/statefiles.ts';
import type { BootEntry } from './workload.ts';

/**
 * The value that a text stands for; else nothing, or what it should have been where that says more than the `expected`
 * of its key. A text is never empty and has no blanks at its ends.
 */
export type Read<T> = (text: string) => { readonly value: T } | { readonly expected?: string };

/** Turned down, for the reason that its key gives. */
const NO = {};

export function oneOf<const T extends string>(...words: readonly T[]): Read<T> {
  return text => {
    const value = words.find(word => word === text);
    return value === undefined ? NO : { value };
  };
}

/** Any text that the test takes. */
export function matching(test: RegExp | ((text: string) => boolean)): Read<string> {
  return text => ((typeof test === 'function' ? test(text) : test.test(text)) ? { value: text } : NO);
}

/** `a, b or c`. */
export function eitherOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** `1` and `0`. */
export const yesOrNo: Read<boolean> = text => (text === '1' || text === '0' ? { value: text === '1' } : NO);

/** A whole number in decimal digits, as people write it: no sign, no leading zeros. */
export function wholeNumber(least: number, most: number): Read<number> {
  return text => {
    const value = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? { value } : NO;
  };
}

/** A name that stands in lists, file names and on command lines. */
export const printableName: Read<string> = matching(/^[^\p{C}\p{Zl}\p{Zp}/]{1,128}$/u);

/** It becomes the name of a folder (MH-5). */
export const folderWord: Read<string> = matching(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/);

/** As `qemu-system-x86_64 -cpu help` lists them; with feature flags behind them they would not be in that list. */
export const cpuModel: Read<string> = matching(/^[A-Za-z0-9._-]{1,64}$/);

const UNITS = 'KMGT';
const MOST_MEMORY = 16 * 1024 ** 4;

/** `4G` in bytes; the units are binary (MH-6). */
export const memorySize: Read<number> = text => {
  const [, digits = '', unit = ''] = /^([0-9]+)([KMGT])$/.exec(text) ?? [];
  const value = Number(digits) * 1024 ** (UNITS.indexOf(unit) + 1);
  return value > 0 && value <= MOST_MEMORY ? { value } : NO;
};

/** Bytes in the largest unit that they are whole numbers of. */
export function formatMemory(bytes: number): string {
  const power = [...UNITS].findLastIndex((_, index) => bytes % 1024 ** (index + 1) === 0);
  return `${bytes / 1024 ** (power + 1)}${UNITS[power]}`;
}

/** An absolute one. */
export const path: Read<string> = text => {
  const expected = pathFault(text);
  return expected === undefined ? { value: text } : { expected };
};

/** No volume belongs there, and an ephemeral one is deleted. */
const SYSTEM_FOLDERS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
];

/** The marker that says whose a volume is, and where a file grows until it is whole. */
const OWN_NAME = /\.pxen$|\.pxen-part[^/]*$/;

export const volumePath: Read<string> = text => pathForFiles(text, 'volumes are written and deleted');

/** A path where pxen may make a file and delete it. `because` it does what, as the end of a sentence. */
export function pathForFiles(text: string, because: string): ReturnType<Read<string>> {
  const inside = (folder: string): boolean => text === folder || text.startsWith(`${folder}/`);
  const system = SYSTEM_FOLDERS.find(inside);
  if (system !== undefined) return { expected: `a path outside of ${system}, because ${because}` };
  if (inside(WORKLOADS_FOLDER))
    return { expected: `a path outside of ${WORKLOADS_FOLDER}, where the state of workloads is kept` };
  if (OWN_NAME.test(text))
    return { expected: 'a name without .pxen or .pxen-part at its end, pxen has such files beside volumes' };
  return path(text);
}

/** What begins with a scheme is judged as a URL, the rest as a path. */
export const source: Read<string> = text => {
  if (text.startsWith('/')) return path(text);
  const isWeb = /^https?:\/\/[^/]/i.test(text) && /^\S{1,4096}$/.test(text) && URL.canParse(text);
  return isWeb ? { value: text } : NO;
};

export const sha256Digits: Read<string> = text =>
  /^[0-9a-f]{64}$/i.test(text) ? { value: text.toLowerCase() } : NO;

/** What dev_valid_name() of the kernel accepts, which counts bytes, and a closing NUL (IFNAMSIZ). */
export const interfaceName: Read<string> = text => {
  const well = /^(?!\.{1,2}$)[^\s/:]+$/.test(text) && new TextEncoder().encode(text).length <= 15;
  return well ? { value: text } : NO;
};

export const unicastMac: Read<Mac> = text => {
  const value = parseMac(text);
  if (value === undefined || value === '00:00:00:00:00:00') return NO;
  // The lowest bit of the first byte marks groups and broadcasts (IEEE 802).
  const isGroup = Number.parseInt(value.slice(0, 2), 16) % 2 === 1;
  return isGroup
    ? { expected: 'the address of one NIC, not of a group (its first byte must be even)' }
    : { value };
};

/** `1,0,n0`: volumes by number, NICs with an `n` before it (MH-24). */
export const bootOrder: Read<readonly BootEntry[]> = text => {
  const words = text.split(',').map(word => word.trim());
  if (words.length > 128 || !words.every(word => /^n?(0|[1-9]\d{0,2})$/.test(word))) return NO;
  const again = words.find((word, index) => words.indexOf(word) < index);
  if (again !== undefined) return { expected: `each entry once (${again} stands there again)` };
  return { value: words.map(bootEntry) };
};

function bootEntry(word: string): BootEntry {
  return word.startsWith('n') ? { nic: Number(word.slice(1)) } : { volume: Number(word) };
}

/** As it is written in `runtime.boot`. */
export function formatBootEntry(entry: BootEntry): string {
  return 'nic' in entry ? `n${entry.nic}` : `${entry.volume}`;
}
