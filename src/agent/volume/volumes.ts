import { quote, several } from '../../base/diagnostic.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { decideVolume, type Found, isDonor, isOwn, volumeProblems } from '../../domain/volume/decide.ts';
import { withFormats } from '../../domain/volume/format.ts';
import { judgeContent } from '../../domain/volume/judge.ts';
import type { Ledger, VolumeRecord } from '../../domain/volume/record.ts';
import type { Volume, Workload } from '../../domain/workload/workload.ts';
import { type Exec, exec as execute } from '../../io/exec.ts';
import { download } from '../../io/files/download.ts';
import { dropPart } from '../../io/files/part.ts';
import { Arrival, askedOf, type Examined, onItsWay, recordOf } from './arrival.ts';
import { Images } from './images.ts';
import { Ledgers, readMarker, removeMarker, writeMarker } from './ledgers.ts';
import { Places } from './place.ts';
import { Sources } from './sources.ts';
import type { Donor, Obtained, Wanted } from './wanted.ts';

export interface VolumesOptions {
  /** `/` on a node. */
  readonly root: string;
  /** Fetches a URL. */
  readonly http?: typeof download | undefined;
  /** Runs qemu-img. */
  readonly exec?: Exec | undefined;
  readonly clock: Clock;
  /** One plain line. */
  readonly say: (line: string) => void;
}

export interface Ensuring {
  /** At most four times a second for each volume. */
  readonly progress: (volumeId: number, path: string, received: number, total?: number) => void;
  readonly signal: AbortSignal;
  /** No virtual machine of the workload lives, so what a dead one has left is replaced. */
  readonly starting?: boolean | undefined;
  /** Disks that are made take room when they are written to, and not before. Absent: true. */
  readonly lazyAllocation?: boolean | undefined;
}

/** Takes back what one `ensure` has fetched, and nothing else. Never rejects. */
export type Undo = () => Promise<void>;

/** The files of workloads on this node (MH-11 to MH-19, X-2). */
export class Volumes {
  readonly #places: Places;
  readonly #ledgers: Ledgers;
  readonly #images: Images;
  readonly #sources: Sources;
  readonly #say: (line: string) => void;

  constructor({ clock, exec = execute, http = download, root, say }: VolumesOptions) {
    this.#places = new Places(root);
    this.#ledgers = new Ledgers(root, say);
    this.#images = new Images({ exec, clock });
    this.#sources = new Sources({ places: this.#places, http, images: this.#images, clock });
    this.#say = say;
  }

  /** Reads what an earlier agent has recorded. */
  async start(): Promise<void> {
    this.#ledgers.load();
  }

  /**
   * Rejects with WORKLOAD_INVALID and every problem at once where `ensure` would do so before it fetches anything. Changes
   * nothing.
   */
  async refuse(workload: Workload, on: Pick<Ensuring, 'starting'>): Promise<void> {
    this.#refuseProblems(await this.#examine(withFormats(workload), on));
  }

  /**
   * Fetches or makes what is missing; what is there already is never overwritten. Rejects as `refuse` does, or with what
   * kept a file from coming, and then nothing is left of what it brought. The undo is for a start that fails later on; a
   * download ignores it.
   */
  async ensure(asked: Workload, on: Ensuring): Promise<Undo> {
    const workload = withFormats(asked);
    const examined = await this.#examine(workload, on);
    this.#refuseProblems(examined);
    // Without a pause before the claim: else another workload could get the same path.
    const arrival = new Arrival(workload, this.#claim(examined));
    const { found } = examined;
    const undo = (): Promise<void> => this.#undo(arrival);
    try {
      // For an agent that comes after one that was killed.
      if (this.#comes(workload.uuid)) await this.#ledgers.save(workload.uuid);
      for (const volume of workload.volumes) await this.#bring(volume, found, arrival, on);
      await this.#ledgers.save(workload.uuid);
      return undo;
    } catch (error) {
      await undo();
      throw error;
    }
  }

  /** A virtual machine has them now: what it leaves when it dies is nothing to start from. */
  async taken({ uuid }: Workload): Promise<void> {
    const ledger = this.#ledgers.of(uuid);
    if (!ledger) return;
    this.#ledgers.set({ ...ledger, volumes: ledger.volumes.map(record => ({ ...record, used: true })) });
    await this.#ledgers.save(uuid);
  }

  /** After a stop: deletes the ephemeral ones that no other workload has. Returns the deleted paths. */
  async release(workload: Workload): Promise<readonly string[]> {
    const recorded = this.#ledgers.of(workload.uuid)?.volumes ?? [];
    const known = workload.volumes.map(({ path }) => path);
    const volumes = [...workload.volumes, ...recorded.filter(({ path }) => !known.includes(path))];
    const deleted: string[] = [];
    for (const { ephemeral, path } of volumes) {
      if (!this.#isShared(workload.uuid, path)) await dropPart(await this.#places.inside(path));
      if (ephemeral && (await this.#delete(workload.uuid, path))) deleted.push(path);
    }
    await this.#ledgers.forget(workload.uuid);
    return deleted;
  }

  /** A machine that runs on has it no more. True when its file was deleted, as that of an ephemeral one is. */
  async drop({ uuid }: Workload, { ephemeral, path }: Volume): Promise<boolean> {
    const ledger = this.#ledgers.of(uuid);
    if (ledger) {
      this.#ledgers.set({ ...ledger, volumes: ledger.volumes.filter(record => record.path !== path) });
      await this.#ledgers.save(uuid);
    }
    return ephemeral && (await this.#delete(uuid, path));
  }

  /**
   * Of a workload that was downloaded and never started, or whose start the end of an agent has cut off: deletes what was
   * brought for it and is ephemeral, and what is unfinished. Returns the deleted paths; undefined when there is nothing of
   * it.
   */
  async abandon(uuid: string): Promise<readonly string[] | undefined> {
    const recorded = this.#ledgers.of(uuid)?.volumes;
    const deleted: string[] = [];
    for (const record of recorded ?? []) {
      const { ephemeral, fetched, path } = record;
      if (!this.#isShared(uuid, path)) await this.#dropUnfinished(uuid, path);
      if (!ephemeral || !fetched) continue;
      await this.#ledgers.bequeath(uuid, record);
      if (await this.#delete(uuid, path)) deleted.push(path);
    }
    await this.#ledgers.forget(uuid);
    return recorded && deleted;
  }

  /** Which paths of the workload are there, and which of these it placed itself. */
  async paths(workload: Workload): Promise<{ existing: string[]; owned: string[] }> {
    const found = await this.#look(workload);
    const there = workload.volumes.filter(({ id }) => found.get(id)?.what !== 'nothing');
    const own = there.filter(({ id }) => isOwn(workload.uuid, found.get(id) ?? { what: 'nothing' }));
    return { existing: there.map(({ path }) => path), owned: own.map(({ path }) => path) };
  }

  /** What each volume takes on the node, bytes, by volume id. */
  async sizes(workload: Workload): Promise<Map<number, number>> {
    const sizes = new Map<number, number>();
    for (const { id, path } of workload.volumes) {
      const { bytes } = await this.#places.look(path);
      if (bytes !== undefined) sizes.set(id, bytes);
    }
    return sizes;
  }

  async #look({ uuid, volumes }: Workload, inUse = true): Promise<Map<number, Found>> {
    const records = this.#ledgers.of(uuid)?.volumes ?? [];
    const found = new Map<number, Found>();
    for (const { id, path } of volumes) {
      const place = await this.#places.look(path);
      const marker = place.what === 'file' ? await readMarker(this.#places.real(path)) : undefined;
      const record = records.find(one => one.path === path);
      found.set(id, { ...place, marker, record, inUse, shared: this.#isShared(uuid, path) });
    }
    return found;
  }

  async #examine(workload: Workload, { starting }: Pick<Ensuring, 'starting'>): Promise<Examined> {
    for (const { path } of workload.volumes) await this.#places.refuseDetour(path);
    const found = await this.#look(workload, starting !== true);
    return { workload, found, contentProblems: await this.#contentProblems(workload, found) };
  }

  #refuseProblems({ contentProblems, found, workload }: Examined): void {
    const { name, uuid } = workload;
    const problems = [...volumeProblems(workload, found, this.#ledgers.others(uuid)), ...contentProblems];
    if (problems.length === 0) return;
    throw new PxenError('WORKLOAD_INVALID', `${name}: ${several(problems.length, 'problem')}`, {
      details: problems,
    });
  }

  #isShared(uuid: string, path: string): boolean {
    return this.#ledgers.others(uuid).some(({ volumes }) => volumes.some(other => other.path === path));
  }

  /** Of the files that are there and stay. */
  async #contentProblems({ uuid, volumes }: Workload, found: ReadonlyMap<number, Found>): Promise<string[]> {
    const problems: string[] = [];
    for (const volume of volumes) {
      const place = found.get(volume.id) ?? { what: 'nothing' };
      if (decideVolume(uuid, volume, place).kind !== 'keep') continue;
      // A guest may write whatever it likes into its raw disk, what looks like an image, too.
      if (volume.format === 'raw' && isOwn(uuid, place)) continue;
      const trouble = judgeContent(volume.type, await this.#places.head(volume.path), volume.format);
      if (trouble) problems.push(`platform.volume.${volume.id}.path: ${quote(volume.path)} ${trouble}`);
    }
    return problems;
  }

  /** From here on the paths are taken, so that no other workload gets them meanwhile. Returns what was claimed before. */
  #claim({ found, workload: { name, uuid, volumes } }: Examined): Ledger | undefined {
    const before = this.#ledgers.of(uuid);
    const paths = volumes.map(({ path }) => path);
    const earlier = before?.volumes.filter(({ path }) => !paths.includes(path)) ?? [];
    const records = volumes.map(volume => {
      const place = found.get(volume.id) ?? { what: 'nothing' };
      const comes = decideVolume(uuid, volume, place).kind !== 'keep';
      return comes ? onItsWay(volume) : recordOf(volume, place);
    });
    this.#ledgers.set({ uuid, name, volumes: [...earlier, ...records] });
    return before;
  }

  /** Something is on its way. */
  #comes(uuid: string): boolean {
    const records = this.#ledgers.of(uuid)?.volumes ?? [];
    return records.some(({ fetched, version }) => fetched && version === undefined);
  }

  async #bring(
    volume: Volume,
    found: ReadonlyMap<number, Found>,
    arrival: Arrival,
    on: Ensuring,
  ): Promise<void> {
    const { uuid } = arrival.workload;
    const { id, path, source } = volume;
    const { kind } = decideVolume(uuid, volume, found.get(id) ?? { what: 'nothing' });
    if (kind === 'keep') return;
    if (kind === 'replace') await this.#delete(uuid, path);
    arrival.folders.push(...(await this.#places.makeFolders(path)));
    arrival.paths.push(path);
    await this.#mark(uuid, volume);
    if (source === undefined) return this.#make(uuid, volume, on);
    const progress = (received: number, total?: number): void => on.progress(id, path, received, total);
    await this.#obtain(uuid, { volume: { ...volume, source }, progress, signal: on.signal });
  }

  async #make(uuid: string, volume: Volume, { lazyAllocation = true, signal }: Ensuring): Promise<void> {
    const { format = 'qcow2', path, size = 0 } = volume;
    const limits = await this.#places.limits(path);
    const to = await this.#places.inside(path);
    await this.#images.create({ to, format, bytes: size, lazy: lazyAllocation, limits, signal });
    await this.#record(uuid, volume, {});
  }

  async #obtain(uuid: string, wanted: Wanted): Promise<void> {
    const { volume } = wanted;
    await this.#record(uuid, volume, await this.#sources.obtain(wanted, () => this.#donors(volume)));
  }

  async #record(
    uuid: string,
    volume: Volume,
    { converted, sha256, validator }: Partial<Obtained>,
  ): Promise<void> {
    const { version } = await this.#places.look(volume.path);
    const record = { ...askedOf(volume), fetched: true, used: false, sha256, converted, validator, version };
    this.#update(uuid, record);
    await this.#ledgers.save(uuid);
  }

  #update(uuid: string, record: VolumeRecord): void {
    const ledger = this.#ledgers.of(uuid);
    if (!ledger) return;
    const volumes = ledger.volumes.map(one => (one.path === record.path ? record : one));
    this.#ledgers.set({ ...ledger, volumes });
  }

  /** The volumes of all workloads on this node that hold just what is to be fetched. */
  async #donors(volume: Volume): Promise<Donor[]> {
    const donors: Donor[] = [];
    for (const record of this.#ledgers.all().flatMap(({ volumes }) => volumes)) {
      const { converted, path, sha256, source, validator, writable } = record;
      if (source !== volume.source || sha256 === undefined) continue;
      const { version } = await this.#places.look(path);
      if (isDonor(record, volume, version)) donors.push({ path, sha256, validator, writable, converted });
    }
    // One that was converted already saves another conversion.
    return donors.toSorted((a, b) => Number(b.converted ?? false) - Number(a.converted ?? false));
  }

  /**
   * The marker is there before the file is: a file of ours without one would count as somebody else's when the agent
   * dies in between. What is gone after a reboot anyway needs none, but for a persistent volume it is asked for.
   */
  async #mark(uuid: string, { ephemeral, path, sha256, source }: Volume): Promise<void> {
    if (ephemeral && !(await this.#places.outlivesReboot(path))) return;
    await writeMarker(this.#places.real(path), { uuid, source, sha256, ephemeral });
  }

  /** True when a file is gone; not when it is somebody else's. */
  async #delete(uuid: string, path: string): Promise<boolean> {
    if (this.#isShared(uuid, path)) return false;
    const real = this.#places.real(path);
    const marker = await readMarker(real);
    if (marker?.ephemeral === false && marker.uuid !== uuid) return false;
    const gone = await this.#places.remove(path);
    await removeMarker(real);
    return gone;
  }

  /** The marker comes before the file. */
  async #dropUnfinished(uuid: string, path: string): Promise<void> {
    const real = await this.#places.inside(path);
    await dropPart(real);
    const { what } = await this.#places.look(path);
    if (what === 'nothing' && (await readMarker(real))?.uuid === uuid) await removeMarker(real);
  }

  async #undo({ before, folders, paths, workload }: Arrival): Promise<void> {
    try {
      for (const path of paths) await this.#delete(workload.uuid, path);
      await this.#places.removeFolders(folders);
      if (before) this.#ledgers.set(before);
      else await this.#ledgers.forget(workload.uuid);
      await this.#ledgers.save(workload.uuid);
    } catch (thrown) {
      this.#say(`${workload.name}: cannot take back its volumes: ${asPxenError(thrown).message}`);
    }
  }
}
