import { formatDiagnostic, several } from '../../base/diagnostic.ts';
import { messageOf } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { FolderWatching, WatchedFolder } from '../../domain/overlay/watching.ts';
import type { RuleFiles, RulesOnDisk } from '../../domain/placement/rulefiles.ts';
import { formatWarning, NO_RULES, type PlacementRules } from '../../domain/placement/rules.ts';

export interface RulebookPorts {
  readonly files: RuleFiles;
  readonly folders: FolderWatching;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds without a change before the files are read: saving one is several events. */
const QUIET = 100;
/** Milliseconds from the first change when there is no quiet. */
const PATIENCE = 1000;
/** Milliseconds between two looks at all files: not every file system tells of every change. */
const SWEEP = 10_000;

/** The rules in force: what the admin's files say, or said before the last mistake in them. */
export class Rulebook {
  readonly #p: RulebookPorts;
  readonly #watched = new Map<string, WatchedFolder>();
  #rules: PlacementRules = NO_RULES;
  #read: RulesOnDisk | undefined;
  #firstChange: number | undefined;
  #callOff: () => void = () => {};
  #callOffSweep: () => void = () => {};
  #stopped = false;

  constructor(ports: RulebookPorts) {
    this.#p = ports;
  }

  get rules(): PlacementRules {
    return this.#rules;
  }

  /** Why the files as they are now are not in force. */
  get problems(): readonly string[] {
    return this.#read?.problems.map(formatDiagnostic) ?? [];
  }

  /** Of rules that are in force: half of what is wrong would be a warning too. */
  get warnings(): readonly string[] {
    return this.problems.length > 0 ? [] : (this.#read?.warnings.map(formatWarning) ?? []);
  }

  start(): void {
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff();
    this.#callOffSweep();
    for (const folder of this.#watched.values()) folder.close();
    this.#watched.clear();
  }

  health(): string | undefined {
    const [first] = this.problems;
    if (first === undefined) return undefined;
    return `${several(this.problems.length, 'problem')} in hardware.conf and realms; the rules that were read before stay in force: ${first}`;
  }

  #look(): void {
    if (this.#stopped) return;
    this.#callOff();
    this.#callOffSweep();
    this.#firstChange = undefined;
    const read = this.#p.files.read();
    if (read !== this.#read) this.#take(read);
    this.#follow(read.folders);
    this.#callOffSweep = this.#p.clock.after(SWEEP, () => this.#look());
  }

  #take(read: RulesOnDisk): void {
    const told = new Set([...this.problems, ...this.warnings]);
    const isFirst = this.#read === undefined;
    this.#read = read;
    if (read.problems.length === 0) this.#rules = read.rules;
    for (const text of [...this.problems, ...this.warnings])
      if (!told.has(text)) this.#p.log.warn('placement', text);
    const { costFunctions, profiles, realms } = read.rules;
    const saysNothing = costFunctions.size + profiles.size + realms.size === 0;
    if (read.problems.length > 0 || (isFirst && saysNothing)) return;
    this.#p.log.info('placement', 'the files of hardware and realms are in force', {
      functions: costFunctions.size,
      profiles: profiles.size,
      realms: realms.size,
    });
  }

  /** A folder that is not there is no trouble: the one above it, or the next sweep, tells of it. */
  #follow(folders: readonly string[]): void {
    for (const [folder, watched] of this.#watched)
      if (!folders.includes(folder)) {
        watched.close();
        this.#watched.delete(folder);
      }
    for (const folder of folders) if (!this.#watched.has(folder)) this.#listen(folder);
  }

  #listen(folder: string): void {
    try {
      this.#watched.set(
        folder,
        this.#p.folders.watch(folder, name => this.#heard(folder, name)),
      );
    } catch (error) {
      this.#p.log.debug('placement', `${folder} is not watched: ${messageOf(error)}`);
    }
  }

  #heard(folder: string, name: string | undefined): void {
    // A folder that was renamed or removed is another one when it comes back.
    for (const [below, watched] of this.#watched)
      if (name === undefined || below === `${folder}/${name}`) {
        watched.close();
        this.#watched.delete(below);
      }
    const now = this.#p.clock.elapsed();
    this.#firstChange ??= now;
    this.#callOff();
    const wait = Math.min(QUIET, Math.max(0, this.#firstChange + PATIENCE - now));
    this.#callOff = this.#p.clock.after(wait, () => this.#look());
  }
}
