import { createHash } from 'node:crypto';
import { type Diagnostic, diagnosticsError } from '../../base/diagnostic.ts';
import { asPxenError } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
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
import {
  foldersGone,
  headOf,
  lastOverlay,
  type OverlayHead,
  recordOf,
  recordOfOwner,
  servedRecords,
  unknownOverlay,
} from './records.ts';
import {
  allProblems,
  type BuildReport,
  type CheckResult,
  type FolderReport,
  type Outcome,
  outcomeOf,
} from './report.ts';

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

  /** What machines without a folder get: chosen by owner alone, since a folder of any machine may be named `default`. */
  everybodys(): Promise<ServedOverlay> {
    return this.#serve(records => recordOfOwner('default', records));
  }

  /** The overlay made for this very machine. Rejects with NOT_FOUND: it never falls back to another one. */
  own(id: MachineId): Promise<ServedOverlay> {
    return this.#serve(records => recordOfOwner(id, records) ?? unknownOverlay(id, records));
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

/** Stand in for a machine's secrets while nothing is to be written: the paths are the same, so are all problems. */
const NO_CREDENTIALS: Credentials = { hostKeyPrivate: '', hostKeyPublic: '', token: '' };

function loadBase(files: SourceFiles): Promise<LoadedLayer> {
  return loadLayer(files, { path: '/apkovl', name: 'base', shared: true });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
