/** Byte-level BPE: tokenizer.json, or vocab.json with merges.txt as older checkpoints have them. */
import { TaraError } from '../../errors.js';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import { i32Array, stringArray, text } from '../entries.js';
import { isRecord, readText, type Json } from '../files.js';
import { decodeByteLevel } from './byte-level.js';
import { recognisePretokenizer } from './pretokenizer.js';
import { looksSpecial, specialEntries } from './special.js';
import { mergeLines, namedSpecials, type TokenizerFiles } from './source.js';
import { TOKEN } from './token-types.js';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
}

/** Merges as "a b"; a space inside a part is written as byte-level BPE writes it. */
function mergesOf(path: string, model: Json): string[] {
  const merges: unknown = model['merges'] ?? [];
  const malformed = (): never => {
    throw new TaraError('TARA_TOKENIZER_INVALID', { path, reason: 'a merge must be two strings' });
  };
  if (!Array.isArray(merges)) return malformed();
  return merges.map((merge: unknown) => {
    if (typeof merge === 'string') return merge;
    const [a, b]: unknown[] = Array.isArray(merge) && merge.length === 2 ? merge : [];
    if (typeof a !== 'string' || typeof b !== 'string') return malformed();
    return `${a.replaceAll(' ', 'Ġ')} ${b.replaceAll(' ', 'Ġ')}`;
  });
}

/** Added tokens of tokenizer.json and tokenizer_config.json, with named special tokens that neither lists. */
function addedTokens(path: string, tokenizer: Json, tokenizerConfig: Json | undefined, idOf: (token: string) => number | undefined): AddedToken[] {
  const decoder = tokenizerConfig?.['added_tokens_decoder'];
  const listed = [
    ...(Array.isArray(tokenizer['added_tokens']) ? (tokenizer['added_tokens'] as unknown[]) : []),
    ...(isRecord(decoder) ? Object.entries(decoder).map(([id, token]) => (isRecord(token) ? { ...token, id: Number(id) } : token)) : []),
  ];
  const tokens = new Map<string, AddedToken>();
  for (const token of listed) {
    const [id, content] = isRecord(token) ? [token['id'], token['content']] : [];
    if (!isRecord(token) || typeof content !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
      throw new TaraError('TARA_TOKENIZER_INVALID', { path, reason: 'an added token must have an id and a content' });
    }
    if (!tokens.has(content)) tokens.set(content, { id, content, special: token['special'] === true, normalized: token['normalized'] === true });
  }
  for (const content of namedSpecials(tokenizerConfig)) {
    const id = tokens.get(content)?.id ?? idOf(content);
    if (id !== undefined) tokens.set(content, { id, content, special: true, normalized: tokens.get(content)?.normalized ?? false });
  }
  return [...tokens.values()];
}

/** The tokenizer keys of a BPE checkpoint, or undefined where it has none. Throws TARA_TOKENIZER_INVALID, TARA_PRETOKENIZER_UNKNOWN. */
export async function bpeEntries(files: TokenizerFiles, vocabSize: number, blobs: Blobs, pre?: string): Promise<MetadataEntry[] | undefined> {
  const { dir, path, tokenizer, tokenizerConfig } = files;
  if (!tokenizer) return undefined;
  const invalid = (reason: string): TaraError => new TaraError('TARA_TOKENIZER_INVALID', { path, reason });
  const model = tokenizer['model'];
  if (!isRecord(model) || !isRecord(model['vocab'])) throw invalid('model.vocab must be an object');
  if (model['type'] !== 'BPE' && model['type'] !== undefined) throw invalid(`its model is ${String(model['type'])}, this architecture needs BPE`);
  const vocab = model['vocab'];

  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(vocabSize).fill(TOKEN.unused);
  const put = (id: unknown, token: string, spelling: string, type: number): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) throw invalid(`the id of ${JSON.stringify(token)} must be an integer of 0 or more`);
    if (id >= vocabSize) throw invalid(`token ${JSON.stringify(token)} has id ${id}, but vocab_size is ${vocabSize}`);
    tokens[id] = spelling;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(vocab)) put(id, token, token, TOKEN.normal);
  const byteLevel = isRecord(tokenizer['decoder']) && tokenizer['decoder']['type'] === 'ByteLevel';
  const idOf = (token: string): number | undefined => (typeof vocab[token] === 'number' && Object.hasOwn(vocab, token) ? vocab[token] : undefined);
  for (const { id, content, special, normalized } of addedTokens(path, tokenizer, tokenizerConfig, idOf)) {
    // llama.cpp expects such tokens as they look after encoding and decoding.
    const spelling = byteLevel && !normalized ? decodeByteLevel(content) : content;
    const control = special || looksSpecial(spelling);
    put(id, content, control ? spelling : spelling.replaceAll('▁', ' '), control ? TOKEN.control : TOKEN.userDefined);
  }
  const merges = mergesOf(path, model);
  const besides = merges.length === 0 ? await readText(dir, 'merges.txt') : undefined;
  return [
    text('tokenizer.ggml.model', 'gpt2'),
    text('tokenizer.ggml.pre', pre ?? recognisePretokenizer(path, tokenizer)),
    stringArray(blobs, 'tokenizer.ggml.tokens', tokens),
    i32Array(blobs, 'tokenizer.ggml.token_type', types),
    ...(await specialEntries(files, { blobs, merges: besides === undefined ? merges : mergeLines(besides) })),
  ];
}
