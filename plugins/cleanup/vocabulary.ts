/** The vocabularies a model folder may have, and which of them can be used. */
import { readFile } from 'node:fs/promises';
import { fileAt, openable, readObject, type Folder } from './folder.js';
import { isObject, type JsonObject } from './json-text.js';
import { readPieces } from './sentencepiece.js';

export interface Vocabulary {
  readonly file: string;
  readonly form: 'sentencepiece' | 'fast' | 'bpe';
  /** One more than the largest id. */
  readonly size: number;
  readonly idOf: ReadonlyMap<string, number>;
  readonly tokenOf: ReadonlyMap<number, string>;
  /** The token for unknown text, where the vocabulary itself says. */
  readonly unknown: string | undefined;
}

/** File sets, any of which is a vocabulary. */
export const VOCABULARIES: readonly (readonly string[])[] = [['tokenizer.model'], ['tokenizer.json'], ['vocab.json', 'merges.txt']];

function vocabulary(file: string, form: Vocabulary['form'], tokens: Iterable<readonly [string, number]>, unknown?: string): Vocabulary {
  const idOf = new Map<string, number>();
  const tokenOf = new Map<number, string>();
  let size = 0;
  for (const [token, id] of tokens) {
    idOf.set(token, id);
    tokenOf.set(id, token);
    size = Math.max(size, id + 1);
  }
  return { file, form, size, idOf, tokenOf, unknown };
}

const isId = (id: unknown): id is number => typeof id === 'number' && Number.isSafeInteger(id) && id >= 0;

function idsOf(value: JsonObject): (readonly [string, number])[] {
  const entries = Object.entries(value);
  if (entries.length === 0) throw new TypeError('it holds no tokens');
  return entries.map(([token, id]) => {
    if (!isId(id)) throw new TypeError(`the id of ${JSON.stringify(token)} is no whole number from 0`);
    return [token, id];
  });
}

/** Tokens that tokenizer.json or tokenizer_config.json add to the vocabulary. */
function added(list: unknown): (readonly [string, number])[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    if (!isObject(item) || typeof item.content !== 'string' || !isId(item.id)) throw new TypeError('an added token has no content or id');
    return [item.content, item.id];
  });
}

async function readSentencePiece(folder: Folder, file: string): Promise<Vocabulary | undefined> {
  const entry = fileAt(folder, file);
  if (entry === undefined) return undefined;
  const pieces = readPieces(await readFile(openable(folder, entry)));
  return vocabulary(file, 'sentencepiece', pieces.map(({ text }, id) => [text, id]), pieces.find((piece) => piece.type === 2)?.text);
}

async function readFast(folder: Folder, file: string): Promise<Vocabulary | undefined> {
  const value = (await readObject(folder, file, 'warning'))?.value;
  if (value === undefined) throw new TypeError('it is no JSON object');
  const { model } = value;
  if (!isObject(model)) throw new TypeError('it has no model');
  const { vocab } = model;
  const unknown = typeof model.unk_token === 'string' ? model.unk_token : undefined;
  if (isObject(vocab)) return vocabulary(file, 'fast', [...idsOf(vocab), ...added(value.added_tokens)], unknown);
  if (!Array.isArray(vocab) || vocab.length === 0) throw new TypeError('its model has no vocab');
  const tokens = vocab.map((item: unknown, id): [string, number] => {
    const text: unknown = Array.isArray(item) ? item[0] : undefined;
    if (typeof text !== 'string') throw new TypeError(`token ${id} has no text`);
    return [text, id];
  });
  const unknownId = model.unk_id;
  return vocabulary(file, 'fast', [...tokens, ...added(value.added_tokens)], isId(unknownId) ? tokens[unknownId]?.[0] : undefined);
}

async function readBytePairs(folder: Folder, file: string): Promise<Vocabulary | undefined> {
  const merges = fileAt(folder, 'merges.txt');
  if (merges === undefined) return undefined;
  const value = (await readObject(folder, file, 'warning'))?.value;
  if (value === undefined) throw new TypeError('it is no JSON object');
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(openable(folder, merges)));
  const wrong = text.split(/\r?\n/).find((line, index) => line !== '' && !(index === 0 && line.startsWith('#version')) && line.split(' ').length !== 2);
  if (wrong !== undefined) throw new TypeError(`merges.txt holds a line that is no pair: ${JSON.stringify(wrong.slice(0, 40))}`);
  return vocabulary(file, 'bpe', idsOf(value));
}

/** The usable vocabularies, best first; files that do not parse are named with the reason. */
export async function readVocabularies(folder: Folder): Promise<{ usable: Vocabulary[]; faults: { file: string; reason: string }[] }> {
  const usable: Vocabulary[] = [];
  const faults: { file: string; reason: string }[] = [];
  for (const [file, read] of [['tokenizer.model', readSentencePiece], ['tokenizer.json', readFast], ['vocab.json', readBytePairs]] as const) {
    if (fileAt(folder, file) === undefined) continue;
    try {
      const found = await read(folder, file);
      if (found !== undefined) usable.push(found);
    } catch (thrown) {
      if (!(thrown instanceof TypeError || thrown instanceof RangeError || (thrown as { code?: unknown }).code !== undefined)) throw thrown;
      faults.push({ file, reason: (thrown as Error).message });
    }
  }
  return { usable, faults };
}
