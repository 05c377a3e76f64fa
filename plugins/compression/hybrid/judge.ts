/** Measures mixes for real: each is written as a file, read against the unquantized model on a sample, and removed. */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { convert, createYardstick, type Engine, type Yardstick } from 'tara-gguf';
import { z } from 'zod';
import { keyOf, type Cache } from './cache.js';
import type { Measured, Rounding, Sample, Types } from './world.js';

export interface JudgeOptions {
  readonly engine: Engine;
  /** The unquantized model, a GGUF file. */
  readonly model: string;
  readonly imatrix: string;
  /** Factors that mixes are rounded with; the preset never is. */
  readonly feedback: string | undefined;
  /** The preset whose metadata the files carry. */
  readonly preset: string;
  readonly samples: Readonly<Record<Sample, string>>;
  /** For the while of a measurement. */
  readonly workDir: string;
  readonly cache: Cache;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Chunks of 512 tokens, of which the second half is scored. */
const CHUNKS: Readonly<Record<Sample, number>> = { probe: 3, accept: 6, verdict: 8 };
const CONTEXT = 512;

const measuredSchema = z.object({ kld: z.number(), error: z.number(), agreement: z.number(), perplexity: z.number(), chunks: z.array(z.number()) });
const STORE = 'measurements.json';
const storeSchema = z.record(z.string(), measuredSchema);

const sortedTypes = (types: Types): string => JSON.stringify(Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1)));

export class Judge implements AsyncDisposable {
  readonly #options: JudgeOptions;
  readonly #known: Map<string, Measured>;
  readonly #yardsticks = new Map<Sample, Promise<Yardstick>>();
  /** Measurements that were not known yet. */
  fresh = 0;

  private constructor(options: JudgeOptions, known: Readonly<Record<string, Measured>>) {
    this.#options = options;
    this.#known = new Map(Object.entries(known));
  }

  static async open(options: JudgeOptions): Promise<Judge> {
    return new Judge(options, (await options.cache.read(STORE, storeSchema)) ?? {});
  }

  /** Rejects as convert and createYardstick do. */
  async measure(types: Types, sample: Sample, rounding: Rounding = 'feedback'): Promise<Measured> {
    const key = keyOf(sample, rounding, sortedTypes(types));
    const known = this.#known.get(key);
    if (known) return known;
    const measured = await this.#compare(types, sample, rounding);
    this.fresh += 1;
    this.#known.set(key, measured);
    await this.#options.cache.write(STORE, Object.fromEntries(this.#known));
    return measured;
  }

  async #compare(types: Types, sample: Sample, rounding: Rounding): Promise<Measured> {
    const { signal } = this.#options;
    const yardstick = await this.#yardstick(sample);
    return this.withFile(types, async (path) => {
      const { kld, topTokenAgreement, perplexity, chunkKld } = await yardstick.compare(path, { signal });
      return { kld: kld.mean, error: kld.error, agreement: topTokenAgreement, perplexity, chunks: [...chunkKld] };
    }, rounding);
  }

  /** The model as a file of these types, which is removed afterwards. */
  async withFile<T>(types: Types, use: (path: string) => Promise<T>, rounding: Rounding = 'feedback'): Promise<T> {
    const { model, imatrix, feedback, preset, workDir, threads, signal } = this.#options;
    const path = join(workDir, `trial-${randomUUID()}.gguf`);
    try {
      await convert({ base: model, adapters: [], imatrix: { path: imatrix, name: 'imatrix' }, ...(rounding === 'feedback' && { feedback }), outputs: [{ id: 'trial', path, type: preset, types }] }, { threads, signal });
      return await use(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  #yardstick(sample: Sample): Promise<Yardstick> {
    const known = this.#yardsticks.get(sample);
    if (known) return known;
    const { engine, model, samples, workDir, threads, signal } = this.#options;
    const made = createYardstick({
      engine, reference: model, text: samples[sample], contextSize: CONTEXT, chunks: CHUNKS[sample], workFile: join(workDir, `${sample}-${randomUUID()}`), threads, signal,
    });
    this.#yardsticks.set(sample, made);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const made = await Promise.allSettled(this.#yardsticks.values());
    await Promise.all(made.map((one) => (one.status === 'fulfilled' ? one.value.dispose() : undefined)));
  }
}
