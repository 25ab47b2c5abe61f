import { createHash } from 'node:crypto';
import {
  type Diagnostic,
  diagnosticsError,
  formatDiagnostic,
  nearest,
  quote,
} from '../../base/diagnostic.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { OverlayOwner } from '../../domain/manifest/lists.ts';
import type { CredentialStore, Credentials, SiteFacts } from '../../domain/overlay/builtin.ts';
import type { LoadedLayer } from '../../domain/overlay/layer.ts';
import { splitMembers } from '../../domain/overlay/members.ts';
import type { SourceFiles } from '../../domain/overlay/source.ts';
import type {
  OverlayPacker,
  OverlayRecord,
  OverlayStore,
  OverlayWriter,
} from '../../domain/overlay/store.ts';
import { type Compiled, compileBuiltIn, compileFolder, type Ingredients, isMachine } from './compile.ts';
import { type ListedEntry, listEntries } from './listing.ts';
import { loadHost0, loadLayer, loadMachineLayer, type MachineFolder } from './load.ts';

export interface OverlayParts {
  /** host0's files: the appliance's --root. */
  readonly files: SourceFiles;
  /** The files that come with pxen: the package's own folder. */
  readonly base: SourceFiles;
  readonly packer: OverlayPacker;
  readonly store: OverlayStore;
  readonly secrets: CredentialStore;
  readonly site: () => Promise<SiteFacts>;
}

export interface CheckResult {
  /** Folders that would be built. */
  readonly folders: number;
  /** Every problem of every folder, groups that nobody uses included, each once. */
  readonly problems: readonly Diagnostic[];
}

export interface FolderReport {
  readonly folder: string;
  readonly owner: OverlayOwner | undefined;
  readonly outcome: 'built' | 'unchanged' | 'refused' | 'skipped';
  /** Why it was refused. */
  readonly problems: readonly Diagnostic[];
  /** An overlay of this folder, new or old, is served now. */
  readonly served: boolean;
  /** Compressed, bytes; 0 when none is served. */
  readonly size: number;
}

export interface BuildReport {
  readonly folders: readonly FolderReport[];
  /** Folders that are gone, and their overlays with them. */
  readonly removed: readonly string[];
  /** As in CheckResult; not empty when anything was refused. */
  readonly problems: readonly Diagnostic[];
}

export interface OverlayHead {
  /** Undefined for the built-in default overlay. */
  readonly folder: string | undefined;
  readonly owner: OverlayOwner;
  /** SHA-256 of the content, hex: the ETag. */
  readonly planHash: string;
  /** Compressed, bytes; all members together. */
  readonly size: number;
}

/** An overlay on its way to a node. */
export interface ServedOverlay extends OverlayHead {
  /** To be sent one after the other. They are shared: do not write into them. */
  readonly members: readonly Uint8Array[];
}

export interface ShownOverlay extends OverlayHead {
  readonly entries: readonly ListedEntry[];
}

/** Compiles the folders of /host0 into overlays and hands them out (checklist MH-42, MH-46, MH-51 to MH-59). */
export class OverlayService {
  readonly #parts: OverlayParts;
  #firstBuild: Promise<void> | undefined;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
  }

  /** Judges all folders and writes nothing; no keys are made either. */
  async check(): Promise<CheckResult> {
    const ingredients = await this.#gather();
    const live = ingredients.host0.machines.filter(machine => !machine.skip);
    const found: Diagnostic[] = [];
    for (const folder of live) {
      const own = await loadMachineLayer(ingredients.host0, folder.folder);
      found.push(...compileFolder(folder, own, ingredients, NO_CREDENTIALS).problems);
    }
    return { folders: live.length, problems: allProblems(ingredients, found) };
  }

  /** Builds every folder; one with problems keeps its last good overlay. `onFolder` hears of each as it is done. */
  async build(onFolder: (report: FolderReport) => void = () => {}): Promise<BuildReport> {
    return this.#parts.store.exclusive(async writer => {
      const ingredients = await this.#gather();
      const builtIn = await this.#buildBuiltIn(ingredients, writer);
      const before = await this.#parts.store.records();
      const removed = foldersGone(before, ingredients.host0.machines);
      const outcomes: Outcome[] = [];
      for (const folder of ingredients.host0.machines) {
        const outcome = await this.#buildFolder(
          folder,
          ingredients,
          lastOverlay(folder, before, removed),
          writer,
        );
        outcomes.push(outcome);
        onFolder(outcome.report);
      }
      await writer.commit([builtIn, ...servedRecords(outcomes)]);
      return {
        folders: outcomes.map(outcome => outcome.report),
        removed,
        problems: allProblems(
          ingredients,
          outcomes.flatMap(outcome => outcome.report.problems),
        ),
      };
    });
  }

  /** The overlay for a machine: its own, else the default folder's, else the built-in one. */
  get(id: MachineId): Promise<ServedOverlay> {
    return this.#serve(records => recordOfOwner(id, records) ?? recordOfOwner('default', records));
  }

  /** Is there an overlay made for this very machine? That one holds its secrets. */
  async has(id: MachineId): Promise<boolean> {
    return recordOfOwner(id, await this.#records()) !== undefined;
  }

  /** The overlay of a folder or a machine id; `default` is what machines without a folder get. */
  find(idOrName: string): Promise<ServedOverlay> {
    return this.#serve(records => recordOf(idOrName, records) ?? unknownOverlay(idOrName, records));
  }

  /** What is in that overlay, as it is served now. */
  async show(idOrName: string): Promise<ShownOverlay> {
    return this.#current(async records => {
      const record = recordOf(idOrName, records) ?? unknownOverlay(idOrName, records);
      const listing = new TextDecoder().decode(await this.#parts.store.read(record.listing));
      return { ...headOf(record), entries: JSON.parse(listing) as ListedEntry[] };
    });
  }

  #serve(choose: (records: readonly OverlayRecord[]) => OverlayRecord | undefined): Promise<ServedOverlay> {
    return this.#current(async records => {
      const record = choose(records) ?? unknownOverlay('default', records);
      const members = await Promise.all(record.members.map(name => this.#parts.store.read(name)));
      return { ...headOf(record), members };
    });
  }

  /** Parts may be replaced by another process after the index was read; the new index then names new ones. */
  async #current<T>(read: (records: readonly OverlayRecord[]) => Promise<T>): Promise<T> {
    try {
      return await read(await this.#records());
    } catch (error) {
      if (asPxenError(error).code !== 'FILE_MISSING') throw error;
      return read(await this.#records());
    }
  }

  async #gather(): Promise<Ingredients> {
    const { base, files, site } = this.#parts;
    return { base: await loadBase(base), site: await site(), host0: await loadHost0(files) };
  }

  async #buildFolder(
    folder: MachineFolder,
    ingredients: Ingredients,
    last: OverlayRecord | undefined,
    writer: OverlayWriter,
  ): Promise<Outcome> {
    if (folder.skip) return outcomeOf(folder, 'skipped', last);
    const own = await loadMachineLayer(ingredients.host0, folder.folder);
    const draft = compileFolder(folder, own, ingredients, NO_CREDENTIALS);
    if (draft.problems.length > 0 || !folder.owner) return outcomeOf(folder, 'refused', last, draft.problems);
    const compiled = isMachine(folder.owner)
      ? compileFolder(folder, own, ingredients, await this.#parts.secrets.credentials(folder.owner))
      : draft;
    const record = { folder: folder.folder, owner: folder.owner, ...(await this.#pack(compiled, writer)) };
    const same = last?.planHash === record.planHash && last.owner === record.owner;
    return outcomeOf(folder, same ? 'unchanged' : 'built', record);
  }

  async #buildBuiltIn(
    { base, site }: Pick<Ingredients, 'base' | 'site'>,
    writer: OverlayWriter,
  ): Promise<OverlayRecord> {
    const compiled = compileBuiltIn(base, site);
    if (compiled.problems.length > 0) {
      throw diagnosticsError(
        'MANIFEST_INVALID',
        'The base overlay that comes with pxen is broken',
        compiled.problems,
      );
    }
    return { owner: 'default', ...(await this.#pack(compiled, writer)) };
  }

  async #pack(
    compiled: Compiled,
    writer: OverlayWriter,
  ): Promise<Pick<OverlayRecord, 'planHash' | 'members' | 'listing' | 'size'>> {
    const { packer } = this.#parts;
    const hashes: string[] = [];
    let size = 0;
    for (const member of splitMembers(compiled.layers, compiled.plan.entries)) {
      const hash = await packer.digest(member);
      hashes.push(hash);
      size += await writer.keep(`${hash}.gz`, () => packer.pack(member));
    }
    const listing = new TextEncoder().encode(JSON.stringify(listEntries(compiled.plan.entries)));
    const listingName = `${sha256(listing)}.json`;
    await writer.keep(listingName, async () => listing);
    const planHash = sha256(new TextEncoder().encode(hashes.join('\n')));
    return { planHash, members: hashes.map(hash => `${hash}.gz`), listing: listingName, size };
  }

  /** On an appliance where nothing was ever built, the built-in overlay is made when it is first asked for. */
  async #records(): Promise<readonly OverlayRecord[]> {
    const records = await this.#parts.store.records();
    if (records.length > 0) return records;
    this.#firstBuild ??= this.#recordBuiltIn().finally(() => {
      this.#firstBuild = undefined;
    });
    await this.#firstBuild;
    return this.#parts.store.records();
  }

  async #recordBuiltIn(): Promise<void> {
    const { base, site, store } = this.#parts;
    await store.exclusive(async writer => {
      if ((await store.records()).length > 0) return;
      await writer.commit([
        await this.#buildBuiltIn({ base: await loadBase(base), site: await site() }, writer),
      ]);
    });
  }
}

interface Outcome {
  readonly report: FolderReport;
  readonly record: OverlayRecord | undefined;
}

/** Stand in for a machine's secrets while nothing is to be written: the paths are the same, so are all problems. */
const NO_CREDENTIALS: Credentials = { hostKeyPrivate: '', hostKeyPublic: '', token: '' };

function loadBase(files: SourceFiles): Promise<LoadedLayer> {
  return loadLayer(files, { path: '/apkovl', name: 'base', shared: true });
}

function outcomeOf(
  { folder, owner }: MachineFolder,
  outcome: FolderReport['outcome'],
  record: OverlayRecord | undefined,
  problems: readonly Diagnostic[] = [],
): Outcome {
  const size = record?.size ?? 0;
  return { report: { folder, owner, outcome, problems, served: record !== undefined, size }, record };
}

/** The overlay a folder had before. A folder that was renamed takes over what its machine had under the old name. */
function lastOverlay(
  { folder, owner }: MachineFolder,
  before: readonly OverlayRecord[],
  removed: readonly string[],
): OverlayRecord | undefined {
  const own = before.find(record => record.folder === folder);
  const old = before.find(record => record.owner === owner && removed.includes(record.folder ?? ''));
  return own ?? (old && { ...old, folder });
}

/** A machine has one overlay. When two folders claim it, the one built now wins over one that was only kept. */
function servedRecords(outcomes: readonly Outcome[]): OverlayRecord[] {
  const byOwner = new Map<OverlayOwner, OverlayRecord>();
  const kept = outcomes.filter(({ report }) => report.outcome === 'refused' || report.outcome === 'skipped');
  const fresh = outcomes.filter(outcome => !kept.includes(outcome));
  for (const { record } of [...kept, ...fresh]) if (record) byOwner.set(record.owner, record);
  return outcomes.flatMap(({ record }) => (record && byOwner.get(record.owner) === record ? [record] : []));
}

function foldersGone(before: readonly OverlayRecord[], machines: readonly MachineFolder[]): string[] {
  const present = new Set(machines.map(machine => machine.folder));
  return before.flatMap(({ folder }) => (folder !== undefined && !present.has(folder) ? [folder] : []));
}

/** One broken line of a group is a problem of many machines, but one line to mend. */
function allProblems({ base, host0 }: Ingredients, found: readonly Diagnostic[]): Diagnostic[] {
  const groups = [...host0.groups.values()].flatMap(group => group.problems);
  const byText = new Map(
    [...base.problems, ...groups, ...found].map(problem => [formatDiagnostic(problem), problem]),
  );
  return [...byText.values()];
}

/** For people: by folder name, then by machine id. */
function recordOf(idOrName: string, records: readonly OverlayRecord[]): OverlayRecord | undefined {
  return records.find(({ folder }) => folder === idOrName) ?? recordOfOwner(idOrName.toLowerCase(), records);
}

/** The folder for `default` goes before the built-in overlay. */
function recordOfOwner(id: string, records: readonly OverlayRecord[]): OverlayRecord | undefined {
  const owned = records.filter(({ owner }) => owner === id);
  return owned.find(({ folder }) => folder !== undefined) ?? owned[0];
}

function headOf({ folder, owner, planHash, size }: OverlayRecord): OverlayHead {
  return { folder, owner, planHash, size };
}

function unknownOverlay(idOrName: string, records: readonly OverlayRecord[]): never {
  const names = records.flatMap(({ folder, owner }) => (folder === undefined ? [] : [folder, owner]));
  const near = nearest(idOrName, names);
  const hint =
    near === undefined ? 'run mesh system configure after adding its folder' : `did you mean ${near}?`;
  throw new PxenError('NOT_FOUND', `no overlay for ${quote(idOrName)}; ${hint}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
