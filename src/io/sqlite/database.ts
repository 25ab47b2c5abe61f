import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, PxenError } from '../../base/error.ts';
import { MIGRATIONS } from './migrations.ts';

/**
 * The appliance's database, /var/pxen/state/pxen.db: WAL with synchronous FULL, so what is committed survives a power cut.
 * Writes of one turn of the event loop share a transaction, and with it one fsync.
 */
export class Database {
  readonly path: string;
  readonly #sqlite: DatabaseSync;
  #waiting: Work[] = [];
  #broken: PxenError | undefined;

  /** Opens or makes the file, mode 0600, and brings its schema up to date. Throws STATE_UNUSABLE. */
  static open(path: string): Database {
    try {
      createPrivately(path);
      return new Database(path, openChecked(path));
    } catch (error) {
      throw unusable(path, error);
    }
  }

  private constructor(path: string, sqlite: DatabaseSync) {
    this.path = path;
    this.#sqlite = sqlite;
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
      if (this.#waiting.length === 0) setImmediate(() => this.#commit());
      this.#waiting.push({ run, resolve, reject });
    });
  }

  /** Undefined when the last transaction went well. */
  health(): string | undefined {
    return this.#broken?.message;
  }

  /** Writes what is waiting, then closes. May be called twice. */
  close(): void {
    if (!this.#sqlite.isOpen) return;
    this.#commit();
    this.#sqlite.close();
  }

  #commit(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    try {
      this.#transaction(batch);
      this.#broken = undefined;
    } catch (error) {
      this.#broken = unusable(this.path, error);
      for (const { reject } of batch) reject(this.#broken);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  #transaction(batch: readonly Work[]): void {
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
