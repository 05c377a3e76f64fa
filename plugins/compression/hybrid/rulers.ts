/** How far a mix is from the unquantized model on a sample: a decoder by its next-token distributions, an encoder by its embeddings. */

import { readFile } from 'node:fs/promises';
import { createYardstick, type Engine, type Model } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import type { Measured, Sample } from './world.js';

export interface Ruler extends AsyncDisposable {
  /** `path`: a file of the mix. */
  compare(path: string): Promise<Measured>;
}

export interface RulerOptions {
  readonly engine: Engine;
  /** The unquantized model. */
  readonly model: string;
  /** The sample's items. */
  readonly text: string;
  /** Must not exist; for the reference's distributions. */
  readonly workFile: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Chunks of 512 tokens, of which the second half is scored. */
const CHUNKS: Readonly<Record<Sample, number>> = { probe: 3, accept: 6, verdict: 8 };
const CONTEXT = 512;
/** Texts that an encoder embeds, and characters of each at most. */
const TEXTS: Readonly<Record<Sample, number>> = { probe: 96, accept: 192, verdict: 256 };
const TEXT_LENGTH = 480;
/** Distances are also kept as means of so many texts. */
const CHUNK_TEXTS = 16;

async function decoderRuler(sample: Sample, { model, text, ...options }: RulerOptions): Promise<Ruler> {
  const yardstick = await createYardstick({ ...options, reference: model, text, contextSize: CONTEXT, chunks: CHUNKS[sample] });
  return {
    async compare(path) {
      const { kld, topTokenAgreement, perplexity, chunkKld } = await yardstick.compare(path, { signal: options.signal });
      return { kld: kld.mean, error: kld.error, agreement: topTokenAgreement, perplexity, chunks: [...chunkKld] };
    },
    [Symbol.asyncDispose]: () => yardstick.dispose(),
  };
}

const itemSchema = z.union([z.object({ text: z.string() }), z.object({ prompt: z.string(), response: z.string() })]);

/** What an encoder is given one by one: paragraphs, prompts, responses. */
async function textsIn(path: string, count: number): Promise<string[]> {
  const items = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '').map((line) => itemSchema.parse(JSON.parse(line)));
  const texts = items.flatMap((item) => ('text' in item ? item.text.split('\n') : [item.prompt, item.response])).map((text) => text.trim().slice(0, TEXT_LENGTH));
  const distinct = [...new Set(texts.filter((text) => text !== ''))].slice(0, count);
  if (distinct.length < CHUNK_TEXTS) throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: distinct.length, needed: CHUNK_TEXTS });
  return distinct;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** For each embedding the place of the one next to it. */
const nearest = (all: readonly Float32Array[]): number[] => all.map((one, index) =>
  all.reduce<{ place: number; near: number }>((best, other, place) => {
    const near = place === index ? -Infinity : dot(one, other);
    return near > best.near ? { place, near } : best;
  }, { place: -1, near: -Infinity }).place);

function embeddingRuler(texts: readonly string[], reference: readonly Float32Array[], { engine, threads, signal }: RulerOptions): Ruler {
  const neighbours = nearest(reference);
  return {
    async compare(path) {
      await using model = await engine.load(path, { threads, signal });
      const embeddings = await model.embed(texts, { normalize: true, signal });
      const distances = embeddings.map((embedding, index) => Math.max(0, 1 - dot(embedding, reference[index] ?? embedding)));
      const own = nearest(embeddings);
      const mean = meanOf(distances);
      const variance = meanOf(distances.map((distance) => (distance - mean) ** 2));
      const chunks = Array.from({ length: Math.floor(distances.length / CHUNK_TEXTS) }, (_, chunk) => meanOf(distances.slice(chunk * CHUNK_TEXTS, (chunk + 1) * CHUNK_TEXTS)));
      return { kld: mean, error: Math.sqrt(variance / (distances.length - 1)), agreement: meanOf(own.map((place, index) => Number(place === neighbours[index]))), perplexity: null, chunks };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function embedded(model: Model, sample: Sample, options: RulerOptions): Promise<Ruler> {
  const texts = await textsIn(options.text, TEXTS[sample]);
  return embeddingRuler(texts, await model.embed(texts, { normalize: true, signal: options.signal }), options);
}

/** Reads the sample with the unquantized model. Rejects as createYardstick and engine.load do, and with TARA_TEXT_TOO_SHORT. */
export async function rulerFor(sample: Sample, options: RulerOptions): Promise<Ruler> {
  const { engine, model: path, threads, signal } = options;
  const model = await engine.load(path, { contextSize: CONTEXT, slots: 1, threads, signal });
  try {
    if (!model.info.generates) return await embedded(model, sample, options);
  } finally {
    await model.dispose();
  }
  return decoderRuler(sample, options);
}
