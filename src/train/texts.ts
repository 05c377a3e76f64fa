/** Texts as sequences to train on, to stop by and to judge by, and the batches of a training. */
import { TaraError } from '../errors.js';
import type { Model } from '../engine/index.js';
import { itemTokens, readLossItems, type LossItem } from '../models/index.js';
import type { Batch } from './network.js';

/** Longer items are cut into pieces of so many tokens, each read by itself. */
export const PIECE_TOKENS = 256;
/** A rest below is dropped: it has next to no context. */
const LEAST_PIECE = 16;
/** What a training needs at least. */
export const LEAST_TOKENS = 1024;
/** Of so many items one is kept to stop by and two to judge by; of a file with fewer one each. */
const EVERY = 20;
const LEAST_EVERY = 3;

type Use = 'training' | 'stopping' | 'judging';

/** What an item of a file is for. */
function useOf(index: number, items: number): Use {
  const every = Math.max(LEAST_EVERY, Math.min(EVERY, items));
  const place = index % every;
  if (place === every - 1 || (every === EVERY && place === EVERY / 2 - 1)) return 'judging';
  return place === Math.floor(every / 5) ? 'stopping' : 'training';
}

export interface Texts {
  readonly training: readonly Int32Array[];
  /** Measured while training: it ends when these no longer gain. */
  readonly stopping: readonly Int32Array[];
  /** Never seen before the end. */
  readonly judging: readonly LossItem[];
}

function piecesOf(tokens: Int32Array): Int32Array[] {
  const pieces: Int32Array[] = [];
  for (let from = 0; from < tokens.length; from += PIECE_TOKENS) pieces.push(tokens.slice(from, from + PIECE_TOKENS));
  return pieces.filter(({ length }) => length >= Math.min(LEAST_PIECE, tokens.length) && length > 1);
}

const tokensIn = (sequences: readonly Int32Array[]): number => sequences.reduce((sum, { length }) => sum + length, 0);

/** The paragraphs of running text are short: some together make a piece. */
function joined(items: readonly LossItem[]): LossItem[] {
  const all: { text: string }[] = [];
  for (const item of items) {
    const last = all.at(-1);
    if (!('text' in item)) return [...items];
    if (last && last.text.length < PIECE_TOKENS * 3) last.text += `\n\n${item.text}`;
    else all.push({ text: item.text });
  }
  return all;
}

/**
 * Items from all over the files, as the model's tokenizer and chat template read them.
 * Throws TARA_TEXT_TOO_SHORT, and what reading items throws.
 */
export async function readTexts(model: Model, paths: readonly string[], signal: AbortSignal | undefined): Promise<Texts> {
  const [training, stopping]: [Int32Array[], Int32Array[]] = [[], []];
  const judging: LossItem[] = [];
  for (const path of paths) {
    const read = await readLossItems(path);
    const items = path.endsWith('.jsonl') ? read : joined(read);
    for (const [index, item] of items.entries()) {
      const use = useOf(index, items.length);
      if (use === 'judging') judging.push(item);
      else (use === 'stopping' ? stopping : training).push(...piecesOf(await itemTokens(model, item, signal)));
    }
  }
  if (tokensIn(training) < LEAST_TOKENS || stopping.length === 0 || judging.length === 0) {
    throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: tokensIn(training) + tokensIn(stopping), needed: `${LEAST_TOKENS} to train on, beside items to stop and to judge by,` });
  }
  return { training, stopping, judging };
}

/** A stream of whole numbers below 2^32 (mulberry32), the same for a seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** The indices 0.. of a list in an order of its own for each seed. */
export function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  const next = numbers(seed);
  for (let i = count - 1; i > 0; i--) {
    const j = next() % (i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}

/** Tokens that a thread works through at once: longer groups save little and take memory. */
const GROUP_TOKENS = 512;

/** Sequences by their index, cut into batches of about so many tokens. */
export function batchesOf(sequences: readonly Int32Array[], order: readonly number[], batchTokens: number): number[][] {
  const batches: number[][] = [];
  let tokens = batchTokens;
  for (const index of order) {
    if (tokens >= batchTokens) {
      batches.push([]);
      tokens = 0;
    }
    batches.at(-1)?.push(index);
    tokens += sequences[index]?.length ?? 0;
  }
  return batches;
}

/** A batch's sequences in groups of much the same length, two at least where there are two, longest first: threads then end together. */
export function grouped(sequences: readonly Int32Array[], batch: readonly number[]): number[][] {
  const length = (index: number): number => sequences[index]?.length ?? 0;
  const tokens = batch.reduce((sum, index) => sum + length(index), 0);
  const groups = Array.from({ length: Math.min(batch.length, 2 * Math.ceil(tokens / (2 * GROUP_TOKENS))) }, () => ({ tokens: 0, indices: [] as number[] }));
  for (const index of [...batch].sort((a, b) => length(b) - length(a) || a - b)) {
    const least = groups.reduce((low, group) => (group.tokens < low.tokens ? group : low));
    least.indices.push(index);
    least.tokens += length(index);
  }
  return groups.map(({ indices }) => indices);
}

export const batchOf = (sequences: readonly Int32Array[], groups: readonly (readonly number[])[]): Batch =>
  ({ groups: groups.map((group) => group.map((index) => sequences[index] ?? new Int32Array(0))) });
