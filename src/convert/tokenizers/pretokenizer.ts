/**
 * Recognises a pre-tokenizer the way llama.cpp's converter does: encode a fixed text, hash Python's print of the ids, look
 * the hash up. Splitting, merging and special tokens all show in that hash, but only as far as that text goes: where the
 * structure that belongs to the name is known, a second text must come out alike by it and by tokenizer.json's own.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import { Tokenizer } from '@huggingface/tokenizers';
import { TaraError } from '../../errors.js';
import { isRecord, type Json } from '../checkpoint/files.js';
import { byteLevelText } from './byte-level.js';
import { PRETOKENIZER_HASHES } from './pretokenizer-hashes.js';
import { PRETOKENIZERS, PROBE_TEXT } from './pretokenizer-structures.js';
import { invalidTokenizer } from './source.js';

/** The reference's check text; every character of it decides the hash. */
const CHECK_TEXT =
  '\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶\u200d🌫️ (multiple emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ------======= нещо на Български ' +
  "''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL";

/** A pattern in a tokenizer may backtrack without end; an honest one takes milliseconds. */
const TIME_LIMIT_MS = 10_000;

/** Pieces up to this length are looked up; longer ones, few in any vocabulary, are kept without looking. */
const MAX_OCCURRING = 24;

const names = new Map(Object.entries(PRETOKENIZER_HASHES).flatMap(([name, hashes]) => hashes.map((hash): [string, string] => [hash, name])));

/** Whether a pre-tokenizer or decoder, or any that it consists of, works on bytes. */
export const usesByteLevel = (part: unknown): boolean =>
  isRecord(part) && (part['type'] === 'ByteLevel' || [part['pretokenizers'], part['decoders']].some((parts) => Array.isArray(parts) && parts.some(usesByteLevel)));

/**
 * The part of a byte-level tokenizer that can matter for `text`: tokens and merges that occur in it.
 * Building all 150k merges of a large vocabulary takes most of a second, these take milliseconds.
 */
function partFor(text: string, tokenizer: Json): Json {
  const { normalizer, model } = tokenizer;
  const plain = normalizer == null || (isRecord(normalizer) && normalizer['type'] === 'NFC');
  if (!plain || !usesByteLevel(tokenizer['pre_tokenizer']) || !isRecord(model)) return tokenizer;
  const { vocab, merges } = model;
  if (!isRecord(vocab) || !Array.isArray(merges)) return tokenizer;
  const occurring = new Set<string>();
  // With the space that some put in front, and composed, as some compose it.
  for (const variant of new Set([` ${text}`, ` ${text.normalize('NFC')}`])) {
    const mapped = byteLevelText(variant);
    for (let length = 1; length <= MAX_OCCURRING; length++) {
      for (let at = 0; at + length <= mapped.length; at++) occurring.add(mapped.slice(at, at + length));
    }
  }
  const occurs = (piece: string): boolean => piece.length > MAX_OCCURRING || occurring.has(piece);
  const joined = (merge: unknown): string => (typeof merge === 'string' ? merge.replace(' ', '') : Array.isArray(merge) ? merge.join('') : '');
  const unknown = model['unk_token'];
  const kept: Record<string, unknown> = {};
  for (const token in vocab) if (occurs(token) || token === unknown) kept[token] = vocab[token];
  return { ...tokenizer, model: { ...model, vocab: kept, merges: merges.filter((merge) => occurs(joined(merge))) } };
}

/** Token ids of `text`, special tokens of the post-processor included. Throws what the tokenizer library throws. */
function encode(text: string, tokenizer: Json): number[] {
  const complete = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...tokenizer, added_tokens: tokenizer['added_tokens'] ?? [] };
  const work = (): number[] => new Tokenizer(complete, {}).encode(text).ids;
  return runInNewContext('work()', { work }, { timeout: TIME_LIMIT_MS }) as number[];
}

/** SHA-256 of the ids as Python prints a list of them. `whole` skips the shortcut above. */
export function pretokenizerHash(tokenizer: Json, whole = false): string {
  const ids = encode(CHECK_TEXT, whole ? tokenizer : partFor(CHECK_TEXT, tokenizer));
  return createHash('sha256').update(`[${ids.join(', ')}]`).digest('hex');
}

/** A pre-tokenizer without what changes no token. */
const essence = (part: unknown): unknown => {
  if (!isRecord(part)) return part;
  const parts = part['pretokenizers'];
  return { ...part, trim_offsets: undefined, pretokenizers: Array.isArray(parts) ? parts.map(essence) : undefined };
};

const isStructure = (tokenizer: Json, name: string): boolean =>
  PRETOKENIZERS[name]?.some((structure) => isDeepStrictEqual(essence(structure), essence(tokenizer['pre_tokenizer']))) ?? true;

/** The known structures that split the probe as this tokenizer does. */
function structuresLike(tokenizer: Json): string[] {
  const part = partFor(PROBE_TEXT, tokenizer);
  const own = String(encode(PROBE_TEXT, part));
  const isOwn = (structure: Json): boolean => String(encode(PROBE_TEXT, { ...part, pre_tokenizer: structure })) === own;
  return Object.entries(PRETOKENIZERS).filter(([, structures]) => structures.some(isOwn)).map(([name]) => name);
}

/** The hash of what `path` holds. Throws TARA_TOKENIZER_INVALID. */
function hashOf(path: string, tokenizer: Json): string {
  try {
    return pretokenizerHash(tokenizer);
  } catch (thrown) {
    throw invalidTokenizer(path, thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}

/** The name of a WordPiece vocabulary's pre-tokenizer; llama.cpp splits all of them alike, so an unknown one is its default. */
export const recogniseWordPiece = (path: string, tokenizer: Json): string => names.get(hashOf(path, tokenizer)) ?? 'default';

/** The name llama.cpp knows a BPE pre-tokenizer by. Throws TARA_PRETOKENIZER_UNKNOWN with the hash, TARA_PRETOKENIZER_MISMATCH. */
export function recognisePretokenizer(path: string, tokenizer: Json): string {
  const hash = hashOf(path, tokenizer);
  const name = names.get(hash);
  if (name !== undefined && isStructure(tokenizer, name)) return name;
  const alike = structuresLike(tokenizer);
  const advice = alike.length > 0 ? `it splits a second text as ${alike.join(' and ')}` : 'it splits a second text as none of the known structures';
  if (name === undefined) throw new TaraError('TARA_PRETOKENIZER_UNKNOWN', { path, hash, advice });
  if (!alike.includes(name)) throw new TaraError('TARA_PRETOKENIZER_MISMATCH', { path, name, advice });
  return name;
}

/** A name given by the caller, where llama.cpp has a pre-tokenizer of that name. Throws TARA_OPTION_INVALID. */
export function namedPretokenizer(name: string): string {
  if (name === 'default' || Object.hasOwn(PRETOKENIZER_HASHES, name)) return name;
  const known = Object.keys(PRETOKENIZER_HASHES).join(', ');
  throw new TaraError('TARA_OPTION_INVALID', { option: 'preTokenizer', reason: `llama.cpp knows no ${name}; it knows default, ${known}` });
}
