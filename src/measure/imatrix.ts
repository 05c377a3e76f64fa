/**
 * Importance matrices (llama.cpp's imatrix): how much each column of each weight matters, as the sum of the squares of what
 * the model multiplies it by while it reads calibration text. A quantizer that weighs its errors so keeps what the text uses.
 */
import { basename } from 'node:path';
import * as guard from '../engine/guard.js';
import { createEngine, type Engine, type Model } from '../engine/index.js';
import { startJob } from '../engine/jobs.js';
import { runnerOf } from '../engine/model.js';
import { imatrixChunks, type ImatrixData, type ImatrixEntry, isMatrix, metadataOf, readGguf } from '../formats/index.js';
import { sequencesOf } from './imatrix-text.js';

export interface CollectOptions {
  /** Tokens of a chunk. Default 512, or what the model was trained for where that is less. */
  readonly contextSize?: number | undefined;
  /** Chunks of each file at most, of items as many as make up their tokens; all when omitted. */
  readonly chunks?: number | undefined;
  /** Every core when omitted. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** 0..1 */
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

export interface CollectInput extends CollectOptions {
  /** GGUF file, or a loaded model whose contextSize is at least a chunk's. */
  readonly model: string | Model;
  /** Files: running text, or `.jsonl` items as for domain loss. */
  readonly text: readonly string[];
  /** Loads the model; one of its own when omitted. */
  readonly engine?: Engine | undefined;
}

const CHUNK = 512;
const COUNT_LIMIT = 2 ** 31;

interface Collected {
  readonly tokens: number;
  readonly weights: readonly { readonly name: string; readonly values: number; readonly counts: readonly number[] }[];
}

/** Entries from the sums of all weights in a row. */
function entriesOf({ weights }: Collected, sums: Float32Array): Map<string, ImatrixEntry> {
  let end = 0;
  return new Map(weights.map(({ name, values, counts }) => [name, { sums: sums.slice(end, (end += values)), counts: Float32Array.from(counts) }]));
}

async function collect(model: Model, { text, signal, onProgress, ...options }: CollectInput, contextSize: number): Promise<ImatrixData> {
  const chunks = guard.whole('chunks', options.chunks, 1, COUNT_LIMIT) ?? COUNT_LIMIT;
  const { tensors } = await readGguf(model.path, { signal });
  const sequences: Int32Array[] = [];
  for (const path of text) sequences.push(...(await sequencesOf(model, path, { contextSize, chunks, signal })));
  const params = { runner: runnerOf(model), lengths: sequences.map(({ length }) => length), weights: tensors.filter(isMatrix).map(({ name }) => name) };
  const blob = Buffer.concat(sequences.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)));
  const job = startJob('measure.importance', params, {
    blobs: [blob],
    signal,
    onProgress: (progress) => {
      const { done, total } = progress as { done: number; total: number };
      onProgress?.(done / total, `${done} of ${total} tokens`);
    },
  });
  // The job keeps the model: forgotten ones are closed, and this one is in use.
  const { data, blob: sums } = await job.done.finally(() => model);
  const entries = entriesOf(data as Collected, new Float32Array(sums ?? new ArrayBuffer(0)));
  return { source: model.path, entries, datasets: text.map((path) => basename(path)), chunks: imatrixChunks(entries, contextSize), chunkSize: contextSize };
}

/** The file's own context length, where it is shorter than the usual chunk. */
export async function usualChunk(path: string, signal: AbortSignal | undefined): Promise<number> {
  const metadata = metadataOf(await readGguf(path, { signal }));
  return Math.min(CHUNK, metadata.number(`${metadata.string('general.architecture')}.context_length`) ?? CHUNK);
}

/**
 * Reads the files with the model and sums what every weight is multiplied by, a tied embedding as the head and experts by
 * themselves too. Running text is cut into chunks as llama-imatrix cuts it, so that on the same text both agree; items are
 * read by themselves. The same texts give the same sums with any number of threads.
 * Rejects with TARA_TEXT_TOO_SHORT, TARA_TENSOR_NOT_FINITE for weights that make NaN of a text, TARA_CONTEXT_FULL,
 * TARA_CONFIG_INVALID, TARA_OPTION_INVALID, TARA_ABORTED and as engine.load does.
 */
export async function collectImatrix(input: CollectInput): Promise<ImatrixData> {
  const { model, text, signal, threads } = input;
  if (!Array.isArray(text) || text.length === 0) throw guard.refuse('text', 'name at least one file');
  text.forEach((path) => guard.text('text', path));
  const wanted = guard.whole('contextSize', input.contextSize, 8, 1 << 20);
  if (typeof model !== 'string') return collect(model, input, wanted ?? Math.min(CHUNK, model.info.contextSize));
  const engine = input.engine ?? createEngine();
  try {
    const contextSize = wanted ?? (await usualChunk(model, signal));
    const loaded = await engine.load(model, { contextSize, slots: 1, threads, signal });
    try {
      return await collect(loaded, input, contextSize);
    } finally {
      await loaded.dispose();
    }
  } finally {
    if (!input.engine) await engine.dispose();
  }
}
