import { asPxenError, PxenError } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Neighbours } from '../../domain/manifest/adopt.ts';
import { diffListings, type EntryChange, type ListedEntry } from '../../domain/overlay/listing.ts';
import type { OverlayRecord } from '../../domain/overlay/store.ts';
import { inputsOf, isUnsettled } from './inventory.ts';
import { headOf, type OverlayHead, recordOf, recordOfOwner, unknownOverlay } from './records.ts';
import type { BuildReport, CheckResult } from './report.ts';
import { type BuildOptions, type UpdateOptions, Workshop, type WorkshopParts } from './workshop.ts';

/** An overlay on its way to a node. */
export interface ServedOverlay extends OverlayHead {
  /** To be sent one after the other. They are shared: do not write into them. */
  readonly members: readonly Uint8Array[];
}

export interface ShownOverlay extends OverlayHead {
  readonly entries: readonly ListedEntry[];
}

/** What a node gets at its next boot beside what it runs. */
export interface OverlayDiff {
  readonly served: OverlayHead;
  /** `content` of the overlay that the node runs. */
  readonly running: string;
  readonly changes: readonly EntryChange[];
}

/** Compiles the folders of /host0 into overlays and hands them out (checklist MH-42, MH-46, MH-51 to MH-59). */
export class OverlayService {
  readonly #parts: WorkshopParts;
  readonly #workshop: Workshop;
  #firstBuild: Promise<unknown> | undefined;

  constructor(parts: WorkshopParts) {
    this.#parts = parts;
    this.#workshop = new Workshop(parts);
  }

  /** Judges all folders and writes nothing; no keys are made either. */
  check(): Promise<CheckResult> {
    return this.#workshop.check();
  }

  /** Builds every folder; one with problems keeps its last good overlay. */
  build(options: BuildOptions = {}): Promise<BuildReport> {
    return this.#workshop.build(options);
  }

  /** Builds what is not as it was at the last build. */
  update(options: UpdateOptions = {}): Promise<BuildReport> {
    return this.#workshop.update(options);
  }

  /** Which folders there are now, built or not. */
  neighbours(): Promise<Neighbours> {
    return this.#workshop.neighbours();
  }

  /** Every file of host0 that the overlays depend on, missing ones included; and whether one of them must be looked at again soon. */
  dependencies(): { readonly paths: ReadonlySet<string>; readonly unsettled: boolean } {
    const { inventory } = this.#workshop;
    return { paths: inputsOf(inventory), unsettled: isUnsettled(inventory) };
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
      return { ...headOf(record), entries: await this.#listing(record.listing) };
    });
  }

  /** What changes on a machine that runs `running` when it boots again. Rejects with NOT_FOUND when that is not known any more. */
  async diff(id: MachineId, running: string): Promise<OverlayDiff> {
    return this.#current(async records => {
      const own = recordOfOwner(id, records);
      const everybodys = recordOfOwner('default', records);
      const served = own ?? everybodys ?? unknownOverlay(id, records);
      const candidates = [own, everybodys].flatMap(one => (one ? [one, ...one.earlier] : []));
      const listing = candidates.find(({ content }) => content === running)?.listing;
      if (listing === undefined) throw forgotten(id, running);
      const [before, after] = await Promise.all([this.#listing(listing), this.#listing(served.listing)]);
      return { served: headOf(served), running, changes: diffListings(before, after) };
    });
  }

  async #listing(name: string): Promise<ListedEntry[]> {
    return JSON.parse(new TextDecoder().decode(await this.#parts.store.read(name)));
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

  /** On an appliance where nothing was ever built, all is built when the first overlay is asked for. */
  async #records(): Promise<readonly OverlayRecord[]> {
    const records = await this.#parts.store.records();
    if (records.length > 0) return records;
    this.#firstBuild ??= this.build().finally(() => {
      this.#firstBuild = undefined;
    });
    await this.#firstBuild;
    return this.#parts.store.records();
  }
}

function forgotten(id: MachineId, running: string): PxenError {
  return new PxenError(
    'NOT_FOUND',
    `${id} runs overlay ${running.slice(0, 16)}, and what was in it is not kept any more`,
    { details: [`it is not the one that is served now; to get that: mesh node ctl -n ${id} reboot`] },
  );
}
