/** Deployed releases as the registry knows them; the target's own journal is the truth, this is what the phases remember of it. */
import { TaraError } from '../../errors.js';
import { getPhase, movePhase } from './phase-store.js';
import { fromJson, record, toJson, type Store } from './store.js';
import type { NewRelease, Release, ReleaseStatus } from '../types.js';

interface ReleaseRow {
  id: string; phase: number; build: number; target: string; layout: string; status: ReleaseStatus; info: string | null; created_at: string;
}

export class ReleaseStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** A release is in place and current: call it after the switch. The phase is deployed from now on. TARA_PHASE_NOT_BUILT. */
  record(release: NewRelease): Release {
    const store = this.#store;
    const { db } = store;
    return db.write(() => {
      const { status } = getPhase(store, release.phase);
      if (db.one("SELECT 1 FROM builds WHERE id = ? AND phase = ? AND status = 'good'", release.build, release.phase) === undefined) {
        throw new TaraError('TARA_PHASE_NOT_BUILT', { phase: release.phase });
      }
      if (this.find(release.id)) throw new TaraError('TARA_FILE_EXISTS', { path: `release ${release.id}` });
      this.#demote(release.phase, release.target);
      db.run(
        "INSERT INTO releases (id, phase, build, target, layout, status, info, created_at) VALUES (?, ?, ?, ?, ?, 'current', ?, ?)",
        release.id, release.phase, release.build, release.target, release.layout, toJson(release.info), store.now(),
      );
      record(store, { kind: 'release.recorded', phase: release.phase, build: release.build, release: release.id, to: 'current', detail: { target: release.target, layout: release.layout, ...release.info } });
      const rebuild = db.one<{ id: number }>("SELECT id FROM builds WHERE phase = ? AND status = 'running'", release.phase);
      // While the next build runs the phase stays where that build put it, and comes back here should it fail.
      if (rebuild) db.run("UPDATE builds SET phase_before = 'deployed' WHERE id = ?", rebuild.id);
      else if (status === 'deployed') db.run('UPDATE phases SET reason = NULL, updated_at = ? WHERE number = ?', store.now(), release.phase);
      else movePhase(store, release.phase, 'deployed', null, { release: release.id });
      return this.get(release.id);
    });
  }

  /** A rollback happened: `id` is current in its target again. TARA_RELEASE_NOT_FOUND. */
  makeCurrent(id: string): Release {
    const store = this.#store;
    return store.db.write(() => {
      const release = this.get(id);
      if (release.status === 'current') return release;
      this.#demote(release.phase, release.target);
      store.db.run("UPDATE releases SET status = 'current' WHERE id = ?", id);
      record(store, { kind: 'release.current', phase: release.phase, release: id, from: release.status, to: 'current' });
      return this.get(id);
    });
  }

  /** What a target holds and serves now: rows follow it, after a rollback, retention or a command that died before it told the registry. */
  settle(target: string, held: { readonly current: readonly string[]; readonly present: readonly string[] }): void {
    const store = this.#store;
    store.db.write(() => {
      for (const { id } of this.list({ target })) if (held.current.includes(id)) this.makeCurrent(id);
      for (const { id, phase, status } of this.list({ target })) {
        if (status === 'current' && !held.current.includes(id)) {
          store.db.run("UPDATE releases SET status = 'retired' WHERE id = ?", id);
          record(store, { kind: 'release.retired', phase, release: id, from: 'current', to: 'retired' });
        }
        if (!held.present.includes(id) && !held.current.includes(id)) this.remove(id);
      }
    });
  }

  /** The target's retention removed it; removing the current one is refused (TARA_TRANSITION_INVALID). */
  remove(id: string): void {
    const store = this.#store;
    store.db.write(() => {
      const release = this.get(id);
      if (release.status === 'current') {
        throw new TaraError('TARA_TRANSITION_INVALID', { what: `release ${id}`, from: 'current', to: 'removed', allowed: 'previous, retired' });
      }
      store.db.run('DELETE FROM releases WHERE id = ?', id);
      record(store, { kind: 'release.removed', phase: release.phase, release: id, from: release.status });
    });
  }

  /** TARA_RELEASE_NOT_FOUND when there is none. */
  get(id: string): Release {
    const found = this.find(id);
    if (found === undefined) throw new TaraError('TARA_RELEASE_NOT_FOUND', { release: id });
    return found;
  }

  find(id: string): Release | undefined {
    const row = this.#store.db.one<ReleaseRow>('SELECT * FROM releases WHERE id = ?', id);
    return row && this.#toRelease(row);
  }

  /** Newest first. */
  list(filter: { phase?: number; target?: string } = {}): Release[] {
    return this.#store.db.all<ReleaseRow>(
      'SELECT * FROM releases WHERE (?1 IS NULL OR phase = ?1) AND (?2 IS NULL OR target = ?2) ORDER BY rowid DESC', filter.phase ?? null, filter.target ?? null,
    ).map((row) => this.#toRelease(row));
  }

  #demote(phase: number, target: string): void {
    const { db } = this.#store;
    db.run("UPDATE releases SET status = 'retired' WHERE phase = ? AND target = ? AND status = 'previous'", phase, target);
    db.run("UPDATE releases SET status = 'previous' WHERE phase = ? AND target = ? AND status = 'current'", phase, target);
  }

  #toRelease(row: ReleaseRow): Release {
    const { created_at, info, ...rest } = row;
    return { ...rest, info: fromJson(this.#store, info), createdAt: created_at };
  }
}
