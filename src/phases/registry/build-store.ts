/**
 * Builds of phases. A running build names its process and its files, so that whoever opens the registry next
 * recognises a build that died and removes what it left; nothing here waits for a build.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TaraError } from '../../errors.js';
import { DomainStore } from './domain-store.js';
import { buildFolder, fromStored, removeBelowBuilds, toStored } from '../home.js';
import { afterFailedBuild, type PhaseStatus } from '../lifecycle.js';
import { getPhase, movePhase } from './phase-store.js';
import { isAlive, startToken } from '../process.js';
import type { CompressionType, Layout } from '../settings.js';
import { fromJson, record, toJson, type Store } from './store.js';
import type { Build, BuildFile, BuildResult, BuildStatus } from '../types.js';

interface BuildRow {
  id: number; phase: number; status: BuildStatus; pid: number; token: string; phase_before: PhaseStatus; quantization: string; compression_type: CompressionType;
  files: string; cleaned: number; reason: string | null; output: string | null; bytes: number | null; ratio: number | null; seconds: number | null;
  peak_rss_bytes: number | null; quality: string | null; report: string | null; layout: Layout; outputs: string | null; started_at: string; finished_at: string | null;
}

export interface CleanupPlan {
  /** Ids of the builds whose files go. */
  readonly builds: readonly number[];
  /** Absolute paths. */
  readonly files: readonly string[];
}

const MAX_REASON = 2000;

/** A build of before layouts, and one that says nothing else, has one model. */
const filesOf = ({ files, output, bytes }: Pick<BuildResult, 'files' | 'output' | 'bytes'>): readonly BuildFile[] => files ?? [{ path: output, role: 'model', domain: null, bytes }];

export class BuildStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Begins a build by this process with the phase's settings, or others for this build only; the phase goes to merging.
   * The build's own empty folder exists when this returns. TARA_PHASE_BUSY, TARA_PHASE_NO_DOMAIN, TARA_TRANSITION_INVALID.
   */
  start(number: number, options: { quantization?: string; compressionType?: CompressionType; layout?: Layout } = {}): Build {
    const store = this.#store;
    const build = store.db.write(() => {
      const phase = getPhase(store, number);
      const running = this.#running(number);
      if (running) throw new TaraError('TARA_PHASE_BUSY', { phase: number, pid: running.pid });
      new DomainStore(store).complete(number);
      store.db.run(
        "INSERT INTO builds (phase, status, pid, token, phase_before, quantization, compression_type, layout, files, started_at) VALUES (?, 'running', ?, ?, ?, ?, ?, ?, '[]', ?)",
        number, process.pid, startToken(process.pid) ?? '', phase.status,
        options.quantization ?? phase.settings.quantization, options.compressionType ?? phase.settings.compressionType, options.layout ?? phase.settings.layout, store.now(),
      );
      const id = store.db.one<{ id: number }>('SELECT max(id) AS id FROM builds')?.id ?? 0;
      store.db.run('UPDATE builds SET files = ? WHERE id = ?', JSON.stringify([buildFolder(number, id)]), id);
      record(store, { kind: 'build.started', phase: number, build: id });
      movePhase(store, number, 'merging', null, { build: id });
      return this.get(id);
    });
    if (!store.db.dryRun) {
      try {
        mkdirSync(build.folder, { recursive: true });
      } catch (cause) {
        const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
        this.fail(build.id, `cannot make ${build.folder}: ${reason}`);
        throw new TaraError('TARA_WRITE_FAILED', { path: build.folder, reason }, { cause });
      }
    }
    return build;
  }

  /** Names more files below builds/ that go when the build fails; name them before they are made. */
  noteFiles(id: number, paths: readonly string[]): void {
    this.#store.db.write(() => {
      const row = this.#needRunning(id);
      const files = new Set([...(JSON.parse(row.files) as string[]), ...paths.map((path) => toStored(this.#store.home, path))]);
      this.#store.db.run('UPDATE builds SET files = ? WHERE id = ?', JSON.stringify([...files]), id);
    });
  }

  /** The merge is planned and tensors are being written: the phase goes to compressing. */
  compressing(id: number): void {
    this.#store.db.write(() => movePhase(this.#store, this.#needRunning(id).phase, 'compressing', null, { build: id }));
  }

  /** The files are in place, complete and fsynced. The phase stays in compressing until it is deployed. TARA_BUILD_NOT_RUNNING. */
  finish(id: number, result: BuildResult): Build {
    const store = this.#store;
    return store.db.write(() => {
      const { phase } = this.#needRunning(id);
      movePhase(store, phase, 'compressing', null, { build: id });
      store.db.run(
        "UPDATE builds SET status = 'good', output = ?, outputs = ?, bytes = ?, ratio = ?, seconds = ?, peak_rss_bytes = ?, quality = ?, report = ?, finished_at = ? WHERE id = ?",
        toStored(store.home, result.output), JSON.stringify(filesOf(result).map((file) => ({ ...file, path: toStored(store.home, file.path) }))), result.bytes, result.ratio ?? null, result.seconds, result.peakRssBytes,
        toJson(result.quality), toJson(result.report), store.now(), id,
      );
      record(store, { kind: 'build.good', phase, build: id, from: 'running', to: 'good', detail: { bytes: result.bytes, seconds: result.seconds } });
      return this.get(id);
    });
  }

  /** Ends a running build as failed, sets its phase back and removes its files. TARA_BUILD_NOT_RUNNING. */
  fail(id: number, reason: string): Build {
    this.#store.db.write(() => this.#fail(this.#needRunning(id), reason));
    this.#sweep();
    return this.get(id);
  }

  get(id: number): Build {
    const row = this.#row(id);
    if (row === undefined) throw new TaraError('TARA_BUILD_NOT_RUNNING', { build: id, status: 'unknown' });
    return this.#toBuild(row);
  }

  /** Oldest first. */
  list(phase: number): Build[] {
    return this.#store.db.all<BuildRow>('SELECT * FROM builds WHERE phase = ? ORDER BY id', phase).map((row) => this.#toBuild(row));
  }

  running(phase: number): Build | undefined {
    const row = this.#running(phase);
    return row && this.#toBuild(row);
  }

  /** What deploy-phase takes; undefined when there is none. */
  lastGood(phase: number): Build | undefined {
    const row = this.#store.db.one<BuildRow>("SELECT * FROM builds WHERE phase = ? AND status = 'good' AND cleaned = 0 ORDER BY id DESC LIMIT 1", phase);
    return row && this.#toBuild(row);
  }

  /** The same; TARA_PHASE_NOT_BUILT when there is none. */
  needGood(phase: number): Build {
    getPhase(this.#store, phase);
    const build = this.lastGood(phase);
    if (build === undefined) throw new TaraError('TARA_PHASE_NOT_BUILT', { phase });
    return build;
  }

  /** Marks builds whose process died as failed, and removes what failed and cleaned builds left. Returns the ids it marked. */
  repair(): number[] {
    const { db } = this.#store;
    const dead = () => db.all<BuildRow>("SELECT * FROM builds WHERE status = 'running'").filter((row) => !isAlive(row.pid, row.token));
    if (dead().length > 0) {
      const marked = db.write(() => dead().map((row) => {
        this.#fail(row, `process ${row.pid} ended before the build did`);
        return row.id;
      }));
      this.#sweepQuietly();
      return marked;
    }
    this.#sweepQuietly();
    return [];
  }

  /** What cleanup-phase would remove: failed and superseded builds, with `all` every build; builds of current releases stay unless `all`. */
  planCleanup(number: number, all = false): CleanupPlan {
    getPhase(this.#store, number);
    const keep = all ? '' : `AND id <> coalesce((SELECT max(id) FROM builds WHERE phase = ?1 AND status = 'good' AND cleaned = 0), 0)
      AND id NOT IN (SELECT build FROM releases WHERE status = 'current')`;
    const rows = this.#store.db.all<BuildRow>(
      `SELECT * FROM builds WHERE phase = ?1 AND status <> 'running' AND cleaned = 0 AND files <> '[]' ${keep} ORDER BY id`, number,
    );
    return {
      builds: rows.map((row) => row.id),
      files: rows.flatMap((row) => (JSON.parse(row.files) as string[]).map((file) => fromStored(this.#store.home, file))),
    };
  }

  /** Does it; refuses while the phase is being built (TARA_PHASE_BUSY). */
  cleanup(number: number, all = false): CleanupPlan {
    const store = this.#store;
    const plan = store.db.write(() => {
      const running = this.#running(number);
      if (running) throw new TaraError('TARA_PHASE_BUSY', { phase: number, pid: running.pid });
      const found = this.planCleanup(number, all);
      for (const build of found.builds) {
        store.db.run('UPDATE builds SET cleaned = 1 WHERE id = ?', build);
        record(store, { kind: 'build.cleaned', phase: number, build });
      }
      if (getPhase(store, number).status === 'compressing' && this.lastGood(number) === undefined) {
        movePhase(store, number, 'training', 'its builds were cleaned up');
      }
      return found;
    });
    this.#sweep();
    return plan;
  }

  /** Removes the files of failed and cleaned builds; the rows remember them until they are gone, so a crash here is repaired. */
  #sweep(): void {
    const { db, home } = this.#store;
    if (db.dryRun) return;
    const rows = db.all<BuildRow>("SELECT * FROM builds WHERE files <> '[]' AND (status = 'failed' OR cleaned = 1)");
    if (rows.length === 0) return;
    for (const row of rows) {
      for (const file of JSON.parse(row.files) as string[]) {
        try {
          removeBelowBuilds(home, file);
        } catch (cause) {
          throw new TaraError('TARA_WRITE_FAILED', { path: join(home.builds, file), reason: (cause as NodeJS.ErrnoException).code ?? 'cannot be removed' }, { cause });
        }
      }
    }
    db.write(() => {
      for (const row of rows) db.run("UPDATE builds SET files = '[]' WHERE id = ?", row.id);
    });
  }

  /** A file that cannot be removed now is tried again at the next opening; it must not keep commands from running. */
  #sweepQuietly(): void {
    try {
      this.#sweep();
    } catch (thrown) {
      if (!(thrown instanceof TaraError && thrown.code === 'TARA_WRITE_FAILED')) throw thrown;
    }
  }

  #fail(row: BuildRow, reason: string): void {
    const store = this.#store;
    const why = reason.replace(/\s+/g, ' ').slice(0, MAX_REASON);
    store.db.run("UPDATE builds SET status = 'failed', reason = ?, finished_at = ? WHERE id = ?", why, store.now(), row.id);
    record(store, { kind: 'build.failed', phase: row.phase, build: row.id, from: 'running', to: 'failed', detail: { reason: why } });
    movePhase(store, row.phase, afterFailedBuild(row.phase_before), `build ${row.id} failed: ${why}`, { build: row.id });
  }

  #row(id: number): BuildRow | undefined {
    return this.#store.db.one<BuildRow>('SELECT * FROM builds WHERE id = ?', id);
  }

  #running(phase: number): BuildRow | undefined {
    return this.#store.db.one<BuildRow>("SELECT * FROM builds WHERE phase = ? AND status = 'running'", phase);
  }

  #needRunning(id: number): BuildRow {
    const row = this.#row(id);
    if (row?.status !== 'running') throw new TaraError('TARA_BUILD_NOT_RUNNING', { build: id, status: row?.status ?? 'unknown' });
    return row;
  }

  #filesOf({ output, outputs, bytes }: BuildRow): readonly BuildFile[] {
    if (output === null) return [];
    const stored = outputs === null ? undefined : fromJson(this.#store, outputs) as unknown as readonly BuildFile[];
    return filesOf({ output, bytes: bytes ?? 0, ...(stored && { files: stored }) }).map((file) => ({ ...file, path: fromStored(this.#store.home, file.path) }));
  }

  #toBuild(row: BuildRow): Build {
    const { home } = this.#store;
    return {
      id: row.id,
      phase: row.phase,
      status: row.status,
      pid: row.pid,
      quantization: row.quantization,
      compressionType: row.compression_type,
      layout: row.layout,
      folder: fromStored(home, buildFolder(row.phase, row.id)),
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      reason: row.reason,
      cleaned: row.cleaned === 1,
      output: row.output === null ? null : fromStored(home, row.output),
      files: this.#filesOf(row),
      bytes: row.bytes,
      ratio: row.ratio,
      seconds: row.seconds,
      peakRssBytes: row.peak_rss_bytes,
      quality: fromJson(this.#store, row.quality),
      report: fromJson(this.#store, row.report),
    };
  }
}
