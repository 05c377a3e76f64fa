/**
 * The registry: one SQLite file in the state folder, opened for the time of a command. Calls are synchronous and
 * short; several processes may use it at once. Opening repairs what a killed process left.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TaraError } from '../../errors.js';
import { BuildStore } from './build-store.js';
import { ChecklistStore } from './checklist-store.js';
import { Db } from './database.js';
import { DomainStore } from './domain-store.js';
import { homeAt, type Home } from '../home.js';
import { identify, migrate } from './migrations/index.js';
import { PhaseStore } from './phase-store.js';
import { ReleaseStore } from './release-store.js';
import { events, record, type NewEvent, type Store } from './store.js';
import type { RegistryEvent } from '../types.js';

export interface RegistryOptions {
  /** False: where no registry is, read an empty one and create nothing. True when omitted. */
  readonly create?: boolean;
  /** Every change is checked and then rolled back. Implies create: false. */
  readonly dryRun?: boolean;
  /** Milliseconds to wait for another process; 5000 when omitted. */
  readonly busyMs?: number;
  /** The clock of rows and events. */
  readonly now?: () => Date;
}

export class Registry {
  readonly home: Home;
  readonly phases: PhaseStore;
  readonly domains: DomainStore;
  readonly builds: BuildStore;
  readonly releases: ReleaseStore;
  readonly checklists: ChecklistStore;
  /** Ids of the builds that were found dead at opening. */
  readonly repaired: readonly number[];
  readonly #store: Store;

  private constructor(store: Store, dryRun: boolean) {
    this.#store = store;
    this.home = store.home;
    this.phases = new PhaseStore(store);
    this.domains = new DomainStore(store);
    this.builds = new BuildStore(store);
    this.releases = new ReleaseStore(store);
    this.checklists = new ChecklistStore(store);
    this.repaired = this.builds.repair();
    store.db.dryRun = dryRun;
  }

  /** Opens the registry of a state folder. TARA_REGISTRY_BUSY, _CORRUPT, _NEWER; a file that is no registry stays as it is. */
  static open(home: Home | string, options: RegistryOptions = {}): Registry {
    const place = typeof home === 'string' ? homeAt(home) : home;
    const create = (options.create ?? true) && !options.dryRun;
    const inMemory = !create && !existsSync(place.registry);
    checkFolder(place.path);
    if (!inMemory) makeFolder(dirname(place.registry));
    const db = new Db(inMemory ? ':memory:' : place.registry, options);
    try {
      identify(db);
      db.useWal();
      migrate(db);
      const now = options.now ?? (() => new Date());
      return new Registry({ db, home: place, now: () => now().toISOString() }, options.dryRun ?? false);
    } catch (thrown) {
      db.close();
      throw thrown;
    }
  }

  /** Several changes as one: all or nothing. */
  transaction<T>(work: () => T): T {
    return this.#store.db.write(work);
  }

  /** Adds an event that no change of the registry goes with. */
  record(event: NewEvent): void {
    this.#store.db.write(() => record(this.#store, event));
  }

  /** Oldest first: the last `limit` events of a phase, or of all. */
  events(options: { phase?: number; limit?: number } = {}): RegistryEvent[] {
    return events(this.#store, options);
  }

  /** Closing twice is harmless. */
  close(): void {
    this.#store.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A state folder that is a file is wrong for a reader too: it would look empty. */
export function checkFolder(path: string): void {
  if (existsSync(path) && !statSync(path).isDirectory()) throw new TaraError('TARA_OPTION_INVALID', { option: '--home', reason: `${path} is no folder` });
}

/** Without `recursive`: Node 20 never returns where a folder refuses new names with ENOENT, as /proc does. */
export function makeFolder(path: string): void {
  try {
    const missing: string[] = [];
    for (let at = path; !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
    for (const at of missing.reverse()) {
      try {
        mkdirSync(at);
      } catch (thrown) {
        // Another process may have made it meanwhile.
        if (!existsSync(at)) throw thrown;
      }
    }
  } catch (cause) {
    throw new TaraError('TARA_WRITE_FAILED', { path, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, { cause });
  }
}
