/** The production checklist's memory: each run with its evidence, what people waived, and who answers for a phase. */
import { getPhase } from './phase-store.js';
import { fromJson, record, toJson, type Store } from './store.js';
import type { Checklist, Metrics, Waiver } from '../types.js';

export class ChecklistStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  save(checklist: Omit<Checklist, 'at'>): Checklist {
    const store = this.#store;
    const saved: Checklist = { ...checklist, at: store.now() };
    const failed = checklist.items.filter(({ verdict }) => verdict === 'fail').map(({ item }) => item);
    return store.db.write(() => {
      store.db.run('INSERT INTO checklists (phase, build, report, created_at) VALUES (?, ?, ?, ?)', checklist.phase, checklist.build, toJson({ ...saved }), saved.at);
      record(store, { kind: 'checklist.run', phase: checklist.phase, build: checklist.build, to: checklist.ready ? 'ready' : 'open', detail: { failed } });
      return saved;
    });
  }

  /** The last run of a phase; of one build where that is named. */
  last(phase: number, build?: number): Checklist | undefined {
    const row = this.#store.db.one<{ report: string }>('SELECT report FROM checklists WHERE phase = ?1 AND (?2 IS NULL OR build = ?2) ORDER BY id DESC LIMIT 1', phase, build ?? null);
    return row && (fromJson(this.#store, row.report) as unknown as Checklist);
  }

  /** A known waiver is replaced. */
  waive(phase: number, item: string, { reason, by }: Omit<Waiver, 'at'>): void {
    const store = this.#store;
    store.db.write(() => {
      getPhase(store, phase);
      store.db.run('INSERT OR REPLACE INTO waivers (phase, item, reason, waived_by, created_at) VALUES (?, ?, ?, ?, ?)', phase, item, reason, by, store.now());
      record(store, { kind: 'checklist.waived', phase, detail: { item, reason, by } });
    });
  }

  /** By item. */
  waivers(phase: number): Readonly<Record<string, Waiver>> {
    const rows = this.#store.db.all<{ item: string; reason: string; waived_by: string; created_at: string }>('SELECT * FROM waivers WHERE phase = ?', phase);
    return Object.fromEntries(rows.map(({ item, reason, waived_by: by, created_at: at }) => [item, { reason, by, at }]));
  }

  owner(phase: number): string | null {
    return this.#store.db.one<{ owner: string | null }>('SELECT owner FROM phases WHERE number = ?', phase)?.owner ?? null;
  }

  setOwner(phase: number, owner: string): void {
    const store = this.#store;
    store.db.write(() => {
      getPhase(store, phase);
      const detail: Metrics = { owner };
      store.db.run('UPDATE phases SET owner = ?, updated_at = ? WHERE number = ?', owner, store.now(), phase);
      record(store, { kind: 'phase.owner', phase, to: owner, detail });
    });
  }
}
