import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type * as z from 'zod';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { STATE_FILES, WORKLOADS_FOLDER } from '../../domain/vm/statefiles.ts';
import {
  type Ledger,
  ledgerSchema,
  MARKER_SUFFIX,
  type Marker,
  markerSchema,
  type VolumeRecord,
} from '../../domain/volume/record.ts';
import { writeAtomic } from '../../io/files/atomic.ts';
import { headOf } from '../../io/files/head.ts';
import { isFull } from '../../io/files/space.ts';

/** What workloads have on this node, in `volumes.json` of their state folders. */
export class Ledgers {
  readonly #folder: string;
  readonly #say: (line: string) => void;
  readonly #ledgers = new Map<string, Ledger>();

  constructor(root: string, say: (line: string) => void) {
    this.#folder = join(root, WORKLOADS_FOLDER);
    this.#say = say;
  }

  /** Reads what an earlier agent has written. */
  load(): void {
    for (const uuid of foldersOf(this.#folder)) {
      const ledger = this.#read(uuid);
      if (ledger) this.#ledgers.set(uuid, ledger);
    }
  }

  of(uuid: string): Ledger | undefined {
    return this.#ledgers.get(uuid);
  }

  others(uuid: string): Ledger[] {
    return [...this.#ledgers.values()].filter(ledger => ledger.uuid !== uuid);
  }

  all(): Ledger[] {
    return [...this.#ledgers.values()];
  }

  /** From now on this is what the workload has; on disk only after `save`. */
  set(ledger: Ledger): void {
    this.#ledgers.set(ledger.uuid, ledger);
  }

  async save(uuid: string): Promise<void> {
    const ledger = this.#ledgers.get(uuid);
    const file = this.#fileOf(uuid);
    try {
      if (!ledger) return await rm(file, { force: true });
      await mkdir(join(this.#folder, uuid), { recursive: true, mode: 0o700 });
      await writeAtomic(file, `${JSON.stringify(ledger, null, 2)}\n`, 0o600);
    } catch (error) {
      const [code, why] = isFull(error)
        ? (['NO_SPACE', 'the file system is full'] as const)
        : (['STATE_UNUSABLE', messageOf(error)] as const);
      throw new PxenError(code, `${file} cannot be written: ${why}`, { cause: error });
    }
  }

  async forget(uuid: string): Promise<void> {
    this.#ledgers.delete(uuid);
    await this.save(uuid);
  }

  /** Whoever shares a file has brought it from now on: the last one deletes it. */
  async bequeath(uuid: string, { path, ...brought }: VolumeRecord): Promise<void> {
    for (const ledger of this.others(uuid)) {
      if (!ledger.volumes.some(other => other.path === path)) continue;
      const volumes = ledger.volumes.map(other =>
        other.path === path ? { ...brought, path, id: other.id, used: other.used } : other,
      );
      this.set({ ...ledger, volumes });
      await this.save(ledger.uuid);
    }
  }

  #fileOf(uuid: string): string {
    return join(this.#folder, uuid, STATE_FILES.volumes);
  }

  #read(uuid: string): Ledger | undefined {
    const file = this.#fileOf(uuid);
    try {
      const ledger = ledgerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      return ledger.uuid === uuid ? ledger : undefined;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        this.#say(`${file} cannot be read, it counts as empty: ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** Those that nobody else could have put into /tmp. */
function foldersOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => {
      const facts = lstatSync(join(folder, name));
      return facts.isDirectory() && facts.uid === process.geteuid?.();
    });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new PxenError('STATE_UNUSABLE', `${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/** Longest file name of Linux is 255 bytes; the names made here, and before them by `writeAtomic`, are 46 longer. */
const LONGEST_NAME = 209;

function markerPath(file: string): string {
  const name = basename(file);
  const short =
    Buffer.byteLength(name) <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('hex');
  return join(dirname(file), short + MARKER_SUFFIX);
}

/** Whose the file is; undefined when nobody says. */
export async function readMarker(file: string): Promise<Marker | undefined> {
  const head = await headOf(markerPath(file)).catch(() => new Uint8Array());
  return parsed(markerSchema, new TextDecoder().decode(head));
}

export async function writeMarker(file: string, marker: Marker): Promise<void> {
  await writeAtomic(markerPath(file), `${JSON.stringify(marker)}\n`, 0o600);
}

export async function removeMarker(file: string): Promise<void> {
  await rm(markerPath(file), { force: true });
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
