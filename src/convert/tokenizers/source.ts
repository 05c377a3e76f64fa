/** The tokenizer files of a folder, each read once and checked for what no tokenizer has. */
import { join } from 'node:path';
import { TaraError } from '../../errors.js';
import { jsonObject, readBytes, type Json } from '../checkpoint/files.js';
import { oneLine } from '../../formats/one-line.js';

export interface TokenizerFiles {
  readonly dir: string;
  /** tokenizer.json. */
  readonly tokenizer: Json | undefined;
  /** tokenizer_config.json. */
  readonly config: Json | undefined;
  /** added_tokens.json: token to id. */
  readonly added: Json | undefined;
  /** special_tokens_map.json. */
  readonly specials: Json | undefined;
}

/** The parts of tokenizer.json that consist of others of their kind, and how deep: far below what the stack of their readers takes. */
const NESTED = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'] as const;
const MAX_DEPTH = 64;

export const invalidTokenizer = (path: string, reason: string, cause?: unknown): TaraError =>
  new TaraError('TARA_TOKENIZER_INVALID', { path, reason: oneLine(reason) }, { cause });

/** Whether objects and arrays nest at most `depth` deep. */
const isShallow = (value: unknown, depth: number): boolean =>
  typeof value !== 'object' || value === null || (depth > 0 && Object.values(value).every((part) => isShallow(part, depth - 1)));

/** The text of `dir/name` with lines ended by \n, or undefined when there is no such file. Throws TARA_TOKENIZER_INVALID where it is no UTF-8. */
export async function tokenizerText(dir: string, name: string): Promise<string | undefined> {
  const bytes = await readBytes(dir, name);
  if (!bytes) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r\n?/g, '\n');
  } catch (thrown) {
    throw invalidTokenizer(join(dir, name), 'it is not UTF-8', thrown);
  }
}

/** The JSON object in `dir/name`, or undefined when there is no such file. Throws TARA_TOKENIZER_INVALID. */
export async function tokenizerObject(dir: string, name: string): Promise<Json | undefined> {
  const content = await tokenizerText(dir, name);
  if (content === undefined) return undefined;
  const path = join(dir, name);
  const value = jsonObject(content, (reason, cause) => invalidTokenizer(path, reason, cause));
  for (const part of NESTED) if (!isShallow(value[part], MAX_DEPTH)) throw invalidTokenizer(path, `its ${part} nests more than ${MAX_DEPTH} deep`);
  return value;
}

export async function tokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const read = (name: string) => tokenizerObject(dir, name);
  const [tokenizer, config, added, specials] = await Promise.all([read('tokenizer.json'), read('tokenizer_config.json'), read('added_tokens.json'), read('special_tokens_map.json')]);
  return { dir, tokenizer, config, added, specials };
}
