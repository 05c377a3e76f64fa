/** Domains of phases: adding, updating, and finding the phase that a bare domain name means. */
import { TaraError } from '../../errors.js';
import { checkDomainMove, type DomainStatus } from '../lifecycle.js';
import { getPhase, movePhase } from './phase-store.js';
import { fromJson, record, toJson, type Store } from './store.js';
import type { Domain, Metrics } from '../types.js';

interface DomainRow {
  phase: number; name: string; status: DomainStatus; path: string; text: string | null; calibration: string | null;
  quality: number | null; metrics: string | null; created_at: string; updated_at: string;
}

export interface NewDomain {
  readonly name: string;
  /** Absolute path of the adapter. */
  readonly path: string;
  readonly text?: string;
  readonly calibration?: string;
}

export interface DomainChange {
  readonly status?: DomainStatus;
  readonly quality?: number;
  /** Replaces what is stored. */
  readonly metrics?: Metrics;
}

export class DomainStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** By name. */
  list(phase: number): Domain[] {
    return this.#store.db.all<DomainRow>('SELECT * FROM domains WHERE phase = ? ORDER BY name', phase).map((row) => this.#toDomain(row));
  }

  /** The complete ones; TARA_PHASE_NO_DOMAIN, telling where the others are, when there is none. */
  complete(phase: number): Domain[] {
    const all = this.list(phase);
    const complete = all.filter((domain) => domain.status === 'complete');
    if (complete.length > 0) return complete;
    throw new TaraError('TARA_PHASE_NO_DOMAIN', { phase, domains: all.map((domain) => `${domain.name} (${domain.status})`).join(', ') || 'none' });
  }

  find(phase: number, name: string): Domain | undefined {
    const row = this.#store.db.one<DomainRow>('SELECT * FROM domains WHERE phase = ? AND name = ?', phase, name);
    return row && this.#toDomain(row);
  }

  /** A new pending domain; on a known one the path (and the texts, when given) is replaced, its status stays. */
  add(phase: number, domain: NewDomain): { domain: Domain; created: boolean } {
    const store = this.#store;
    return store.db.write(() => {
      getPhase(store, phase);
      const known = this.find(phase, domain.name);
      const now = store.now();
      const text = domain.text ?? known?.text ?? null;
      const calibration = domain.calibration ?? known?.calibration ?? null;
      if (known === undefined) {
        store.db.run(
          'INSERT INTO domains (phase, name, status, path, text, calibration, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          phase, domain.name, 'pending', domain.path, text, calibration, now, now,
        );
        record(store, { kind: 'domain.added', phase, domain: domain.name, to: 'pending', detail: { path: domain.path, text, calibration } });
      } else {
        store.db.run('UPDATE domains SET path = ?, text = ?, calibration = ?, updated_at = ? WHERE phase = ? AND name = ?', domain.path, text, calibration, now, phase, domain.name);
        record(store, { kind: 'domain.updated', phase, domain: domain.name, detail: { path: domain.path, text, calibration } });
      }
      return { domain: this.#get(phase, domain.name), created: known === undefined };
    });
  }

  /** Changes status, quality or metrics. TARA_DOMAIN_NOT_FOUND, TARA_TRANSITION_INVALID. */
  update(phase: number, name: string, change: DomainChange): Domain {
    const store = this.#store;
    return store.db.write(() => {
      const before = this.#get(phase, name);
      const to = change.status ?? before.status;
      checkDomainMove(name, before.status, to);
      const metrics = change.metrics ?? before.metrics;
      store.db.run(
        'UPDATE domains SET status = ?, quality = ?, metrics = ?, updated_at = ? WHERE phase = ? AND name = ?',
        to, change.quality ?? before.quality, toJson(metrics), store.now(), phase, name,
      );
      const { status, ...detail } = change;
      if (status !== undefined && before.status !== to) record(store, { kind: 'domain.status', phase, domain: name, from: before.status, to });
      if (Object.keys(detail).length > 0) record(store, { kind: 'domain.updated', phase, domain: name, detail });
      if (to !== 'pending' && getPhase(store, phase).status === 'planning') movePhase(store, phase, 'training');
      return this.#get(phase, name);
    });
  }

  /** The phase that a bare name means: the only one that has it, else the latest that is not deployed, else the latest. */
  phaseOf(name: string): number {
    const rows = this.#store.db.all<{ number: number; status: string }>(
      'SELECT number, phases.status AS status FROM phases JOIN domains ON domains.phase = number WHERE name = ? ORDER BY number DESC', name,
    );
    const found = rows.find((row) => row.status !== 'deployed') ?? rows[0];
    if (found === undefined) throw this.#missing(name);
    return found.number;
  }

  #get(phase: number, name: string): Domain {
    const found = this.find(phase, name);
    if (found === undefined) throw this.#missing(name, getPhase(this.#store, phase).number);
    return found;
  }

  #missing(name: string, phase?: number): TaraError {
    const known = this.#store.db.all<{ name: string }>('SELECT DISTINCT name FROM domains WHERE ?1 IS NULL OR phase = ?1 ORDER BY name LIMIT 20', phase ?? null);
    return new TaraError('TARA_DOMAIN_NOT_FOUND', {
      domain: name, where: phase === undefined ? 'any phase' : `phase ${phase}`, known: known.map((row) => row.name).join(', ') || 'none',
    });
  }

  #toDomain(row: DomainRow): Domain {
    const { created_at, updated_at, metrics, ...rest } = row;
    return { ...rest, metrics: fromJson(this.#store, metrics), createdAt: created_at, updatedAt: updated_at };
  }
}
