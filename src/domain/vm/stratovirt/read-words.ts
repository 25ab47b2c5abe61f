import { nearest, quote } from '../../../base/diagnostic.ts';
import { shownKey } from '../../workload/locate.ts';
import type { DraftProblem } from '../draft.ts';
import type { Note } from '../exchange.ts';
import {
  DEVICES,
  type DeviceKind,
  type Given,
  type GivenConfig,
  type GivenDevice,
  type MachineWord,
} from './given.ts';
import { DEVICE_OPTIONS, KNOWN, type Option, OWN, optionsOf, PARTED, WORDS } from './options.ts';

/** What a command line of StratoVirt says (SV-7 to SV-22). Undefined when it cannot be taken apart. */
export function readStratovirtWords(
  text: string,
  problems: DraftProblem[],
  notes: Note[],
): GivenConfig | undefined {
  const options = optionsOf(text, problems);
  if (!options) return undefined;
  return new Reading(options, problems, notes).config();
}

const NO_CONFIG = 'no file: import that one with --format stratovirt-json';

class Reading {
  readonly #options: readonly Option[];
  readonly #problems: DraftProblem[];
  readonly #notes: Note[];
  readonly #machine: Partial<Record<MachineWord, Given>> = {};
  readonly #devices: Record<DeviceKind, GivenDevice<DeviceKind>[]> = {
    drive: [],
    net: [],
    console: [],
    vsock: [],
    iothread: [],
    balloon: [],
  };

  constructor(options: readonly Option[], problems: DraftProblem[], notes: Note[]) {
    this.#options = options;
    this.#problems = problems;
    this.#notes = notes;
  }

  config(): GivenConfig {
    for (const option of this.#options) this.#take(option);
    this.#together();
    const devices = this.#devices as unknown as GivenConfig['devices'];
    return { style: 'cli', machine: this.#machine, devices };
  }

  #take(option: Option): void {
    const { name, values } = option;
    const [word, parted, kind, own] = [WORDS[name], PARTED[name], DEVICE_OPTIONS.get(name), OWN[name]];
    if (word !== undefined)
      this.#word(word, name, name === '-append' ? values.join(' ') : this.#only(option));
    else if (parted) this.#parted(name, parted, this.#only(option));
    else if (kind) this.#device(kind, option);
    else if (own !== undefined) this.#notes.push({ key: name, text: own });
    else this.#rest(option);
  }

  #rest(option: Option): void {
    const { name } = option;
    if (name === '-api-channel') this.#channel(this.#only(option));
    else if (name === '-serial') this.#serial(this.#only(option));
    else if (name === '-omit_vm_memory') this.#word('omitMemory', name, 'true');
    else if (name === '-S' || name === '-freeze') this.#word('paused', name, 'true');
    else if (name === '-config') this.#wrong(name, this.#only(option) ?? '', NO_CONFIG);
    else this.#unknown(name);
  }

  #word(word: MachineWord, from: string, text: string | undefined): void {
    if (text === undefined) return;
    if (this.#machine[word]) this.#problems.push({ key: from, got: 'a second one', expected: 'it once' });
    else this.#machine[word] = { text, from };
  }

  #parted(name: string, words: Readonly<Record<string, MachineWord>>, text: string | undefined): void {
    const keys = Object.keys(words);
    for (const [field, value] of this.#fields(name, text, keys, keys[0])) {
      const word = words[field];
      if (word !== undefined) this.#word(word, keys[0] === field ? name : `${name} ${field}`, value);
    }
  }

  #device(kind: DeviceKind, { name, values }: Option): void {
    const fields: readonly (readonly [string, { readonly cli: string }])[] = Object.entries(
      DEVICES[kind].fields,
    );
    // `-balloon` may stand alone, and one option may have several devices.
    for (const text of values.length === 0 ? [''] : values) {
      const from = `${name} ${this.#devices[kind].length + 1}`;
      const keys = fields.map(([, { cli }]) => cli);
      const isForeign = kind === 'vsock' && !/^vsock(,|$)/.test(text);
      if (isForeign) {
        this.#wrong(name, text, 'vsock,..., the only device that StratoVirt has here');
        continue;
      }
      const found = this.#fields(from, kind === 'vsock' ? text.replace(/^vsock,?/, '') : text, keys);
      const given = fields.flatMap(([field, { cli }]) => {
        const value = found.get(cli);
        return value === undefined ? [] : [[field, { text: value, from: `${from} ${cli}` }]];
      });
      this.#devices[kind].push({ from, fields: Object.fromEntries(given) });
    }
  }

  /** `a=1,b=2`; a field without a name is the one called `first`. */
  #fields(
    from: string,
    text: string | undefined,
    known: readonly string[],
    first?: string,
  ): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const part of text ? text.split(',') : []) {
      const equals = part.indexOf('=');
      const name = equals < 0 ? first : part.slice(0, equals);
      const value = part.slice(equals + 1);
      if (name === undefined || equals === 0 || value === '')
        this.#wrong(from, part, `${known.map(key => `${key}=...`).join(', ')} with commas between`);
      else if (!known.includes(name)) this.#unknownField(from, name, known);
      else if (found.has(name))
        this.#problems.push({ key: `${from} ${name}`, got: 'a second one', expected: 'it once' });
      else found.set(name, value);
    }
    return found;
  }

  #only({ name, values }: Option): string | undefined {
    const [value, second] = values;
    if (value === undefined) this.#problems.push({ key: name, got: '', expected: 'a value' });
    if (second !== undefined) this.#wrong(name, second, 'one value, or quotes around it');
    return value;
  }

  /** SV-15. */
  #channel(text: string | undefined): void {
    if (text === undefined) return;
    const path = /^unix:([^,]+)/.exec(text)?.[1];
    const isOurs = path !== undefined && /^\/tmp\/pxen\/[^/]+\/qmp\.sock$/.test(path);
    if (path === undefined) this.#wrong('-api-channel', text, 'unix: and the path of a socket');
    else if (!isOurs)
      this.#notes.push({
        key: '-api-channel',
        text: `pxen has it in the state folder, not at ${shownKey(path)}`,
      });
  }

  /** SV-16. */
  #serial(text: string | undefined): void {
    if (text === 'stdio') this.#word('serial', '-serial', 'true');
    else if (text !== undefined) this.#wrong('-serial', text, 'stdio');
  }

  /** SV-15 to SV-17. */
  #together(): void {
    const has = (name: string): boolean => this.#options.some(option => option.name === name);
    if (!has('-api-channel') && this.#options.length > 0)
      this.#problems.push({ key: '-api-channel', expected: 'unix: and the path of a socket' });
    if (has('-serial') && has('-daemonize'))
      this.#wrong('-serial', 'stdio', 'no -serial with -daemonize, which has no standard output');
    if (has('-pidfile') && !has('-daemonize'))
      this.#problems.push({ key: '-pidfile', got: 'it', expected: 'it with -daemonize alone' });
  }

  #wrong(key: string, got: string, expected: string): void {
    this.#problems.push({ key, got: got === '' ? '' : quote(got), expected });
  }

  #unknown(name: string): void {
    const near = nearest(name, KNOWN);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    this.#problems.push({
      key: shownKey(name),
      got: 'an unknown option',
      expected: `an option of StratoVirt${hint}`,
    });
  }

  #unknownField(from: string, name: string, known: readonly string[]): void {
    const near = nearest(name, known);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    this.#problems.push({
      key: `${from} ${shownKey(name)}`,
      got: 'an unknown field',
      expected: `one of ${known.join(', ')}${hint}`,
    });
  }
}
