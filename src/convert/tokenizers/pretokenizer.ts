/**
 * Recognises a BPE pre-tokenizer the way llama.cpp's converter does: encode a fixed text, hash Python's
 * print of the ids, look the hash up. Splitting, merging and special tokens all show in that hash.
 */
import { createHash } from 'node:crypto';
import { Tokenizer } from '@huggingface/tokenizers';
import { TaraError } from '../../errors.js';
import { isRecord, type Json } from '../files.js';
import { byteLevelText } from './byte-level.js';
import { PRETOKENIZER_HASHES } from './pretokenizer-hashes.js';

/** The reference's check text; every character of it decides the hash. */
const CHECK_TEXT =
  '\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶\u200d🌫️ (multiple emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ------======= нещо на Български ' +
  "''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL";

const names = new Map(Object.entries(PRETOKENIZER_HASHES).flatMap(([name, hashes]) => hashes.map((hash): [string, string] => [hash, name])));

const usesByteLevel = (preTokenizer: unknown): boolean =>
  isRecord(preTokenizer) &&
  (preTokenizer['type'] === 'ByteLevel' || (Array.isArray(preTokenizer['pretokenizers']) && preTokenizer['pretokenizers'].some(usesByteLevel)));

/**
 * The part of a byte-level tokenizer that can matter for `text`: tokens and merges that occur in it.
 * Building all 150k merges of a large vocabulary takes most of a second, these take milliseconds.
 */
function partFor(text: string, tokenizer: Json, model: Json): Json {
  const normalizer = tokenizer['normalizer'];
  const plain = normalizer == null || (isRecord(normalizer) && normalizer['type'] === 'NFC');
  const { vocab, merges } = model;
  if (!plain || !usesByteLevel(tokenizer['pre_tokenizer']) || !isRecord(vocab) || !Array.isArray(merges)) return tokenizer;
  const occurring = new Set<string>();
  for (const variant of [text, ` ${text}`, text.normalize('NFC'), ` ${text.normalize('NFC')}`]) {
    const mapped = byteLevelText(variant);
    for (let length = 1; length <= MAX_OCCURRING; length++) {
      for (let at = 0; at + length <= mapped.length; at++) occurring.add(mapped.slice(at, at + length));
    }
  }
  const occurs = (piece: string): boolean => piece.length > MAX_OCCURRING || occurring.has(piece);
  const joined = (merge: unknown): string =>
    typeof merge === 'string' ? merge.replace(' ', '') : Array.isArray(merge) ? merge.join('') : '';
  const unknown = model['unk_token'];
  return {
    ...tokenizer,
    model: {
      ...model,
      vocab: Object.fromEntries(Object.entries(vocab).filter(([token]) => token === unknown || occurs(token))),
      merges: merges.filter((merge) => occurs(joined(merge))),
    },
  };
}

/** Pieces up to this length are looked up; longer ones, few in any vocabulary, are kept without looking. */
const MAX_OCCURRING = 24;

/** Token ids of `text`, special tokens of the post-processor included. Throws what the tokenizer library throws. */
function encode(text: string, tokenizer: Json): number[] {
  const complete = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...tokenizer, added_tokens: tokenizer['added_tokens'] ?? [] };
  return new Tokenizer(complete, {}).encode(text).ids;
}

/** SHA-256 of the ids as Python prints a list of them. `whole` skips the shortcut above. */
export function pretokenizerHash(tokenizer: Json, whole = false): string {
  const model = tokenizer['model'];
  const part = whole || !isRecord(model) ? tokenizer : partFor(CHECK_TEXT, tokenizer, model);
  const ids = encode(CHECK_TEXT, part);
  return createHash('sha256').update(`[${ids.join(', ')}]`).digest('hex');
}

/** The name llama.cpp knows a pre-tokenizer by. Throws TARA_PRETOKENIZER_UNKNOWN with the hash. */
export function recognisePretokenizer(path: string, tokenizer: Json): string {
  let hash: string;
  try {
    hash = pretokenizerHash(tokenizer);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new TaraError('TARA_TOKENIZER_INVALID', { path, reason }, { cause: thrown });
  }
  const name = names.get(hash);
  if (name === undefined) throw new TaraError('TARA_PRETOKENIZER_UNKNOWN', { path, hash });
  return name;
}
