/** Cuts as files, and what those cost: bits per byte for other vocabularies, divergence for parts, and speed. */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bitsPerByte, convert, createYardstick, readLossItems, textBits, type Engine, type LossItem, type Pruning, type TextBits, type Yardstick } from 'tara-gguf';

export interface BenchOptions {
  readonly engine: Engine;
  /** The unquantized model, a GGUF file. */
  readonly model: string;
  readonly preset: string;
  /** For the while of a measurement. */
  readonly workDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Speed {
  /** Tokens a second. */
  readonly decode: number;
  readonly prompt: number;
}

/** Tokens that cuts are measured with. */
export const CONTEXT = 1024;
/** Enough for the order of structures, which differ by more than their errors. */
const STRUCTURE_CHUNKS = 6;
const STRUCTURE_CONTEXT = 256;
/** The type that structures are compared in: the fastest to read that hides none of their loss. */
const STRUCTURE_TYPE = 'q8_0';
const DECODED = 48;
const PROMPT = 128;

export const inBits = (texts: readonly TextBits[]): number => texts.reduce((sum, { bits }) => sum + bits, 0);
export const inTokens = (texts: readonly TextBits[]): number => texts.reduce((sum, { tokens }) => sum + tokens, 0);
export { bitsPerByte };

/** Items from all over a file with so many characters together. */
export async function someItems(path: string, characters: number): Promise<LossItem[]> {
  let length = 0;
  return (await readLossItems(path)).filter((item) => {
    const fits = length < characters;
    length += 'text' in item ? item.text.length : item.prompt.length + item.response.length;
    return fits;
  });
}

/** Writes the model pruned so, in a type, to `path`. */
export async function writeCut({ model, threads, signal }: BenchOptions, pruning: Pruning, type: string, path: string): Promise<void> {
  await convert({ base: model, adapters: [], pruning, outputs: [{ id: 'cut', path, type }] }, { threads, signal });
}

/** For the while of a use. */
export async function withCut<T>(options: BenchOptions, pruning: Pruning, type: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(options.workDir, `cut-${randomUUID()}.gguf`);
  try {
    await writeCut(options, pruning, type, path);
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

export async function bitsOf({ engine, threads, signal }: BenchOptions, path: string, items: readonly LossItem[], onProgress?: (fraction: number) => void): Promise<TextBits[]> {
  await using model = await engine.load(path, { contextSize: CONTEXT, slots: 1, threads, signal });
  return await textBits(model, items, { signal, onItem: (done) => onProgress?.(done / items.length) });
}

export const structureYardstick = ({ engine, model, workDir, threads, signal }: BenchOptions, text: string): Promise<Yardstick> =>
  createYardstick({ engine, reference: model, text, contextSize: STRUCTURE_CONTEXT, chunks: STRUCTURE_CHUNKS, workFile: join(workDir, `yardstick-${randomUUID()}`), threads, signal });

export const divergenceOf = (options: BenchOptions, yardstick: Yardstick, pruning: Pruning): Promise<number> =>
  withCut(options, pruning, STRUCTURE_TYPE, async (path) => (await yardstick.compare(path, { signal: options.signal })).kld.mean);

async function speedOnce({ engine, threads, signal }: BenchOptions, path: string): Promise<Speed> {
  await using model = await engine.load(path, { contextSize: 512, slots: 1, threads, signal });
  const prompt = Int32Array.from({ length: PROMPT }, (_, at) => 1 + (at * 7) % 200);
  const { timings } = await model.generate(prompt, { maxTokens: DECODED, temperature: 0, signal }).result;
  return { decode: timings.decodeTokensPerSecond, prompt: timings.promptTokensPerSecond };
}

/** The best of some turns each, taken one after the other so that a slow moment meets all. */
export async function speedsOf(options: BenchOptions, paths: readonly string[]): Promise<Speed[]> {
  const best: Speed[] = paths.map(() => ({ decode: 0, prompt: 0 }));
  for (let turn = 0; turn < 3; turn += 1) {
    for (const [index, path] of paths.entries()) {
      const { decode, prompt } = await speedOnce(options, path);
      best[index] = { decode: Math.max(best[index]?.decode ?? 0, decode), prompt: Math.max(best[index]?.prompt ?? 0, prompt) };
    }
  }
  return best;
}
