/** Many models against one reference, whose distributions are computed once and kept in a work file. */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createEngine, type Model } from '../engine/index.js';
import * as guard from '../engine/guard.js';
import { TaraError } from '../errors.js';
import { checkVocabulary, loader, vocabularyOf, type Load } from './evaluate.js';
import { Recording, scoreExcerpt } from './evaluate-rows.js';
import { againstOf, chunkMeans, perplexityOf, type Scored } from './evaluate-statistics.js';
import { excerptOf, readExcerpt, rowsIn, type Excerpt } from './evaluate-text.js';
import type { CompareOptions, Comparison, Perplexity, Yardstick, YardstickOptions } from './evaluate-types.js';

interface Recorded {
  readonly excerpt: Excerpt;
  readonly recording: Recording;
  /** Of the reference. */
  readonly scored: Scored;
  readonly vocabulary: Uint8Array;
  readonly perplexity: Perplexity;
}

class NativeYardstick implements Yardstick {
  readonly chunks: number;
  readonly reference: Perplexity;
  readonly #recorded: Recorded;
  readonly #load: Load;
  readonly #release: () => Promise<void>;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #disposed: Promise<void> | undefined;

  constructor(recorded: Recorded, load: Load, release: () => Promise<void>) {
    this.chunks = recorded.excerpt.chunks;
    this.reference = recorded.perplexity;
    this.#recorded = recorded;
    this.#load = load;
    this.#release = release;
  }

  compare(model: string | Model, options: CompareOptions = {}): Promise<Comparison> {
    const comparison = this.#compare(model, options);
    this.#running.add(comparison);
    const forget = () => this.#running.delete(comparison);
    comparison.then(forget, forget);
    return comparison;
  }

  async #compare(given: string | Model, options: CompareOptions): Promise<Comparison> {
    if (this.#disposed) throw new TaraError('TARA_DISPOSED', { what: 'the yardstick' });
    const from = guard.whole('from', options.from, 0, this.chunks - 1) ?? 0;
    const count = guard.whole('count', options.count, 1, this.chunks - from) ?? this.chunks - from;
    const outer = guard.signal('signal', options.signal);
    const signal = outer ? AbortSignal.any([outer, this.#closing.signal]) : this.#closing.signal;
    const { excerpt, recording, scored, vocabulary } = this.#recorded;
    await checkVocabulary(typeof given === 'string' ? given : given.path, vocabulary, signal);
    const model = typeof given === 'string' ? await this.#load(given, signal) : given;
    try {
      const rows = rowsIn(excerpt.chunkLength);
      const own = await scoreExcerpt(model, excerptOf(excerpt, from, count), { against: recording, firstRow: from * rows, signal, onProgress: options.onProgress });
      const against = await againstOf(own, scored.losses.subarray(from * rows, (from + count) * rows));
      return { ...(await perplexityOf(own, count)), ...against, chunkKld: await chunkMeans(own.divergences, count) };
    } finally {
      if (model !== given) await model.dispose();
    }
  }

  dispose(): Promise<void> {
    return (this.#disposed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    await this.#recorded.recording.forget();
    await this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

async function record(load: Load, options: YardstickOptions): Promise<Recorded> {
  const { reference, signal, onProgress } = options;
  const workFile = options.workFile === undefined ? join(tmpdir(), `tara-yardstick-${randomUUID()}`) : resolve(guard.text('workFile', options.workFile));
  const vocabulary = await vocabularyOf(reference, signal);
  await using model = await load(reference, signal);
  const excerpt = await readExcerpt(model, options, signal);
  const recording = new Recording(excerpt.chunks * rowsIn(excerpt.chunkLength), model.info.vocabularySize, workFile);
  try {
    const scored = await scoreExcerpt(model, excerpt, { record: recording, signal, onProgress });
    return { excerpt, recording, vocabulary, scored, perplexity: await perplexityOf(scored, excerpt.chunks) };
  } catch (error) {
    await recording.forget();
    throw error;
  }
}

/**
 * Reads a text with the reference; what evaluate() gives for other models against it then takes one reading each, of all
 * chunks or of some. The reference is unloaded afterwards. Rejects as evaluate() does, and with TARA_DISK_FULL,
 * TARA_FILE_EXISTS and TARA_WRITE_FAILED for the work file, of which nothing is left then.
 */
export async function createYardstick(options: YardstickOptions): Promise<Yardstick> {
  const engine = options.engine ?? createEngine();
  const release = async (): Promise<void> => (options.engine ? undefined : engine.dispose());
  try {
    const load = loader(engine, options);
    return new NativeYardstick(await record(load, options), load, release);
  } catch (error) {
    await release();
    throw error;
  }
}
