/** Phases in the registry: making, reading, moving, and which one is current. */
import { TaraError } from '../../errors.js';
import { checkPhaseMove, type PhaseStatus } from '../lifecycle.js';
import { DEFAULT_SETTINGS, type CompressionType, type Layout, type MergeName, type PhaseSettings } from '../settings.js';
import { record, type Store } from './store.js';
import type { Metrics, Phase } from '../types.js';

interface PhaseRow {
  number: number; status: PhaseStatus; reason: string | null; current: number; quantization: string; compression_type: CompressionType;
  target_size: number | null; quality_threshold: number | null; speed_priority: number; base: string | null;
  layout: Layout; merge: MergeName; created_at: string; updated_at: string;
}

const toPhase = (row: PhaseRow): Phase => ({
  number: row.number,
  status: row.status,
  reason: row.reason,
  current: row.current === 1,
  settings: {
    quantization: row.quantization,
    compressionType: row.compression_type,
    targetSize: row.target_size,
    qualityThreshold: row.quality_threshold,
    speedPriority: row.speed_priority === 1,
    base: row.base,
    layout: row.layout,
    merge: row.merge,
  },
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Moves a phase, with its event. The caller is inside a write transaction. TARA_TRANSITION_INVALID when the move is not legal. */
export function movePhase(store: Store, number: number, to: PhaseStatus, reason: string | null = null, detail?: Metrics): void {
  const { status: from } = getPhase(store, number);
  checkPhaseMove(number, from, to);
  store.db.run('UPDATE phases SET status = ?, reason = ?, updated_at = ? WHERE number = ?', to, reason, store.now(), number);
  if (from !== to) record(store, { kind: 'phase.status', phase: number, from, to, ...(detail && { detail }) });
}

/** TARA_PHASE_NOT_FOUND when there is none. */
export function getPhase(store: Store, number: number): Phase {
  const row = store.db.one<PhaseRow>('SELECT * FROM phases WHERE number = ?', number);
  if (row === undefined) throw new TaraError('TARA_PHASE_NOT_FOUND', { phase: number });
  return toPhase(row);
}

export class PhaseStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** A new phase in planning; the first one becomes current. TARA_PHASE_EXISTS when the number is taken. */
  create(number: number, settings: Partial<PhaseSettings> = {}): Phase {
    const { db } = this.#store;
    const all = { ...DEFAULT_SETTINGS, ...settings };
    return db.write(() => {
      if (this.find(number)) throw new TaraError('TARA_PHASE_EXISTS', { phase: number });
      const now = this.#store.now();
      const first = db.one('SELECT 1 FROM phases WHERE current = 1') === undefined;
      db.run(
        'INSERT INTO phases (number, status, current, quantization, compression_type, target_size, quality_threshold, speed_priority, base, layout, merge, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        number, 'planning', first ? 1 : 0, all.quantization, all.compressionType, all.targetSize, all.qualityThreshold, all.speedPriority ? 1 : 0, all.base, all.layout, all.merge, now, now,
      );
      record(this.#store, { kind: 'phase.created', phase: number, to: 'planning', detail: { settings: all } });
      return getPhase(this.#store, number);
    });
  }

  /** TARA_PHASE_NOT_FOUND when there is none. */
  get(number: number): Phase {
    return getPhase(this.#store, number);
  }

  find(number: number): Phase | undefined {
    const row = this.#store.db.one<PhaseRow>('SELECT * FROM phases WHERE number = ?', number);
    return row && toPhase(row);
  }

  /** All phases by number. */
  list(): Phase[] {
    return this.#store.db.all<PhaseRow>('SELECT * FROM phases ORDER BY number').map(toPhase);
  }

  /** The phase that the project works on now; undefined while there is none. */
  current(): Phase | undefined {
    const row = this.#store.db.one<PhaseRow>('SELECT * FROM phases WHERE current = 1');
    return row && toPhase(row);
  }

  /** Changes some settings of a phase. */
  configure(number: number, settings: Partial<PhaseSettings>): Phase {
    return this.#store.db.write(() => {
      const all = { ...getPhase(this.#store, number).settings, ...settings };
      this.#store.db.run(
        'UPDATE phases SET quantization = ?, compression_type = ?, target_size = ?, quality_threshold = ?, speed_priority = ?, base = ?, layout = ?, merge = ?, updated_at = ? WHERE number = ?',
        all.quantization, all.compressionType, all.targetSize, all.qualityThreshold, all.speedPriority ? 1 : 0, all.base, all.layout, all.merge, this.#store.now(), number,
      );
      record(this.#store, { kind: 'phase.settings', phase: number, detail: { settings } });
      return getPhase(this.#store, number);
    });
  }

  /**
   * From a deployed phase (the current one unless named) to the next number, which becomes current and is made with
   * the same settings where it does not exist. TARA_PHASE_NOT_FINISHED says what the phase still lacks.
   */
  advance(number?: number): { from: Phase; to: Phase; created: boolean } {
    const store = this.#store;
    return store.db.write(() => {
      const from = number === undefined ? this.current() : this.get(number);
      if (from === undefined) throw new TaraError('TARA_PHASE_NOT_FOUND', { phase: 1 });
      if (from.status !== 'deployed') throw this.#unfinished(from);
      const next = from.number + 1;
      if (next > 9999) throw new TaraError('TARA_NAME_INVALID', { name: next, what: 'phase number', rule: 'a whole number from 1 to 9999' });
      const created = this.find(next) === undefined;
      if (created) this.create(next, from.settings);
      store.db.run('UPDATE phases SET current = 0 WHERE current = 1');
      store.db.run('UPDATE phases SET current = 1, updated_at = ? WHERE number = ?', store.now(), next);
      record(store, { kind: 'phase.current', phase: next, from: String(from.number), to: String(next) });
      return { from, to: this.get(next), created };
    });
  }

  #unfinished({ number, status }: Phase): TaraError {
    const { db } = this.#store;
    const open = db.all<{ name: string; status: string }>("SELECT name, status FROM domains WHERE phase = ? AND status <> 'complete' ORDER BY name", number);
    const complete = db.one("SELECT 1 FROM domains WHERE phase = ? AND status = 'complete'", number) !== undefined;
    const built = db.one("SELECT 1 FROM builds WHERE phase = ? AND status = 'good' AND cleaned = 0", number) !== undefined;
    const missing = [
      `it is ${status}`,
      ...(open.length > 0 ? [`${open.length === 1 ? 'domain' : 'domains'} ${open.map((domain) => `${domain.name} (${domain.status})`).join(', ')} not complete`] : []),
      ...(built ? [] : ['no good build']),
      'not deployed',
    ];
    const next = built ? `tara-gguf deploy-phase ${number}`
      : complete ? `tara-gguf build-phase ${number}`
      : open[0] ? `tara-gguf update-domain ${open[0].name} --status complete`
      : `tara-gguf add-domain ${number} NAME`;
    return new TaraError('TARA_PHASE_NOT_FINISHED', { phase: number, missing: missing.join('; '), next });
  }
}
