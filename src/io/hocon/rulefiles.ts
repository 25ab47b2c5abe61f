import { lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Diagnostic } from '../../base/diagnostic.ts';
import { messageOf, systemCode } from '../../base/error.ts';
import {
  HARDWARE_FILE,
  REALMS_FOLDER,
  type RuleFiles,
  type RulesOnDisk,
} from '../../domain/placement/rulefiles.ts';
import { type RuleFile, readRules } from '../../domain/placement/rules.ts';
import { readHoconFile } from './file.ts';

/** Realm files that are looked at. */
const MOST_REALMS = 1000;

/** What was read of one file. */
interface Read {
  readonly path: string;
  readonly rules?: RuleFile | undefined;
  readonly problems: readonly Diagnostic[];
  /** Itself and all that it includes. */
  readonly files: readonly string[];
}

/** hardware.conf and realms/*.conf below the root of an appliance. */
export class RuleFolder implements RuleFiles {
  readonly #root: string;
  #last: RulesOnDisk | undefined;
  /** Of every file that was looked for, before it was read. */
  #stamps: ReadonlyMap<string, string | undefined> = new Map();

  constructor(root: string) {
    this.#root = root.replace(/\/+$/, '');
  }

  read(): RulesOnDisk {
    const { names, problems } = this.#candidates();
    if (this.#last && this.#isSame(names)) return this.#last;
    // Before they are read: what changes meanwhile is seen at the next look.
    const known = new Map(names.map(path => [path, stampOf(path)]));
    const read = names.map(path => this.#readOne(path));
    for (const file of read.flatMap(({ files }) => files))
      if (!known.has(file)) known.set(file, stampOf(file));
    this.#stamps = known;
    this.#last = this.#judged(read, problems);
    return this.#last;
  }

  #isSame(names: readonly string[]): boolean {
    return (
      names.every(path => this.#stamps.has(path)) &&
      [...this.#stamps].every(([path, stamp]) => stampOf(path) === stamp)
    );
  }

  /** In the order in which they are read. */
  #candidates(): { names: readonly string[]; problems: readonly Diagnostic[] } {
    const folder = join(this.#root, REALMS_FOLDER);
    const { names, problems } = confFiles(folder);
    return { names: [join(this.#root, HARDWARE_FILE), ...names.map(name => join(folder, name))], problems };
  }

  #readOne(path: string): Read {
    const files: string[] = [];
    try {
      const { root, problems } = readHoconFile(path, this.#root, file => files.push(file));
      const realm = dirname(path).endsWith(REALMS_FOLDER) ? basename(path, '.conf') : undefined;
      return { path, rules: problems.length === 0 ? { root, realm } : undefined, problems, files };
    } catch (error) {
      const problems = !isListed(path)
        ? []
        : [{ file: path, key: 'file', expected: `a file that can be read: ${messageOf(error)}` }];
      return { path, problems, files };
    }
  }

  /** A realm's file that another one includes, as the document has it, is not read a second time by itself. */
  #judged(read: readonly Read[], folderProblems: readonly Diagnostic[]): RulesOnDisk {
    const own = read.filter(each => !read.some(other => includes(other, each) && !includes(each, other)));
    const judged = readRules(own.flatMap(({ rules }) => rules ?? []));
    const problems = [...folderProblems, ...own.flatMap(each => each.problems), ...judged.problems];
    const folders = new Set([HARDWARE_FILE, `${REALMS_FOLDER}/x`].map(path => dirname(path)));
    for (const file of read.flatMap(({ files }) => files))
      if (file.startsWith(`${this.#root}/`)) folders.add(dirname(file.slice(this.#root.length)));
    return { ...judged, problems, folders: [...folders] };
  }
}

/** Files that include each other are a problem, which both of them have. */
function includes(outer: Read, { path }: Read): boolean {
  return outer.path !== path && outer.files.includes(path);
}

function confFiles(folder: string): { names: readonly string[]; problems: readonly Diagnostic[] } {
  try {
    const names = readdirSync(folder)
      .filter(name => name.endsWith('.conf') && !name.startsWith('.'))
      .sort();
    if (names.length <= MOST_REALMS) return { names, problems: [] };
    const problem = {
      file: folder,
      key: 'realms',
      got: `${names.length} files`,
      expected: `at most ${MOST_REALMS}`,
    };
    return { names: names.slice(0, MOST_REALMS), problems: [problem] };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { names: [], problems: [] };
    const expected = `a folder that can be listed: ${messageOf(error)}`;
    return { names: [], problems: [{ file: folder, key: 'realms', expected }] };
  }
}

/** Also a link that leads nowhere: somebody meant something by it. */
function isListed(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Milliseconds in which a file may be written once more without a trace: the clock of a file system has steps. */
const UNSETTLED = 100;

/** Tells whether a file has changed since; undefined: there is none. */
function stampOf(path: string): string | undefined {
  try {
    const { ctimeMs, dev, ino, mtimeMs, size } = statSync(path);
    const age = Date.now() - ctimeMs;
    return [dev, ino, size, mtimeMs, ctimeMs, age >= 0 && age < UNSETTLED ? performance.now() : ''].join(' ');
  } catch {
    return undefined;
  }
}
