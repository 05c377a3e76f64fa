/**
 * What rounding with error feedback needs (GPTQ, Frantar et al. 2022, in the form of LDLQ, Chee et al. 2023): how the inputs
 * of each weight's columns go together on calibration text, as the factors M and D of their second moments M D M^T.
 */
import { resolve } from 'node:path';
import * as guard from '../engine/guard.js';
import { createEngine, type Engine, type Model } from '../engine/index.js';
import { FEEDBACK_FORMAT, type NewTensor, readGguf, takesFeedback, writeSafetensors } from '../formats/index.js';
import { Fusion } from './fusion.js';
import { sequencesOf } from './imatrix-text.js';

export interface FeedbackInput {
  /** GGUF file of the unquantized model. */
  readonly model: string;
  /** Files: running text, or `.jsonl` items as for domain loss. */
  readonly text: readonly string[];
  /** Safetensors file to write. */
  readonly output: string;
  /** Tokens of a chunk. Default 512. */
  readonly contextSize?: number | undefined;
  /** Chunks of each file at most, of items as many as make up their tokens; all when omitted. */
  readonly chunks?: number | undefined;
  /** Bytes that the moments may take in memory, 2 size^2 for each tensor that weights read. 2 GiB when omitted. */
  readonly memory?: number | undefined;
  /** Loads the model; one of its own when omitted. */
  readonly engine?: Engine | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** 0..1 */
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

const CHUNK = 512;
const MEMORY = 2 ** 31;
/** Of the mean diagonal, as in GPTQ: directions that the text hardly has. */
const RIDGE = 0.01;
const SHRINK = 1;
/** Of the progress; the rest is factors. */
const READING = 0.8;

interface Seen {
  readonly size: number;
  readonly tensors: readonly string[];
}

async function write(fusion: Fusion, { output, threads, signal, onProgress }: FeedbackInput): Promise<string[]> {
  const inputs: readonly Seen[] = fusion.inputs();
  const waiting = new Map<number, (factor: Uint8Array) => void>();
  const made = inputs.map((_, input) => new Promise<Uint8Array>((done) => waiting.set(input, done)));
  const computed = fusion.feedback({ ridge: RIDGE, shrink: SHRINK, threads, signal, onFactor: (input, factor) => waiting.get(input)?.(factor), onProgress: (fraction) => onProgress?.(READING + (1 - READING) * fraction, 'feedback factors') });
  const failed = computed.then(() => new Promise<never>(() => undefined));
  const tensors = inputs.map(({ size, tensors: [first = ''] }, input): NewTensor => ({ name: first, dtype: 'F32', shape: [size, size], data: { bytes: 4 * size * size, make: () => Promise.race([made[input] ?? failed, failed]) } }));
  const readers = Object.fromEntries(inputs.flatMap(({ tensors: [first = '', ...others] }) => [first, ...others].map((tensor) => [tensor, first])));
  await writeSafetensors(resolve(output), tensors, { metadata: { format: FEEDBACK_FORMAT, ...readers }, signal });
  return computed;
}

/**
 * Reads the texts with the model and writes the factors of every matrix with rows of whole blocks, a tied embedding as the head
 * that it is; which weights no text met is answered. The same texts give the same bytes with any number of threads. Rejects with
 * TARA_OUT_OF_MEMORY, TARA_TEXT_TOO_SHORT, TARA_LOGITS_INVALID, TARA_CONFIG_INVALID, TARA_OPTION_INVALID, TARA_WRITE_FAILED,
 * TARA_ABORTED and as engine.load does.
 */
export async function collectFeedback(input: FeedbackInput): Promise<{ readonly unseen: readonly string[] }> {
  const { model: path, text, threads, signal, onProgress } = input;
  const contextSize = guard.whole('contextSize', input.contextSize, 8, 1 << 20) ?? CHUNK;
  const chunks = guard.whole('chunks', input.chunks, 1, 2 ** 31) ?? 2 ** 31;
  const { tensors } = await readGguf(path, { signal });
  const matrices = tensors.filter(takesFeedback).map(({ name, ne: [size = 1] }) => ({ tensor: name, size }));
  const engine = input.engine ?? createEngine();
  try {
    using fusion = new Fusion(matrices, 1, input.memory ?? MEMORY);
    await using model: Model = await engine.load(path, { contextSize, slots: 1, threads, signal });
    const sequences: Int32Array[] = [];
    for (const file of text) sequences.push(...(await sequencesOf(model, file, { contextSize, chunks, signal })));
    await fusion.observe(model, { domain: 0, weight: 1, sequences, factors: [] }, { signal, onProgress: (fraction) => onProgress?.(READING * fraction, 'second moments') });
    return { unseen: await write(fusion, input) };
  } finally {
    if (!input.engine) await engine.dispose();
  }
}
