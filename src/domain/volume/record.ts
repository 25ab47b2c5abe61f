import * as z from 'zod';
import { VOLUME_FORMATS } from '../workload/workload.ts';

/** What the node remembers of one volume that a workload has there. */
export const volumeRecordSchema = z.object({
  id: z.number(),
  /** As the file of the workload names it. */
  path: z.string(),
  source: z.string().optional(),
  writable: z.boolean(),
  ephemeral: z.boolean(),
  /** Of a disk. */
  format: z.enum(VOLUME_FORMATS).optional(),
  /** Bytes of a disk that is made when there is none. */
  size: z.number().optional(),
  /** It was fetched or made for this workload; else it was there before. */
  fetched: z.boolean(),
  /** A virtual machine has had it since. */
  used: z.boolean(),
  /** The rest belongs to what was fetched. Lower-case hex, of what the source gave. */
  sha256: z.string().optional(),
  /** The source has a qcow2 image, and this is a raw disk made of it. */
  converted: z.boolean().optional(),
  /** By which the source tells whether it is still the same. */
  validator: z.string().optional(),
  /** Differs when somebody has written into the file, or put another one there. */
  version: z.string().optional(),
});

export type VolumeRecord = z.infer<typeof volumeRecordSchema>;

/** volumes.json in the state folder of a workload. */
export const ledgerSchema = z.object({
  uuid: z.string(),
  name: z.string(),
  volumes: z.array(volumeRecordSchema),
});

export type Ledger = z.infer<typeof ledgerSchema>;

/** What stands beside a volume that survives a reboot of the node, in `<path>.pxen`: whose it is. */
export const markerSchema = z.object({
  uuid: z.string(),
  /** Absent: it was not fetched, but made. */
  source: z.string().optional(),
  sha256: z.string().optional(),
  /** It was to be deleted at the end of the workload. */
  ephemeral: z.boolean(),
});

export type Marker = z.infer<typeof markerSchema>;

export const MARKER_SUFFIX = '.pxen';
