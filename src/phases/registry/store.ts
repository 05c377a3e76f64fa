/** What the stores of the registry share: the database, the clock, the event log, and JSON columns. */
import { TaraError } from '../../errors.js';
import type { Db } from './database.js';
import type { Home } from '../home.js';
import type { EventKind, Metrics, RegistryEvent } from '../types.js';

export interface Store {
  readonly db: Db;
  readonly home: Home;
  now(): string;
}

export interface NewEvent {
  readonly kind: EventKind;
  readonly phase?: number;
  readonly domain?: string;
  readonly build?: number;
  readonly release?: string;
  readonly from?: string;
  readonly to?: string;
  readonly detail?: Metrics;
}

/** Appends to the log; call it inside the transaction of the change it tells of. */
export function record(store: Store, event: NewEvent): void {
  store.db.run(
    'INSERT INTO events (at, kind, phase, domain, build, release, from_status, to_status, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    store.now(), event.kind, event.phase ?? null, event.domain ?? null, event.build ?? null, event.release ?? null,
    event.from ?? null, event.to ?? null, toJson(event.detail),
  );
}

interface EventRow {
  id: number; at: string; kind: EventKind; phase: number | null; domain: string | null; build: number | null;
  release: string | null; from_status: string | null; to_status: string | null; detail: string | null;
}

/** Oldest first: the last `limit` events of a phase, or of all. */
export function events(store: Store, options: { phase?: number; limit?: number } = {}): RegistryEvent[] {
  const rows = store.db.all<EventRow>(
    'SELECT * FROM (SELECT * FROM events WHERE ?1 IS NULL OR phase = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY id',
    options.phase ?? null, options.limit ?? -1,
  );
  return rows.map(({ from_status, to_status, detail, ...row }) => ({ ...row, from: from_status, to: to_status, detail: fromJson(store, detail) }));
}

export const toJson = (value: Metrics | undefined | null): string | null => (value == null ? null : JSON.stringify(value));

export function fromJson(store: Store, text: string | null): Metrics | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as Metrics;
  } catch (cause) {
    throw new TaraError('TARA_REGISTRY_CORRUPT', { path: store.db.path, reason: 'a row holds malformed JSON' }, { cause });
  }
}
