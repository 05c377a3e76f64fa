/** The vocabulary of a GGUF file as pruning sees it: what must stay, and what each token needs. */
import { TaraError } from '../../errors.js';
import { isGgufArray } from '../../formats/gguf/array.js';
import { metadataOf, readGguf, type GgufFile } from '../../formats/gguf/file.js';
import { oneLine } from '../../formats/one-line.js';
import { charOfByte } from '../tokenizers/byte-level.js';
import { TOKEN } from '../tokenizers/token-types.js';
import { byMerges, byScores } from './reach.js';

export const TOKENS = 'tokenizer.ggml.tokens';
export const MERGES = 'tokenizer.ggml.merges';
export const SCORES = 'tokenizer.ggml.scores';
export const TYPES = 'tokenizer.ggml.token_type';

export interface Vocabulary {
  /** Number of tokens. */
  readonly size: number;
  /** Tokens that must stay: of every byte, control tokens and others that are found in a text before it is split, those that a key names. */
  readonly required: ReadonlySet<number>;
  /** The tokens that it is merged from in the last step; none for a character, undefined for one that no text becomes. */
  readonly parts: readonly (readonly number[] | undefined)[];
}

/** The ids that llama.cpp takes where the file names none. */
export const DEFAULT_IDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  gpt2: { bos: 11, eos: 11 },
  llama: { bos: 1, eos: 2, unknown: 0 },
};

const ID_KEY = /^tokenizer\.ggml\.(.+)_token_id$/;
export const isIdKey = (key: string): boolean => ID_KEY.test(key);

export const refusePruning = (path: string, reason: string): TaraError => new TaraError('TARA_PRUNING_REFUSED', { path, reason: oneLine(reason) });

const BYTES = 256;
/** What SentencePiece writes for a space. */
const SPACE = '▁';
/** Longer ones are words, not marks that a template is written with. */
const MARK = /^[<[][^\s]{1,40}[>\]]$/;

const numbers = (file: GgufFile, key: string): number[] => {
  const value = metadataOf(file).get(key);
  return isGgufArray(value) ? value.items().map(Number) : [];
};
const strings = (file: GgufFile, key: string): string[] => {
  const value = metadataOf(file).get(key);
  return isGgufArray(value) ? value.items().map(String) : [];
};

/** Names of the special ids and their tokens, those that llama.cpp assumes included. */
export function specialIds(file: GgufFile): Map<string, number> {
  const found = new Map(Object.entries(DEFAULT_IDS[metadataOf(file).string('tokenizer.ggml.model') ?? ''] ?? {}).map(([name, id]) => [`tokenizer.ggml.${name}_token_id`, id]));
  for (const { key, value } of file.metadata) if (isIdKey(key) && typeof value === 'number') found.set(key, value);
  return found;
}

/** A lost token is spelled in bytes, at worst. Those of a byte-level vocabulary are the ones it ever had. Throws TARA_PRUNING_REFUSED. */
function byteTokens(file: GgufFile, ids: ReadonlyMap<string, number>, model: string): number[] {
  if (model === 'gpt2') return charOfByte.flatMap((char) => ids.get(char) ?? []);
  const bytes = Array.from({ length: BYTES }, (_, byte) => {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) throw refusePruning(file.path, `its vocabulary has no token for the byte ${byte}: texts with a token that went could not be written`);
    return id;
  });
  // Spelled in bytes, the mark of a space is read as itself, not as a space.
  return [...bytes, ...[ids.get(SPACE) ?? []].flat()];
}

/** Throws TARA_PRUNING_REFUSED for a tokenizer that is neither byte-pair encoding over bytes nor SentencePiece with bytes. */
export function vocabularyOf(file: GgufFile): Vocabulary {
  const metadata = metadataOf(file);
  const model = metadata.string('tokenizer.ggml.model') ?? 'none';
  if (!Object.hasOwn(DEFAULT_IDS, model)) throw refusePruning(file.path, `the vocabulary of a tokenizer ${model} cannot be cut`);
  const [texts, types] = [strings(file, TOKENS), numbers(file, TYPES)];
  const ids = new Map(texts.map((text, id) => [text, id]));
  const templates = file.metadata.flatMap(({ key, value }) => (key.startsWith('tokenizer.chat_template') && typeof value === 'string' ? [value] : []));
  const isSpecial = (id: number): boolean => {
    const type = types[id] ?? TOKEN.normal;
    return type !== TOKEN.normal && type !== TOKEN.unused;
  };
  const isMark = (text: string): boolean => MARK.test(text) && templates.some((template) => template.includes(text));
  const required = new Set([
    ...byteTokens(file, ids, model),
    ...texts.flatMap((text, id) => (isSpecial(id) || isMark(text) ? [id] : [])),
    ...[...specialIds(file).values()].filter((id) => id < texts.length),
  ]);
  const ranks = new Map(strings(file, MERGES).map((merge, rank) => [merge, rank]));
  const partsOf = model === 'gpt2' ? byMerges(ranks) : byScores(ids, numbers(file, SCORES));
  const parts = texts.map((text) => partsOf(text)?.flatMap((part) => ids.get(part) ?? []));
  // A set that is walked also gives what is added on the way.
  for (const id of required) for (const part of parts[id] ?? []) required.add(part);
  return { size: texts.length, required, parts };
}

/** Throws what readGguf throws, and TARA_PRUNING_REFUSED. */
export const readVocabulary = async (path: string): Promise<Vocabulary> => vocabularyOf(await readGguf(path));
