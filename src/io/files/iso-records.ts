import { readFile } from 'node:fs/promises';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { type ImageRecords, imageRecordsSchema } from '../../domain/iso/record.ts';
import { writeAtomic } from './atomic.ts';
import { withFileLock } from './lock.ts';

/** Milliseconds for a lock under which a small file is written. */
const PATIENCE = 10_000;

/** What is known of images, in one file. */
export class IsoRecords {
  readonly #file: string;
  readonly #lock: string;

  constructor(file: string, lock: string) {
    this.#file = file;
    this.#lock = lock;
  }

  async read(): Promise<ImageRecords> {
    try {
      return imageRecordsSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return {};
      const why = `${this.#file} cannot be read: ${messageOf(error)}`;
      if (systemCode(error) === 'EACCES') throw new PxenError('NO_PERMISSION', why, { cause: error });
      const details = ['delete it and run: mesh iso verify'];
      throw new PxenError('STATE_UNUSABLE', why, { cause: error, details });
    }
  }

  /** Nobody else changes them meanwhile. */
  async change(change: (records: ImageRecords) => Promise<ImageRecords>): Promise<void> {
    await withFileLock(this.#lock, PATIENCE, async () => {
      const records = await change(await this.read());
      await writeAtomic(this.#file, `${JSON.stringify(records, null, 2)}\n`, 0o600);
    });
  }
}
