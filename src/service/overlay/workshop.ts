import type { Diagnostic } from '../../base/diagnostic.ts';
import type { Neighbours } from '../../domain/manifest/adopt.ts';
import type { CredentialStore, SiteFacts } from '../../domain/overlay/builtin.ts';
import type { LoadedLayer } from '../../domain/overlay/layer.ts';
import type { SourceFiles } from '../../domain/overlay/source.ts';
import type { OverlayPacker, OverlayRecord, OverlayStore } from '../../domain/overlay/store.ts';
import { Builder, NO_CREDENTIALS } from './builder.ts';
import { compileFolder, type Ingredients } from './compile.ts';
import {
  changed,
  type Findings,
  type Inventory,
  inTurns,
  type KnownMachine,
  knownOf,
  NOTHING_KNOWN,
  type Suspicion,
  survey,
} from './inventory.ts';
import {
  groupNames,
  loadGroup,
  loadLayer,
  loadMachineFolder,
  loadMachineLayer,
  machineNames,
  missingMachines,
  readOnce,
} from './load.ts';
import { foldersGone, lastOverlays, servedRecords } from './records.ts';
import { type BuildReport, type CheckResult, eachOnce, type FolderReport, type Outcome } from './report.ts';

export interface WorkshopParts {
  /** host0's files: the appliance's --root. */
  readonly files: SourceFiles;
  /** The files that come with pxen: the package's own folder. */
  readonly base: SourceFiles;
  readonly packer: OverlayPacker;
  readonly store: OverlayStore;
  readonly secrets: CredentialStore;
  readonly site: () => Promise<SiteFacts>;
  /** The overlays that nodes say they run, by content; absent where nobody hears nodes. */
  readonly running?: (() => ReadonlySet<string>) | undefined;
}

export interface BuildOptions {
  /** Hears of each folder that was worked on, in order. */
  readonly onFolder?: (report: FolderReport) => void;
  /** Ends the build between two folders: it rejects with the signal's reason, and nothing changes. */
  readonly signal?: AbortSignal;
}

export interface UpdateOptions extends BuildOptions {
  /** Where to look for changes; everywhere when absent. */
  readonly suspicion?: Suspicion;
}

const ANYWHERE: Suspicion = () => true;

/** Makes overlays out of /host0, and remembers what they were made of, so that the next time only changes are work. */
export class Workshop {
  readonly #p: WorkshopParts;
  #known: Inventory = NOTHING_KNOWN;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: WorkshopParts) {
    this.#p = parts;
  }

  /** What the overlays were made of at the last good build. */
  get inventory(): Inventory {
    return this.#known;
  }

  /** The folders of /host0 as they are now. */
  async neighbours(): Promise<Neighbours> {
    const groups = await groupNames(this.#p.files);
    const names = await machineNames(this.#p.files);
    return { groups, machines: await inTurns(names, name => loadMachineFolder(this.#p.files, name, groups)) };
  }

  /** Judges all folders and writes nothing; no keys are made either. */
  async check(): Promise<CheckResult> {
    const source = readOnce(this.#p.files);
    const found = await survey({ files: source, known: NOTHING_KNOWN, suspicion: ANYWHERE, all: true });
    const base = await loadBase(this.#p.base);
    const groups = await this.#groups(source, found.groups);
    const ingredients = await this.#ingredients(base, groups);
    const live = found.machines.map(({ folder }) => folder).filter(folder => !folder.skip);
    const problems = await inTurns(live, async folder => {
      const own = await loadMachineLayer(source, folder.folder);
      return compileFolder(folder, own, ingredients, NO_CREDENTIALS).problems;
    });
    const shared = [base, ...groups.values()].flatMap(layer => layer.problems);
    return { folders: live.length, problems: eachOnce([...shared, ...problems.flat()]) };
  }

  /** Builds every folder; one with problems keeps its last good overlay. */
  build(options: BuildOptions = {}): Promise<BuildReport> {
    return this.#inTurn(() => this.#run(NOTHING_KNOWN, options));
  }

  /** Builds what is not as it was at the last build. A change in one folder costs that folder. */
  update(options: UpdateOptions = {}): Promise<BuildReport> {
    return this.#inTurn(() => this.#run(this.#known, options));
  }

  /** Two runs at one time would not know of each other's findings. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #run(known: Inventory, options: UpdateOptions): Promise<BuildReport> {
    const source = readOnce(this.#p.files);
    const kept = (await this.#p.store.records()).filter(record => record.folder !== undefined);
    const missing = kept.length === 0 ? undefined : await missingMachines(source);
    if (missing) return standstill(kept, missing);
    const site = JSON.stringify(await this.#p.site());
    const all = known.site !== site || (await changed(this.#p.base, known.base));
    const seen = await survey({ files: source, known, suspicion: options.suspicion ?? ANYWHERE, all });
    const found = withLost(seen, known, await this.#p.store.records());
    if (!all && isIdle(found, known)) return quietReport(known);
    return this.#p.store.exclusive(async writer => {
      const before = await this.#p.store.records();
      const base = await loadBase(this.#p.base);
      const groups = await this.#groups(source, needed(found));
      const builder = new Builder({
        source,
        ingredients: await this.#ingredients(base, groups),
        packer: this.#p.packer,
        secrets: this.#p.secrets,
        writer,
        running: this.#p.running?.(),
      });
      const removed = foldersGone(
        before,
        found.machines.map(({ folder }) => folder),
      );
      const builtIn = await builder.builtIn(before.find(record => record.folder === undefined));
      const done = await buildFolders({
        builder,
        found,
        known,
        last: lastOverlays(before, removed),
        options,
      });
      options.signal?.throwIfAborted();
      const records = [builtIn, ...servedRecords(done.map(({ outcome }) => outcome))];
      if (JSON.stringify(records) !== JSON.stringify(before)) await writer.commit(records);
      this.#known = {
        site,
        base: all ? base.inputs : known.base,
        groups: new Map(
          found.groups.flatMap(name => {
            // One that was read again though nothing showed may have changed since: what is known stays as old as it was.
            const layer = found.staleGroups.has(name) ? groups.get(name) : undefined;
            const group = layer ? knownOf(layer) : known.groups.get(name);
            return group ? [[name, group]] : [];
          }),
        ),
        machines: new Map(done.map(({ machine }) => [machine.folder.folder, machine])),
      };
      const report = reportOf(this.#known, base.problems, removed);
      return { ...report, worked: report.folders.filter(({ folder }) => found.stale.has(folder)) };
    });
  }

  async #groups(source: SourceFiles, names: readonly string[]): Promise<Map<string, LoadedLayer>> {
    const layers = await inTurns(names, name => loadGroup(source, name));
    return new Map(names.flatMap((name, index) => (layers[index] ? [[name, layers[index]]] : [])));
  }

  async #ingredients(base: LoadedLayer, groups: ReadonlyMap<string, LoadedLayer>): Promise<Ingredients> {
    return { base, site: await this.#p.site(), group: name => groups.get(name) };
  }
}

export function loadBase(files: SourceFiles): Promise<LoadedLayer> {
  return loadLayer(files, { path: '/apkovl', name: 'base', shared: true });
}

function isIdle(found: Findings, known: Inventory): boolean {
  const gone = known.machines.size !== found.machines.length || known.groups.size !== found.groups.length;
  return !gone && found.stale.size === 0 && found.staleGroups.size === 0;
}

/** Folders whose overlay is gone from the store, as when an admin has deleted it, are stale too. */
function withLost(found: Findings, known: Inventory, records: readonly OverlayRecord[]): Findings {
  const there = new Set(records.map(({ folder }) => folder));
  const lost = [...known.machines.values()].filter(
    ({ report }) => report.served && !there.has(report.folder),
  );
  return { ...found, stale: new Set([...found.stale, ...lost.map(({ report }) => report.folder)]) };
}

/** Stale groups for their problems, and those that a machine which must be built is in. */
function needed(found: Findings): string[] {
  const wanted = new Set(found.staleGroups);
  for (const { folder } of found.machines)
    if (found.stale.has(folder.folder)) for (const { name } of folder.groups) wanted.add(name);
  return found.groups.filter(name => wanted.has(name));
}

interface Work {
  readonly builder: Builder;
  readonly found: Findings;
  readonly known: Inventory;
  readonly last: ReturnType<typeof lastOverlays>;
  readonly options: BuildOptions;
}

interface Done {
  readonly machine: KnownMachine;
  readonly outcome: Outcome;
}

function buildFolders({ builder, found, known, last, options }: Work): Promise<Done[]> {
  const tell = inOrder(options.onFolder ?? (() => {}));
  return inTurns([...found.machines.entries()], async ([index, { own, folder }]) => {
    options.signal?.throwIfAborted();
    const before = known.machines.get(folder.folder);
    const record = last(folder);
    if (before && !found.stale.has(folder.folder)) {
      tell(index, undefined);
      const report = atRest(before.report);
      return { machine: { ...before, folder, report }, outcome: { report, record } };
    }
    const { outcome, layer } = await builder.folder(folder, record);
    tell(index, outcome.report);
    const inputs = layer?.inputs ?? new Map();
    return { machine: { own, folder, inputs, report: outcome.report }, outcome };
  });
}

/** Folders are worked on side by side; people read of them in order. */
function inOrder(
  tell: (report: FolderReport) => void,
): (index: number, report: FolderReport | undefined) => void {
  const early = new Map<number, FolderReport | undefined>();
  let next = 0;
  return (index, report) => {
    for (early.set(index, report); early.has(next); next++) {
      const ready = early.get(next);
      if (ready) tell(ready);
      early.delete(next);
    }
  };
}

function reportOf(
  { groups, machines }: Inventory,
  base: readonly Diagnostic[],
  removed: readonly string[],
): BuildReport {
  const folders = [...machines.values()].map(({ report }) => report);
  const shared = [...groups.values()].flatMap(group => group.problems);
  return {
    folders,
    worked: [],
    removed,
    problems: eachOnce([...base, ...shared, ...folders.flatMap(folder => folder.problems)]),
  };
}

/** Nothing may be done: every overlay that is served stays served. */
function standstill(kept: readonly OverlayRecord[], problem: Diagnostic): BuildReport {
  const folders = kept.map(({ folder = '', owner, size }) => {
    const rest = { outcome: 'skipped', problems: [], served: true } as const;
    return { folder, owner, size, ...rest };
  });
  return { folders, worked: [], removed: [], problems: [problem] };
}

/** Nothing was done. */
function quietReport(known: Inventory): BuildReport {
  const report = reportOf(known, [], []);
  return { ...report, folders: report.folders.map(atRest) };
}

/** What a folder was built to at an earlier time is unchanged since. */
function atRest(report: FolderReport): FolderReport {
  return report.outcome === 'built' ? { ...report, outcome: 'unchanged' } : report;
}
