/** SentencePiece: tokenizer.model (a ModelProto) with the tokens that JSON files beside it add. */
import { join } from 'node:path';
import { protoFields, protoFloat } from '../../formats/index.js';
import type { MetadataEntry } from '../../plan/schema.js';
import { flag, text } from '../entries.js';
import { isRecord, readBytes } from '../checkpoint/files.js';
import { bpeEntries } from './bpe.js';
import type { TokenizerRequest } from './request.js';
import { invalidTokenizer, type TokenizerFiles } from './source.js';
import { looksSpecial, specialEntries } from './special.js';
import { TOKEN } from './token-types.js';
import { checkedId, checkedText, emptyVocabulary, vocabularyEntries } from './vocabulary.js';

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
    throw invalidTokenizer(path, (thrown as Error).message, thrown);
  }
  if (tokens.length === 0) throw invalidTokenizer(path, 'it holds no pieces');
  return { tokens, scores, types, modelType, addDummyPrefix, removeExtraWhitespaces, byteFallback };
}

/** An added token of a JSON file, as it is laid over the pieces. */
interface Added {
  readonly name: string;
  readonly token: string;
  readonly id: unknown;
  readonly special: boolean;
}

/** The tokens of added_tokens.json and of tokenizer_config.json's added_tokens_decoder. Throws TARA_TOKENIZER_INVALID. */
function besides({ dir, added, config }: TokenizerFiles): { readonly named: Added[]; readonly decoded: Added[] } {
  const decoder = config?.['added_tokens_decoder'];
  if (decoder != null && !isRecord(decoder)) throw invalidTokenizer(join(dir, 'tokenizer_config.json'), 'added_tokens_decoder must be an object');
  return {
    named: Object.entries(added ?? {}).map(([token, id]) => ({ name: 'added_tokens.json', token, id, special: false })),
    decoded: Object.entries(decoder ?? {}).map(([id, entry]) => addedOf(dir, 'tokenizer_config.json', Number(id), entry)),
  };
}

function addedOf(dir: string, name: string, id: unknown, entry: unknown): Added {
  const content = isRecord(entry) ? entry['content'] : undefined;
  if (!isRecord(entry) || typeof content !== 'string') throw invalidTokenizer(join(dir, name), `added token ${JSON.stringify(id)} has no content`);
  return { name, token: content, id, special: entry['special'] === true };
}

/** Added tokens that never were pieces have this score. */
const ADDED_SCORE = -1000;

type Lay = (added: Added, type: number, token?: string) => void;

/** Pieces with what `lay` puts over them; ids past the embedding are left out, or refused where `strict`. */
async function pieces({ files, vocabSize, blobs }: TokenizerRequest, strict: boolean, overlay: (lay: Lay) => void): Promise<MetadataEntry[] | undefined> {
  const { dir } = files;
  const bytes = await readBytes(dir, 'tokenizer.model');
  if (!bytes) return undefined;
  const path = join(dir, 'tokenizer.model');
  const model = parseSentencePiece(path, bytes);
  if (model.tokens.length > vocabSize) throw invalidTokenizer(path, `it has ${model.tokens.length} pieces, but vocab_size is ${vocabSize}`);
  const vocabulary = emptyVocabulary(vocabSize);
  const set = (id: number, token: string, score: number, type: number): void => {
    vocabulary.tokens[id] = token;
    vocabulary.scores[id] = score;
    vocabulary.types[id] = type;
  };
  model.tokens.forEach((token, id) => set(id, token, model.scores[id] ?? 0, model.types[id] ?? TOKEN.normal));
  overlay(({ name, token, id: given }, type, spelling = token) => {
    const id = checkedId(join(dir, name), checkedText(join(dir, name), token), given, strict ? vocabSize : undefined);
    if (id < vocabSize) set(id, spelling, ADDED_SCORE, type);
  });
  return [
    text('tokenizer.ggml.model', 'llama'),
    text('tokenizer.ggml.pre', 'default'),
    ...vocabularyEntries(blobs, vocabulary, true),
    ...(await specialEntries(files, { blobs, vocabSize })),
  ];
}

/** The tokenizer keys of a SentencePiece checkpoint, or undefined where it has no tokenizer.model. Throws TARA_TOKENIZER_INVALID. */
export const sentencePieceEntries = (request: TokenizerRequest): Promise<MetadataEntry[] | undefined> =>
  pieces(request, false, (lay) => {
    const { named, decoded } = besides(request.files);
    for (const added of named) lay(added, TOKEN.userDefined);
    for (const added of decoded) {
      const control = added.special || looksSpecial(added.token);
      lay(added, control ? TOKEN.control : TOKEN.userDefined, control ? added.token : added.token.replaceAll('▁', ' '));
    }
  });

/** Gemma's: SentencePiece that puts no space in front of a text. */
export async function gemmaEntries(request: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const entries = await sentencePieceEntries(request);
  return entries && [...entries, flag('tokenizer.ggml.add_space_prefix', false)];
}

/** Phi-3's: tokenizer.json adds tokens too, only their own flag makes them special, and they keep their spelling. Phi-4 has byte-level BPE. */
export async function phi3Entries(request: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const { dir, tokenizer, config } = request.files;
  if (config?.['tokenizer_class'] === 'GPT2Tokenizer') return bpeEntries(request);
  return pieces(request, true, (lay) => {
    const { named, decoded } = besides(request.files);
    const list = tokenizer?.['added_tokens'] ?? [];
    if (!Array.isArray(list)) throw invalidTokenizer(join(dir, 'tokenizer.json'), 'added_tokens must be a list');
    const listed = list.map((entry: unknown) => addedOf(dir, 'tokenizer.json', isRecord(entry) ? entry['id'] : undefined, entry));
    for (const added of named) lay(added, TOKEN.userDefined);
    for (const added of [...decoded, ...listed]) lay(added, added.special ? TOKEN.control : TOKEN.userDefined);
  });
}
