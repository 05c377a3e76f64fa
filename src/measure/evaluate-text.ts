/** Texts on their way to be measured: files to chunks of tokens. */
import { readFile } from 'node:fs/promises';
import type { Model } from '../engine/index.js';
import * as guard from '../engine/guard.js';
import { TaraError } from '../errors.js';
import { fileIdentity } from '../formats/index.js';
import { readError } from '../read-error.js';
import { itemTokens, readLossItems } from '../models/index.js';
import type { TextOptions } from './evaluate-types.js';

export interface Excerpt {
  /** Whole chunks, one after the other. */
  readonly tokens: Int32Array;
  readonly chunkLength: number;
  readonly chunks: number;
}

/** Of one file. */
const MOST_BYTES = 64 << 20;
const COUNT_LIMIT = 2 ** 31;

/** Scored tokens of a chunk: those after the middle one. */
export const rowsIn = (chunkLength: number): number => chunkLength - 1 - Math.floor(chunkLength / 2);

/** Chunks that follow `from`. */
export const excerptOf = ({ tokens, chunkLength }: Excerpt, from: number, count: number): Excerpt =>
  ({ tokens: tokens.subarray(from * chunkLength, (from + count) * chunkLength), chunkLength, chunks: count });

/** The options of a text, checked. */
export function textSettings(options: TextOptions): { readonly paths: readonly string[]; readonly chunkLength: number; readonly chunks: number; readonly firstChunk: number } {
  const paths = (Array.isArray(options.text) ? options.text : [options.text]).map((path: unknown) => guard.text('text', path));
  if (paths.length === 0) throw guard.refuse('text', 'at least one file');
  return {
    paths,
    chunkLength: guard.whole('contextSize', options.contextSize, 8, 1 << 20) ?? 512,
    chunks: guard.whole('chunks', options.chunks, 1, COUNT_LIMIT) ?? COUNT_LIMIT,
    firstChunk: guard.whole('firstChunk', options.firstChunk, 0, COUNT_LIMIT) ?? 0,
  };
}

/** A file's text without its last line's end, as llama.cpp's tools read it. */
export async function runningText(path: string): Promise<string> {
  const { size } = await fileIdentity(path);
  if (size > MOST_BYTES) throw guard.refuse('text', `${path} is longer than ${MOST_BYTES >> 20} MiB`);
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}

async function tokensOf(model: Model, path: string, signal: AbortSignal | undefined): Promise<readonly Int32Array[]> {
  if (!path.endsWith('.jsonl')) return [await model.tokenize(await runningText(path), { signal })];
  const all: Int32Array[] = [];
  for (const item of await readLossItems(path)) all.push(await itemTokens(model, item, signal));
  return all;
}

/**
 * The chunks of one or several files, as the model's tokenizer reads them. Rejects with TARA_TEXT_TOO_SHORT when there is no
 * whole chunk to measure, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_CONFIG_INVALID, TARA_OPTION_INVALID, TARA_ABORTED.
 */
export async function readExcerpt(model: Model, options: TextOptions, signal: AbortSignal | undefined): Promise<Excerpt> {
  const { paths, chunkLength, chunks: most, firstChunk } = textSettings(options);
  const parts: Int32Array[] = [];
  for (const path of paths) parts.push(...(await tokensOf(model, path, signal)));
  const all = Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)));
  const tokens = new Int32Array(new Uint8Array(all).buffer);
  const chunks = Math.min(most, Math.floor(tokens.length / chunkLength) - firstChunk);
  if (chunks < 1) throw new TaraError('TARA_TEXT_TOO_SHORT', { tokens: tokens.length, needed: (firstChunk + 1) * chunkLength });
  return excerptOf({ tokens, chunkLength, chunks }, firstChunk, chunks);
}
