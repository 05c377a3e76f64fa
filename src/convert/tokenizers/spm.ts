/** SentencePiece: tokenizer.model (a ModelProto) with the tokens that JSON files beside it add. */
import { join } from 'node:path';
import { TaraError } from '../../errors.js';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import { f32Array, i32Array, stringArray, text } from '../entries.js';
import { isRecord, readBytes, readObject, type Json } from '../files.js';
import { protoFields, protoFloat } from '../../formats/index.js';
import { looksSpecial, specialEntries } from './special.js';
import type { TokenizerFiles } from './source.js';
import { TOKEN } from './token-types.js';

/** ModelProto.SentencePiece.Type; user-defined pieces count as normal ones, as the reference reads them. */
const TYPES = new Map<number, number>([[1, TOKEN.normal], [2, TOKEN.unknown], [3, TOKEN.control], [4, TOKEN.normal], [5, TOKEN.unused], [6, TOKEN.byte]]);

export interface SentencePieceModel {
  readonly tokens: readonly string[];
  readonly scores: readonly number[];
  /** GGUF token types. */
  readonly types: readonly number[];
  readonly modelType: 'unigram' | 'bpe' | 'word' | 'char';
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly byteFallback: boolean;
}

const MODEL_TYPES = ['unigram', 'bpe', 'word', 'char'] as const;

/** Parses a ModelProto. Throws TARA_TOKENIZER_INVALID. */
export function parseSentencePiece(path: string, bytes: Uint8Array): SentencePieceModel {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const tokens: string[] = [];
  const scores: number[] = [];
  const types: number[] = [];
  let modelType: SentencePieceModel['modelType'] = 'unigram';
  let [addDummyPrefix, removeExtraWhitespaces, byteFallback] = [true, true, false];
  try {
    for (const field of protoFields(bytes)) {
      if (field.wire !== 2) continue;
      if (field.number === 1) {
        let [piece, score, type] = ['', 0, 1];
        for (const part of protoFields(field.bytes)) {
          if (part.number === 1) piece = utf8.decode(part.bytes);
          else if (part.number === 2) score = protoFloat(part);
          else if (part.number === 3) type = part.value;
        }
        tokens.push(piece);
        scores.push(score);
        types.push(TYPES.get(type) ?? TOKEN.normal);
      } else if (field.number === 2) {
        for (const part of protoFields(field.bytes)) {
          if (part.number === 3) modelType = MODEL_TYPES[part.value - 1] ?? modelType;
          else if (part.number === 35) byteFallback = part.value !== 0;
        }
      } else if (field.number === 3) {
        for (const part of protoFields(field.bytes)) {
          if (part.number === 3) addDummyPrefix = part.value !== 0;
          else if (part.number === 4) removeExtraWhitespaces = part.value !== 0;
        }
      }
    }
  } catch (thrown) {
    throw new TaraError('TARA_TOKENIZER_INVALID', { path, reason: (thrown as Error).message }, { cause: thrown });
  }
  if (tokens.length === 0) throw new TaraError('TARA_TOKENIZER_INVALID', { path, reason: 'it holds no pieces' });
  return { tokens, scores, types, modelType, addDummyPrefix, removeExtraWhitespaces, byteFallback };
}

interface Vocabulary {
  readonly tokens: string[];
  readonly scores: number[];
  readonly types: number[];
}

/** The tokens of added_tokens.json and of tokenizer_config.json's added_tokens_decoder, at their ids. */
function addTokens(dir: string, vocabulary: Vocabulary, added: Json | undefined, tokenizerConfig: Json | undefined): void {
  const put = (name: string, id: unknown, token: string, type: number): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
      throw new TaraError('TARA_TOKENIZER_INVALID', { path: join(dir, name), reason: `the id of ${JSON.stringify(token)} must be an integer of 0 or more` });
    }
    if (id >= vocabulary.tokens.length) return;
    vocabulary.tokens[id] = token;
    vocabulary.scores[id] = -1000;
    vocabulary.types[id] = type;
  };
  for (const [token, id] of Object.entries(added ?? {})) put('added_tokens.json', id, token, TOKEN.userDefined);
  const decoder = tokenizerConfig?.['added_tokens_decoder'];
  if (!isRecord(decoder)) return;
  for (const [id, entry] of Object.entries(decoder)) {
    const content = isRecord(entry) ? entry['content'] : undefined;
    if (!isRecord(entry) || typeof content !== 'string') {
      throw new TaraError('TARA_TOKENIZER_INVALID', { path: join(dir, 'tokenizer_config.json'), reason: `added token ${id} has no content` });
    }
    const control = entry['special'] === true || looksSpecial(content);
    put('tokenizer_config.json', Number(id), control ? content : content.replaceAll('▁', ' '), control ? TOKEN.control : TOKEN.userDefined);
  }
}

/** The tokenizer keys of a SentencePiece checkpoint of `vocabSize` tokens, or undefined where it has no tokenizer.model. */
export async function sentencePieceEntries(files: TokenizerFiles, vocabSize: number, blobs: Blobs): Promise<MetadataEntry[] | undefined> {
  const { dir, tokenizerConfig } = files;
  const bytes = await readBytes(dir, 'tokenizer.model');
  if (!bytes) return undefined;
  const model = parseSentencePiece(join(dir, 'tokenizer.model'), bytes);
  const padded = <T>(values: readonly T[], pad: (id: number) => T): T[] =>
    Array.from({ length: vocabSize }, (_, id) => (id < values.length ? (values[id] as T) : pad(id)));
  const vocabulary: Vocabulary = {
    tokens: padded(model.tokens, (id) => `[PAD${id}]`),
    scores: padded(model.scores, () => -10000),
    types: padded(model.types, () => TOKEN.unused),
  };
  addTokens(dir, vocabulary, await readObject(dir, 'added_tokens.json'), tokenizerConfig);
  return [
    text('tokenizer.ggml.model', 'llama'),
    text('tokenizer.ggml.pre', 'default'),
    stringArray(blobs, 'tokenizer.ggml.tokens', vocabulary.tokens),
    f32Array(blobs, 'tokenizer.ggml.scores', vocabulary.scores),
    i32Array(blobs, 'tokenizer.ggml.token_type', vocabulary.types),
    ...(await specialEntries(files, { blobs, vocabSize })),
  ];
}
