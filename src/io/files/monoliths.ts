import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { type Stamp, UNSETTLED } from '../../domain/overlay/source.ts';
import { judgeTogether } from '../../domain/workload/judge.ts';
import { MAX_WORKLOAD_BYTES } from '../../domain/workload/lines.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import type { WorkloadProblem } from '../../domain/workload/problem.ts';
import type { WorkloadFile, WorkloadFiles, WorkloadFolder } from '../../domain/workload/record.ts';
import { FileTree } from './tree.ts';

/** Files that are looked at; the rest is only counted. */
const MOST_FILES = 4096;
/** Files that are looked at at the same time. */
const AT_ONCE = 64;

interface Remembered {
  readonly stamp: Stamp;
  /** Absent: it could not be read. */
  readonly text?: string | undefined;
  readonly file: WorkloadFile;
}

/** The workload files: `*.conf` right in one folder, no link that leads out of it. A file that did not change is not read again. */
export class MonolithFolder implements WorkloadFiles {
  readonly #path: string;
  readonly #tree: FileTree;
  #remembered: ReadonlyMap<string, Remembered> = new Map();
  #judged: WorkloadFolder = { files: [], beyond: 0 };
  #looking: Promise<WorkloadFolder> | undefined;
  #next: Promise<WorkloadFolder> | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#tree = new FileTree(path);
  }

  /** All who ask during somebody's look share the one after it. */
  all(): Promise<WorkloadFolder> {
    if (!this.#looking) return this.#begin();
    this.#next ??= this.#looking
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<WorkloadFolder> {
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<WorkloadFolder> {
    const names = await this.#names();
    const seen = await this.#files(names.slice(0, MOST_FILES));
    const beyond = Math.max(0, names.length - MOST_FILES);
    const files = seen.map(({ file }) => file);
    const unchanged = this.#knows(files) && beyond === this.#judged.beyond;
    this.#remembered = new Map(seen.map(each => [each.file.file, each]));
    if (!unchanged) this.#judged = { files: judged(files), beyond };
    return this.#judged;
  }

  async #names(): Promise<string[]> {
    try {
      const names = await readdir(this.#path);
      return names.filter(name => name.endsWith('.conf') && !name.startsWith('.')).sort();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw new PxenError('FILE_MISSING', `${this.#path}: cannot be listed (${messageOf(error)})`, {
        cause: error,
      });
    }
  }

  async #files(names: readonly string[]): Promise<Remembered[]> {
    const found: Remembered[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE)
      found.push(...(await Promise.all(names.slice(at, at + AT_ONCE).map(name => this.#file(name)))));
    return found;
  }

  async #file(name: string): Promise<Remembered> {
    const path = join(this.#path, name);
    const before = this.#remembered.get(path);
    if (before && before.stamp !== UNSETTLED && (await this.#tree.stamp(name)) === before.stamp)
      return before;
    const found = await this.#tree.read(name, MAX_WORKLOAD_BYTES);
    const { stamp } = found;
    if (found.kind !== 'file') return { stamp, file: unreadable(path, found.reason) };
    const text = new TextDecoder().decode(found.content);
    // Written again with the same text: whoever compares sees that nothing changed.
    if (before?.text === text) return { ...before, stamp };
    return { stamp, text, file: { ...parseWorkload(text, path), text } };
  }

  #knows(files: readonly WorkloadFile[]): boolean {
    return (
      files.length === this.#remembered.size &&
      files.every(file => this.#remembered.get(file.file)?.file === file)
    );
  }
}

/** With what is wrong with it beside the others. */
function judged(files: readonly WorkloadFile[]): WorkloadFile[] {
  const together = Map.groupBy(judgeTogether(files), problem => problem.file);
  return files.map(file => {
    const more = together.get(file.file);
    return more ? { ...file, workload: undefined, problems: [...file.problems, ...more] } : file;
  });
}

function unreadable(path: string, reason: string): WorkloadFile {
  const problem: WorkloadProblem = {
    file: path,
    key: 'file',
    code: 'SYNTAX',
    expected: 'a regular file with key=value lines',
    message: `${path}: ${reason}`,
  };
  return {
    file: path,
    workload: undefined,
    problems: [problem],
    lines: new Map(),
    texts: new Map(),
    text: '',
  };
}
