/** Perplexity of a model on a text and, against a reference, KL divergence and agreement; no logits file in between. */
import { totalmem } from 'node:os';
import { createEngine, type Engine, type Model } from '../engine/index.js';
import * as guard from '../engine/guard.js';
import { TaraError } from '../errors.js';
import { fileIdentity, isGgufArray, metadataOf, readGguf } from '../formats/index.js';
import { Recording, rowBytes, scoreExcerpt } from './evaluate-rows.js';
import { againstOf, perplexityOf, type Compared } from './evaluate-statistics.js';
import { excerptOf, readExcerpt, rowsIn, textSettings, type Excerpt } from './evaluate-text.js';
import type { Against, EngineOptions, EvaluateOptions, Evaluation, ProgressOptions, TextOptions } from './evaluate-types.js';

/** Of the reference's distributions that are held at once; one chunk at least. */
const GROUP_BYTES = 128 << 20;

const NO_REFERENCE: { readonly [Key in keyof Against]: null } = {
  kld: null, topTokenAgreement: null, topTokenAgreementError: null, referencePerplexity: null, referencePerplexityError: null,
  perplexityRatio: null, perplexityRatioError: null, logPerplexityDifference: null, logPerplexityDifferenceError: null,
};

/** Loads models for chunks of a text. */
export type Load = (path: string, signal: AbortSignal | undefined) => Promise<Model>;

export const loader = (engine: Engine, options: TextOptions & EngineOptions): Load => {
  const { chunkLength } = textSettings(options);
  const threads = guard.whole('threads', options.threads, 1, 1024);
  return (path, signal) => engine.load(path, { contextSize: chunkLength, slots: 1, threads, signal });
};

/** A file's tokens as it stores them. */
export async function vocabularyOf(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const tokens = metadataOf(await readGguf(path, { signal })).get('tokenizer.ggml.tokens');
  return isGgufArray(tokens) ? tokens.bytes : new Uint8Array(0);
}

/** Throws TARA_REFERENCE_MISMATCH unless each token of one is the same token of the other. */
export async function checkVocabulary(path: string, reference: Uint8Array, signal?: AbortSignal): Promise<void> {
  if (Buffer.compare(await vocabularyOf(path, signal), reference) === 0) return;
  throw new TaraError('TARA_REFERENCE_MISMATCH', { path, reason: 'it has another vocabulary' });
}

/** Both are loaded at once, and what does not fit would end the process. */
async function checkMemory(paths: readonly string[]): Promise<void> {
  const limit = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  let needed = 0;
  for (const path of paths) needed += (await fileIdentity(path)).size;
  if (needed > limit) throw new TaraError('TARA_OUT_OF_MEMORY', { reason: `the two models take ${needed} bytes, this machine has ${limit}` });
}

/** The values of several runs as one. */
function joined(runs: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(runs.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const run of runs) {
    all.set(run, at);
    at += run.length;
  }
  return all;
}

/** Reads some chunks with the reference, then with the model, and so on: memory does not grow with the text. */
async function sideBySide(reference: Model, model: Model, excerpt: Excerpt, { signal, onProgress }: ProgressOptions): Promise<{ base: Compared[]; own: Compared[] }> {
  const vocabulary = reference.info.vocabularySize;
  const rows = rowsIn(excerpt.chunkLength);
  const group = Math.min(excerpt.chunks, Math.max(1, Math.floor(GROUP_BYTES / (rows * rowBytes(vocabulary)))));
  const recording = new Recording(group * rows, vocabulary);
  const [base, own]: [Compared[], Compared[]] = [[], []];
  try {
    for (let from = 0; from < excerpt.chunks; from += group) {
      const part = excerptOf(excerpt, from, Math.min(group, excerpt.chunks - from));
      const progress = (half: number) => (done: number): void => onProgress?.((from + (part.chunks * (half + done)) / 2) / excerpt.chunks);
      base.push(await scoreExcerpt(reference, part, { record: recording, signal, onProgress: progress(0) }));
      own.push(await scoreExcerpt(model, part, { against: recording, signal, onProgress: progress(1) }));
    }
  } finally {
    await recording.forget();
  }
  return { base, own };
}

async function evaluateWith(load: Load, options: EvaluateOptions): Promise<Evaluation> {
  const { reference, signal } = options;
  if (reference === undefined) {
    await using model = await load(options.model, signal);
    const excerpt = await readExcerpt(model, options, signal);
    return { ...(await perplexityOf(await scoreExcerpt(model, excerpt, options), excerpt.chunks)), ...NO_REFERENCE };
  }
  await checkVocabulary(options.model, await vocabularyOf(reference, signal), signal);
  await checkMemory([reference, options.model]);
  await using base = await load(reference, signal);
  const excerpt = await readExcerpt(base, options, signal);
  await using model = await load(options.model, signal);
  const rows = await sideBySide(base, model, excerpt, options);
  const own: Compared = {
    losses: joined(rows.own.map(({ losses }) => losses)),
    divergences: joined(rows.own.map(({ divergences }) => divergences)),
    sameTop: joined(rows.own.map(({ sameTop }) => sameTop)),
    bytes: rows.own.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  return { ...(await perplexityOf(own, excerpt.chunks)), ...(await againstOf(own, joined(rows.base.map(({ losses }) => losses)))) };
}

/** Runs `work` with the caller's engine, or with one of its own that it disposes. */
export async function withEngine<T>(engine: Engine | undefined, work: (engine: Engine) => Promise<T>): Promise<T> {
  if (engine) return work(engine);
  await using own = createEngine();
  return await work(own);
}

/**
 * Cuts a text into chunks of `contextSize` tokens, as the reference's tokenizer (the model's, where there is none) reads it,
 * puts the start token first in each where the model adds one, and scores the tokens after the middle one: perplexity and
 * its error, and with a reference all of `Against`, as llama-perplexity computes them, its 16-bit rounding of the reference's
 * log-probabilities included, whose first-order effect on the divergence is taken out. The same input gives the same figures.
 * Rejects with TARA_TEXT_TOO_SHORT, TARA_REFERENCE_MISMATCH, TARA_LOGITS_INVALID, TARA_MODEL_UNSUPPORTED (encoders),
 * TARA_OUT_OF_MEMORY, TARA_OPTION_INVALID, TARA_ABORTED, and as engine.load does.
 */
export const evaluate = (options: EvaluateOptions): Promise<Evaluation> =>
  withEngine(options.engine, (engine) => evaluateWith(loader(engine, options), options));
