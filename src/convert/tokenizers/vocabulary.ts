/** A vocabulary while it is filled: as many places as the embedding has rows, each token at its id. */
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import { f32Array, i32Array, stringArray } from '../entries.js';
import { invalidTokenizer } from './source.js';
import { TOKEN } from './token-types.js';

export interface Vocabulary {
  readonly tokens: string[];
  readonly types: number[];
  /** SentencePiece's log probabilities; other kinds have none. */
  readonly scores: number[];
}

/** Places of no token: [PAD7], unused. */
export const emptyVocabulary = (size: number): Vocabulary => ({
  tokens: Array.from({ length: size }, (_, id) => `[PAD${id}]`),
  types: new Array<number>(size).fill(TOKEN.unused),
  scores: new Array<number>(size).fill(-10000),
});

/** `id` as an index into a vocabulary of `size` tokens. Throws TARA_TOKENIZER_INVALID. */
export function checkedId(path: string, token: string, id: unknown, size = Number.POSITIVE_INFINITY): number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) throw invalidTokenizer(path, `the id of ${JSON.stringify(token)} must be an integer of 0 or more`);
  if (id >= size) throw invalidTokenizer(path, `token ${JSON.stringify(token)} has id ${id}, but vocab_size is ${size}`);
  return id;
}

/** Tokens become UTF-8: half of a character cannot. Throws TARA_TOKENIZER_INVALID. */
export function checkedText(path: string, token: string): string {
  if (!token.isWellFormed()) throw invalidTokenizer(path, `token ${JSON.stringify(token)} is no Unicode text`);
  return token;
}

/** The keys of a vocabulary, scores only where its kind has them. */
export const vocabularyEntries = (blobs: Blobs, { tokens, types, scores }: Vocabulary, scored: boolean): MetadataEntry[] => [
  stringArray(blobs, 'tokenizer.ggml.tokens', tokens),
  ...(scored ? [f32Array(blobs, 'tokenizer.ggml.scores', scores)] : []),
  i32Array(blobs, 'tokenizer.ggml.token_type', types),
];
