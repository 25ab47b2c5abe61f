import type { MachineId } from '../../domain/machine/genid.ts';
import type { Host } from '../../domain/workload/host.ts';
import type { WorkloadFiles } from '../../domain/workload/record.ts';
import type { Sight, Situation } from '../../domain/workload/view.ts';
import { type Entry, entriesOf } from './entries.ts';
import type { Locks } from './locks.ts';
import type { Records } from './records.ts';
import type { Returning } from './returning.ts';
import type { Sightings } from './sightings.ts';
import { INTENT } from './verbs.ts';

export interface SceneParts {
  readonly files: WorkloadFiles;
  readonly records: Records;
  readonly sightings: Sightings;
  readonly locks: Locks;
  readonly returning: Returning;
  readonly hosts: () => readonly Host[];
  readonly host: (id: MachineId) => Host | undefined;
}

/** All that is known of workloads, put together when somebody asks. */
export class Scene {
  readonly #parts: SceneParts;
  /** Files that are too many, at the last look. */
  #beyond = 0;

  constructor(parts: SceneParts) {
    this.#parts = parts;
  }

  /** Sorted by name. */
  async entries(): Promise<Entry[]> {
    const { beyond, files } = await this.#parts.files.all();
    this.#beyond = beyond;
    const sights = this.#parts.sightings.in(this.#parts.hosts());
    return entriesOf({
      files,
      records: this.#parts.records.all(),
      sights,
      situation: uuid => this.#situation(uuid, sights.get(uuid) ?? []),
    });
  }

  health(): string | undefined {
    if (this.#beyond === 0) return undefined;
    return `there are too many workload files: ${this.#beyond} of them are not looked at`;
  }

  /** Of everything that was started once, or that a host tells of, by uuid. */
  situations(): readonly (readonly [uuid: string, situation: Situation])[] {
    const sights = this.#parts.sightings.in(this.#parts.hosts());
    const records = [...this.#parts.records.all()].map(({ uuid }) => uuid);
    const uuids = new Set([...records, ...sights.keys()]);
    return [...uuids].map(uuid => [uuid, this.#situation(uuid, sights.get(uuid) ?? [])]);
  }

  /** As it is at this moment. */
  situation(uuid: string): Situation {
    return this.#situation(uuid, this.#parts.sightings.in(this.#parts.hosts()).get(uuid) ?? []);
  }

  #situation(uuid: string, sights: readonly Sight[]): Situation {
    const { host, locks, records, returning } = this.#parts;
    const record = records.get(uuid);
    const work = locks.of(uuid);
    return {
      record,
      host: record && host(record.node),
      sights,
      working: work === undefined || work === 'return' ? undefined : INTENT[work],
      returning: returning.of(uuid),
    };
  }
}
