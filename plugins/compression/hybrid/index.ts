/**
 * Hybrid compression: a mix of types for one model under a number of bytes, chosen by measurement. docs/quality.md tells the
 * method. What costs time, the importance matrix, rounding errors, measurements of mixes and what they taught, is kept in a
 * cache under the content of model and texts, so that another budget takes seconds.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { collectFeedback, collectImatrix, convert, createTaraEngine, measureTypes, planSizes, readGguf, writeImatrix, type Engine, type MeasuredTensor } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { Cache, contentHash, keyOf } from './cache.js';
import { CANDIDATE_TYPES, LOW_TYPES, padded, variablesOf } from './candidates.js';
import { Judge } from './judge.js';
import { search, type Goal, type SearchResult } from './search.js';
import { measureSpeed, priceOfTime } from './speed.js';
import { partTexts, type TextFiles } from './texts.js';
import type { Measured, Progress, Types, Variable } from './world.js';

export interface HybridOptions {
  /** A GGUF file in F32, F16 or BF16. */
  readonly model: string;
  /** Calibration texts: .txt, or .jsonl items. */
  readonly texts: readonly string[];
  /** An importance matrix to use in place of one made from the texts. */
  readonly imatrix?: string | undefined;
  /** The preset to beat; its bytes are the budget when none is given. */
  readonly preset: string;
  /** Of the whole file. */
  readonly budget?: number | undefined;
  readonly goal?: Goal | undefined;
  /** Files as slow as the preset's count as if they lost so much of its divergence more; 0 when omitted. */
  readonly speedWeight?: number | undefined;
  readonly cacheDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

export interface HybridResult extends SearchResult {
  /** The importance matrix that the file must be written with, and the factors for error feedback where it is to be rounded so. */
  readonly imatrix: string;
  readonly feedback: string | undefined;
  /** Text lines that say what was found. */
  readonly evidence: readonly string[];
}

/** Changes when measurements of an earlier version would mean something else. */
const VERSION = '2';
const CALIBRATION_CHUNKS = 40;
const TRIALS = 6;
/** Files below are wanted small enough for the slow types. */
const LOW_BITS = 4;

const lossSchema = z.object({ bytes: z.number(), error: z.number(), nan: z.number() });
const errorsSchema = z.array(z.tuple([z.string(), z.object({ ne: z.array(z.number()), type: z.string(), weighted: z.boolean(), squares: z.number(), types: z.record(z.string(), lossSchema) })]));
const learnedSchema = z.record(z.string(), z.number());
const speedSchema = z.record(z.string(), z.number());

const share = (from: number, to: number, onProgress: Progress | undefined) => (fraction: number, detail = ''): void => onProgress?.(from + (to - from) * fraction, detail);

async function importance(options: HybridOptions, engine: Engine, texts: TextFiles, cache: Cache): Promise<string> {
  if (options.imatrix !== undefined) return options.imatrix;
  const path = cache.path('imatrix.gguf');
  if (await stat(path).then(() => true, () => false)) return path;
  const { model, threads, signal } = options;
  const chunks = Math.ceil(CALIBRATION_CHUNKS / texts.calibration.length);
  const tell = share(0.01, 0.1, options.onProgress);
  const data = await collectImatrix({ engine, model, text: texts.calibration, chunks, threads, signal, onProgress: (fraction) => tell(fraction, 'importance matrix') });
  await writeImatrix(path, data);
  return path;
}

/** Factors for error feedback; undefined where the inputs' moments take too much memory. */
async function feedbackOf({ model, threads, signal, onProgress }: HybridOptions, engine: Engine, texts: TextFiles, cache: Cache): Promise<string | undefined> {
  const path = cache.path('feedback.safetensors');
  if (await stat(path).then(() => true, () => false)) return path;
  const chunks = Math.ceil(CALIBRATION_CHUNKS / texts.calibration.length);
  const tell = share(0.1, 0.18, onProgress);
  try {
    await collectFeedback({ engine, model, text: texts.calibration, output: path, chunks, threads, signal, onProgress: tell });
    return path;
  } catch (error) {
    if (error instanceof TaraError && error.code === 'TARA_OUT_OF_MEMORY') return undefined;
    throw error;
  }
}

/** Candidates for the bits a weight that the file may have. */
async function typesFor({ model, budget, preset, signal }: HybridOptions): Promise<readonly string[]> {
  const { tensors } = await readGguf(model, { signal });
  const weights = tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  // Presets that planSizes leaves out need a matrix, as the smallest types do.
  const bytes = budget ?? (await planSizes(model)).find((size) => size.preset === preset)?.bytes ?? 0;
  return (bytes * 8) / weights < LOW_BITS ? [...CANDIDATE_TYPES, ...LOW_TYPES] : CANDIDATE_TYPES;
}

async function rounding(options: HybridOptions, types: readonly string[], imatrix: string, feedback: string | undefined, cache: Cache): Promise<Variable[]> {
  const known = await cache.read('errors.json', errorsSchema);
  if (known) return variablesOf(new Map(known as [string, MeasuredTensor][]));
  const { model, threads, signal } = options;
  const tell = share(0.18, 0.25, options.onProgress);
  const measured = await measureTypes({
    input: model, types, imatrix, feedback, threads, signal,
    onProgress: ({ bytesRead, bytesTotal, tensor }) => tell(bytesTotal > 0 ? bytesRead / bytesTotal : 0, `rounding errors of ${tensor}`),
  });
  await cache.write('errors.json', [...measured]);
  return variablesOf(measured);
}

/** The preset as llama-quantize would write it with the matrix: its types, and the bytes that no choice of types changes. */
async function presetFile({ model, preset, threads, signal }: HybridOptions, variables: readonly Variable[], imatrix: string, workDir: string): Promise<{ types: Types; bytes: number; fixedBytes: number }> {
  const path = join(workDir, `preset-${randomUUID()}.gguf`);
  try {
    await convert({ base: model, adapters: [], imatrix: { path: imatrix, name: 'imatrix' }, outputs: [{ id: 'preset', path, type: preset }] }, { threads, signal });
    const { size, tensors } = await readGguf(path, { signal });
    const chosen = new Set(variables.map(({ name }) => name));
    const own = tensors.filter(({ name }) => chosen.has(name));
    return { types: Object.fromEntries(own.map(({ name, type }) => [name, type])), bytes: size, fixedBytes: own.reduce((bytes, tensor) => bytes - padded(tensor.bytes), size) };
  } finally {
    await rm(path, { force: true });
  }
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

const wordsFor = ({ perplexity }: Measured): { loss: string; agreement: string; chunk: string } =>
  perplexity === null ? { loss: '1 - cosine', agreement: 'nearest text', chunk: '16 texts' } : { loss: 'KL divergence', agreement: 'most likely token', chunk: '512 tokens' };

function roundingLine({ mixes: { feedback, plain } }: SearchResult): string[] {
  if (!feedback || !plain) return ['rounded without error feedback: the moments of the inputs take too much memory'];
  return [`${wordsFor(plain).loss} of the mix rounded with error feedback ${feedback.kld.toPrecision(3)}, without ${plain.kld.toPrecision(3)}`];
}

function evidenceOf({ preset }: HybridOptions, result: SearchResult, variables: readonly Variable[]): string[] {
  const { measured, preset: stock } = result;
  const ratio = measured.kld / stock.measured.kld;
  const words = wordsFor(measured);
  const perplexity = measured.perplexity === null || stock.measured.perplexity === null ? '' : `, perplexity ${measured.perplexity.toPrecision(4)} (${stock.measured.perplexity.toPrecision(4)})`;
  const counts = new Map<string, number>();
  for (const { name, weights } of variables) counts.set(result.types[name] ?? '', (counts.get(result.types[name] ?? '') ?? 0) + weights);
  const total = variables.reduce((sum, { weights }) => sum + weights, 0);
  const types = [...counts].sort((a, b) => b[1] - a[1]).map(([type, weights]) => `${type} ${percent(weights / total)}`).join(', ');
  return [
    result.chosen === 'preset'
      ? `${preset} itself: no mix of ${stock.bytes} bytes or less measured better`
      : `a mix of ${result.bytes} bytes beside ${preset} with ${stock.bytes}`,
    `${words.loss} ${measured.kld.toPrecision(3)} ± ${measured.error.toPrecision(2)} (${preset}: ${stock.measured.kld.toPrecision(3)}, ratio ${ratio.toFixed(2)}), ${words.agreement} agrees ${percent(measured.agreement)} (${percent(stock.measured.agreement)})${perplexity}`,
    `measured on ${measured.chunks.length} chunks of ${words.chunk} that nothing was chosen by, against the unquantized model, both with the same importance matrix`,
    ...roundingLine(result),
    `of the weights: ${types}; ${result.trials} trials of swapped types`,
  ];
}

/**
 * Searches. Rejects with TARA_TARGET_SIZE for a budget that no types reach, TARA_QUALITY_UNREACHED, TARA_TEXT_TOO_SHORT,
 * TARA_CONFIG_INVALID, TARA_DISK_FULL, TARA_ABORTED and as the model's reading does; of its work files nothing is left.
 */
export async function searchHybrid(options: HybridOptions): Promise<HybridResult> {
  const { model, preset: name, signal, threads, cacheDir } = options;
  const workDir = join(cacheDir, `work-${randomUUID()}`);
  await mkdir(workDir, { recursive: true });
  const engine = createTaraEngine();
  try {
    options.onProgress?.(0, 'reading model and texts');
    const texts = await partTexts(options.texts, workDir);
    const types = await typesFor(options);
    const matrix = options.imatrix === undefined ? '' : await contentHash(options.imatrix, signal);
    const cache = await Cache.open(cacheDir, keyOf(VERSION, await contentHash(model, signal), texts.hash, types.join(), matrix));
    const imatrix = await importance(options, engine, texts, cache);
    const feedback = await feedbackOf(options, engine, texts, cache);
    const all = await rounding(options, types, imatrix, feedback, cache);
    const stock = await presetFile(options, all, imatrix, workDir);
    const variables = all.filter(({ name }) => stock.types[name] !== undefined);
    await using judge = await Judge.open({ engine, model, imatrix, feedback, preset: name, samples: texts.samples, workDir, cache, threads, signal });
    const measure = judge.measure.bind(judge);
    const speedWeight = options.speedWeight ?? 0;
    let times: ReturnType<typeof priceOfTime> | undefined;
    if (speedWeight > 0) {
      const tell = share(0.2, 0.25, options.onProgress);
      const seconds = (await cache.read('speed.json', speedSchema)) ?? (await measureSpeed(variables, { engine, withFile: judge.withFile.bind(judge), threads, signal, onProgress: (fraction, type) => tell(fraction, `speed of ${type}`) }));
      await cache.write('speed.json', seconds);
      times = priceOfTime(variables, seconds, stock.types, (await measure(stock.types, 'accept', 'plain')).kld, speedWeight);
    }
    const learned = await cache.read('learned.json', learnedSchema);
    const result = await search({
      variables, measure, preset: stock, fixedBytes: stock.fixedBytes, budget: options.budget ?? (options.goal ? Infinity : stock.bytes),
      goal: options.goal, priceOfTime: times, learned: learned ?? undefined, trials: learned ? 0 : TRIALS, feedback: feedback !== undefined, signal, onProgress: share(0.25, 1, options.onProgress),
    });
    if (!learned) await cache.write('learned.json', result.learned);
    return { ...result, imatrix, feedback: result.rounding === 'feedback' ? feedback : undefined, evidence: evidenceOf(options, result, variables) };
  } finally {
    await engine.dispose();
    await rm(workDir, { recursive: true, force: true });
  }
}
