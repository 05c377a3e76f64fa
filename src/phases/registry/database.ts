/**
 * A thin typed layer over libsql: only values it can bind (a boolean kills the process, a NUL cuts a text short),
 * SQLite's failures as TaraErrors, and write transactions that wait for other processes.
 */
import Database from 'libsql';
import { TaraError } from '../../errors.js';

export type SqlValue = string | number | null;

export interface DatabaseOptions {
  /** Milliseconds to wait for another process's write; 5000 when omitted. */
  readonly busyMs?: number;
}

export class Db {
  readonly path: string;
  readonly #db: InstanceType<typeof Database>;
  readonly #busyMs: number;
  /** Every write transaction is rolled back at its end, its result still returned. */
  dryRun = false;
  #open = true;

  /** `path` is a file or ':memory:'. Throws TARA_REGISTRY_* and file errors; never changes a file that is no database. */
  constructor(path: string, options: DatabaseOptions = {}) {
    this.path = path;
    this.#busyMs = options.busyMs ?? 5000;
    this.#db = this.#guard(() => new Database(path, { timeout: this.#busyMs }));
    try {
      this.exec('PRAGMA foreign_keys = ON');
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /** All rows; the type states what the tables hold. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.#guard(() => this.#db.prepare(sql).all(this.#checked(values)) as Row[]);
  }

  one<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.all<Row>(sql, ...values)[0];
  }

  /** Runs one statement; returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number {
    return this.#guard(() => this.#db.prepare(sql).run(this.#checked(values)).changes);
  }

  /** Several statements without values. */
  exec(sql: string): void {
    this.#guard(() => {
      this.#db.exec(sql);
    });
  }

  /** One write transaction: all of `work` or nothing of it. Nested calls join the outer one. */
  write<T>(work: () => T): T {
    if (this.#db.inTransaction) return work();
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec(this.dryRun ? 'ROLLBACK' : 'COMMIT');
      return result;
    } catch (thrown) {
      // A full disk or an I/O error may have rolled back already.
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw thrown;
    }
  }

  /** Turns the write-ahead log on, which is written into the file: only after it is known to be ours. */
  useWal(): void {
    const mode = this.one<{ journal_mode: string }>('PRAGMA journal_mode')?.journal_mode;
    if (mode === 'wal' || mode === 'memory') return;
    // SQLite does not call its busy handler while it changes the journal mode.
    const until = Date.now() + this.#busyMs;
    for (;;) {
      try {
        this.all('PRAGMA journal_mode = WAL');
        return;
      } catch (thrown) {
        if (!(thrown instanceof TaraError) || thrown.code !== 'TARA_REGISTRY_BUSY' || Date.now() > until) throw thrown;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  }

  /** Closing twice is harmless. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#db?.close();
  }

  /** As one array: libsql takes a lone null for an object of named values. */
  #checked(values: readonly SqlValue[]): SqlValue[] {
    for (const value of values) {
      if (value === null || (typeof value === 'number' && Number.isFinite(value))) continue;
      if (typeof value !== 'string') throw new TaraError('TARA_INTERNAL', { reason: `a value of type ${typeof value} cannot be stored` });
      if (value.includes('\0')) throw new TaraError('TARA_OPTION_INVALID', { option: 'text', reason: 'it contains a NUL character' });
    }
    return [...values];
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw this.#translated(thrown);
    }
  }

  #translated(thrown: unknown): unknown {
    if (!(thrown instanceof Error) || thrown instanceof TaraError) return thrown;
    const code = String((thrown as { code?: unknown }).code ?? '');
    const reason = thrown.message.replace(/\s+/g, ' ').slice(0, 200);
    const error = (name: 'TARA_REGISTRY_BUSY' | 'TARA_REGISTRY_CORRUPT' | 'TARA_WRITE_FAILED' | 'TARA_FILE_UNREADABLE') =>
      new TaraError(name, { path: this.path, reason }, { cause: thrown });
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return error('TARA_REGISTRY_BUSY');
    if (/^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(code)) return error('TARA_REGISTRY_CORRUPT');
    if (code.startsWith('SQLITE_FULL')) return new TaraError('TARA_DISK_FULL', { path: this.path, needed: 65536 }, { cause: thrown });
    if (/^SQLITE_(READONLY|PERM|IOERR)/.test(code)) return error('TARA_WRITE_FAILED');
    if (code.startsWith('SQLITE_CANTOPEN') || reason.startsWith('ConnectionFailed')) return error('TARA_FILE_UNREADABLE');
    return thrown;
  }
}
