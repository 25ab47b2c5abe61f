import * as z from 'zod';

/** What was noted of an image when it came. */
const imageRecordSchema = z.object({
  bytes: z.number(),
  /** Lower-case hex. */
  sha256: z.string(),
  /** URL, or path on host0; absent for what was put there by hand. */
  source: z.string().optional(),
  /** By which the server tells whether it still has the same. */
  validator: z.string().optional(),
  /** Milliseconds since the epoch. */
  addedAt: z.number(),
  /** Of the file, when it came. */
  mtimeMs: z.number(),
});

export type ImageRecord = z.infer<typeof imageRecordSchema>;

/** isos.json: by name. */
export const imageRecordsSchema = z.record(z.string(), imageRecordSchema);

export type ImageRecords = Readonly<Record<string, ImageRecord>>;

/** A file in the folder of the images. */
export interface Image {
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Absent for what was put there by hand. */
  readonly record?: ImageRecord | undefined;
}

/** The file is not the one that was noted, or somebody has at least touched it. */
export function isTouched({ bytes, mtimeMs, record }: Image): boolean {
  return record !== undefined && (record.bytes !== bytes || record.mtimeMs !== mtimeMs);
}
