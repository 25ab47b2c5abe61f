import * as z from 'zod';
import { workloadStatusSchema } from '../../api/workload-status.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';

const word = z.string().min(1).max(4096);

const noteSchema = z.object({
  /** Of the host, when it was started. */
  bootId: z.string().max(64),
  /** Disks that were made for this run, to be deleted after it. */
  made: z.array(z.object({ path: word, pool: word.optional() })).max(64),
  /** As it was when it was started. */
  status: workloadStatusSchema,
});

/** What pxen keeps of a run in the metadata of its domain: libvirt remembers it when host0 does not. */
export interface Note {
  readonly bootId: string;
  readonly made: readonly MadeDisk[];
  readonly status: WorkloadStatus;
}

export interface MadeDisk {
  readonly path: string;
  readonly pool?: string | undefined;
}

export function formatNote(note: Note): string {
  return JSON.stringify(note);
}

/** Undefined when it is none. */
export function parseNote(text: string): Note | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
