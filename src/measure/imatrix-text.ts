/** Calibration texts as the sequences that a model reads. */
import { TaraError } from '../errors.js';
import type { Model } from '../engine/index.js';
import { itemTokens, readLossItems, type LossItem } from '../models/index.js';
import { runningText } from './evaluate-text.js';

export interface SequenceOptions {
  /** Tokens of a chunk, and most of an item. */
  readonly contextSize: number;
  /** Chunks of a file at most, or as many items as make up their tokens. */
  readonly chunks: number;
  readonly signal?: AbortSignal | undefined;
}

/** llama-imatrix's chunks: the start token, where the model wants one, takes the place of each chunk's first. */
async function chunksOf(model: Model, path: string, { contextSize, chunks, signal }: SequenceOptions): Promise<Int32Array[]> {
  const tokens = await model.tokenize(await runningText(path), { signal });
  const count = Math.min(chunks, Math.floor(tokens.length / contextSize));
  if (count === 0) throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: tokens.length, needed: contextSize });
  return Array.from({ length: count }, (_, index) => {
    const chunk = tokens.slice(index * contextSize, (index + 1) * contextSize);
    if (model.info.addsBos && model.info.bos) chunk[0] = model.info.bos.id;
    return chunk;
  });
}

/** An encoder reads sentences: what was asked and what was answered each by itself. It wants their last token, whatever is cut. */
async function encoderTokens(model: Model, item: LossItem, { contextSize, signal }: SequenceOptions): Promise<Int32Array[]> {
  const texts = 'text' in item ? [item.text] : [item.prompt, item.response];
  return Promise.all(texts.map(async (text) => {
    const tokens = await model.tokenize(text, { signal });
    if (tokens.length <= contextSize) return tokens;
    const cut = tokens.slice(0, contextSize);
    cut.set(tokens.subarray(-1), contextSize - 1);
    return cut;
  }));
}

/** Those with at most so many tokens together, from all over the list. */
function thinned(sequences: readonly Int32Array[], most: number): Int32Array[] {
  const all = sequences.reduce((sum, { length }) => sum + length, 0);
  let [seen, kept] = [0, 0];
  return sequences.filter(({ length }) => {
    seen += length;
    const keep = all <= most || (kept + length) * all <= most * seen;
    if (keep) kept += length;
    return keep;
  });
}

async function itemsOf(model: Model, path: string, options: SequenceOptions): Promise<Int32Array[]> {
  const { contextSize, chunks, signal } = options;
  const sequences: Int32Array[] = [];
  for (const item of await readLossItems(path)) {
    if (model.info.generates) sequences.push((await itemTokens(model, item, signal)).subarray(0, contextSize));
    else sequences.push(...(await encoderTokens(model, item, options)));
  }
  return thinned(sequences.filter(({ length }) => length > 0), contextSize * chunks);
}

/**
 * The sequences of a file: chunks of running text, items of a `.jsonl`. An encoder takes running text as paragraphs.
 * Rejects with TARA_TEXT_TOO_SHORT, TARA_CONFIG_INVALID, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_OPTION_INVALID, TARA_ABORTED.
 */
export async function sequencesOf(model: Model, path: string, options: SequenceOptions): Promise<Int32Array[]> {
  const sequences = await (path.endsWith('.jsonl') || !model.info.generates ? itemsOf : chunksOf)(model, path, options);
  if (sequences.length === 0) throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: 0, needed: 1 });
  return sequences;
}
