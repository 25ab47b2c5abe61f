import { chmodSync, closeSync, fdatasync, fdatasyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, PxenError } from '../../base/error.ts';
import { MIGRATIONS } from './migrations.ts';

/**
 * The appliance's database, /var/pxen/state/pxen.db. What is committed survives a power cut: a transaction goes into the
 * write-ahead log, the log to the disk (off the event loop), and only then its writes resolve. What comes in meanwhile
 * makes up the next transaction, so a slow disk gets few large ones.
 */
export class Database {
  readonly path: string;
  readonly #sqlite: DatabaseSync;
  /** The write-ahead log; SQLite makes it with the first connection and removes it with the last. */
  readonly #wal: number;
  #waiting: Work[] = [];
  #underWay = false;
  /** The disk refused the log. */
  #refused = false;
  #broken: PxenError | undefined;

  /** Opens or makes the file, mode 0600, and brings its schema up to date. Throws STATE_UNUSABLE. */
  static open(path: string): Database {
    try {
      createPrivately(path);
      const sqlite = openChecked(path);
      return new Database(path, sqlite, openSync(`${path}-wal`, 'r'));
    } catch (error) {
      throw unusable(path, error);
    }
  }

  private constructor(path: string, sqlite: DatabaseSync, wal: number) {
    this.path = path;
    this.#sqlite = sqlite;
    this.#wal = wal;
  }

  query(sql: string): Record<string, unknown>[] {
    try {
      return this.#sqlite.prepare(sql).all();
    } catch (error) {
      throw unusable(this.path, error);
    }
  }

  /** A statement to be used inside `write`. */
  prepare(sql: string): ReturnType<DatabaseSync['prepare']> {
    return this.#sqlite.prepare(sql);
  }

  /** Runs the statements of `run` in the next transaction; durable on disk when it resolves, else STATE_UNUSABLE. */
  write(run: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      this.#schedule();
    });
  }

  /** Undefined when the last transaction went well. */
  health(): string | undefined {
    return this.#broken?.message;
  }

  /** Writes what is waiting, then closes. May be called twice. */
  close(): void {
    if (!this.#sqlite.isOpen) return;
    const batch = this.#take();
    this.#settle(
      batch,
      failureOf(() => {
        this.#transaction(batch);
        fdatasyncSync(this.#wal);
      }),
    );
    this.#sqlite.close();
    if (!this.#underWay) closeSync(this.#wal);
  }

  /** At the end of a turn of the event loop: all writes of the turn are one transaction. */
  #schedule(): void {
    if (this.#underWay) return;
    this.#underWay = true;
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    const batch = this.#take();
    const failure = failureOf(() => {
      this.#makeGood();
      this.#transaction(batch);
    });
    if (failure !== undefined || batch.length === 0) this.#finished(batch, failure);
    else fdatasync(this.#wal, error => this.#onDisk(batch, error ?? undefined));
  }

  #onDisk(batch: readonly Work[], failure: Error | undefined): void {
    this.#refused = failure !== undefined;
    this.#finished(batch, failure);
  }

  /**
   * After a failure the kernel takes what it could not write for written, and the next fdatasync would succeed without
   * it (fsync(2), EIO): so the log is copied into the database, and begun anew.
   */
  #makeGood(): void {
    if (!this.#refused) return;
    const done = this.#sqlite.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    if (done?.['busy'] !== 0) throw new Error('the disk refused the log, and another program reads it');
    this.#refused = false;
  }

  #finished(batch: readonly Work[], failure: unknown): void {
    this.#settle(batch, failure);
    this.#underWay = false;
    if (!this.#sqlite.isOpen) closeSync(this.#wal);
    else if (this.#waiting.length > 0) this.#schedule();
  }

  #take(): readonly Work[] {
    const batch = this.#waiting;
    this.#waiting = [];
    return batch;
  }

  #settle(batch: readonly Work[], failure: unknown): void {
    this.#broken = failure === undefined ? undefined : unusable(this.path, failure);
    for (const { resolve, reject } of batch) {
      if (this.#broken) reject(this.#broken);
      else resolve();
    }
  }

  #transaction(batch: readonly Work[]): void {
    if (batch.length === 0) return;
    this.#sqlite.exec('BEGIN IMMEDIATE');
    try {
      for (const { run } of batch) run();
      this.#sqlite.exec('COMMIT');
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK');
      throw error;
    }
  }
}

interface Work {
  readonly run: () => void;
  readonly resolve: () => void;
  readonly reject: (error: PxenError) => void;
}

/** SQLite gives the -wal and -shm files the mode of the database. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

function openChecked(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path, { timeout: 2000 });
  try {
    sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    checkIntegrity(sqlite);
    migrate(sqlite);
    // From here on NORMAL: SQLite itself waits for the disk only before it copies from the log into the database.
    sqlite.exec('PRAGMA synchronous = NORMAL');
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function checkIntegrity(sqlite: DatabaseSync): void {
  const found = sqlite.prepare('PRAGMA quick_check(1)').get();
  if (found?.['quick_check'] !== 'ok') throw new Error(`damaged: ${String(found?.['quick_check'])}`);
}

/** user_version counts the migrations that the file has seen. */
function migrate(sqlite: DatabaseSync): void {
  sqlite.exec('BEGIN IMMEDIATE');
  try {
    const version = Number(sqlite.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > MIGRATIONS.length) {
      throw new Error(`schema version ${version} is newer than this pxend knows (${MIGRATIONS.length})`);
    }
    for (const step of MIGRATIONS.slice(version)) sqlite.exec(step);
    sqlite.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    sqlite.exec('COMMIT');
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    throw error;
  }
}

function failureOf(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}

function unusable(path: string, error: unknown): PxenError {
  return new PxenError('STATE_UNUSABLE', `${path}: ${messageOf(error)}`, {
    cause: error,
    details: [advice(path, messageOf(error))],
  });
}

function advice(path: string, message: string): string {
  if (/newer than this pxend/.test(message)) return 'install the pxen that wrote it, or a newer one';
  if (/not a database|malformed|damaged/.test(message)) {
    return `stop pxend, move ${path}, ${path}-wal and ${path}-shm away (or restore a copy) and start again; leases and boot events start empty, machines get their addresses back as they boot`;
  }
  if (/full/.test(message)) return `make room on the file system: df -h ${dirname(path)}`;
  if (/locked|busy/.test(message)) return `is a second pxend running on this root? see: fuser ${path}`;
  return `pxend must be able to write there: ls -ld ${dirname(path)}; df ${dirname(path)}`;
}
