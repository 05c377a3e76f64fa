/**
 * Calibration texts parted into four that share no passage: what the importance matrix is made of, what sensitivities are
 * probed on, what swaps must prove themselves on, and what the result is judged on. Every part has passages from all over
 * every file.
 */

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readError, TaraError } from 'tara-gguf/plugin';
import type { Sample } from './world.js';

/** A run of neighbouring lines of one file. */
interface Passage {
  /** As items, one JSON line each. */
  readonly items: readonly string[];
  /** As running text; null where the file holds items. */
  readonly text: string | null;
}

export interface TextFiles {
  /** For the importance matrix: running text, and items. */
  readonly calibration: readonly string[];
  readonly samples: Readonly<Record<Sample, string>>;
  /** SHA-256 of all that was read. */
  readonly hash: string;
}

/** Less than a chunk of 512 tokens: even few chunks then have passages of many places. */
const PASSAGE = 1500;
const LEAST_PASSAGE = 200;
/** Even a short text has so many passages. */
const LEAST_PASSAGES = 32;
const MOST_BYTES = 64 << 20;
/** Of eight passages in turn one goes to each sample; the rest is calibration. */
const TURN: readonly (Sample | null)[] = [null, 'verdict', null, 'probe', null, 'accept', null, null];
/** More than the samples' chunks need, so that tokenizing stays short. */
const MOST_SAMPLE = 400_000;
const MOST_CALIBRATION = 2_000_000;

async function contentOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  if (text.length > MOST_BYTES) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `longer than ${MOST_BYTES} characters` });
  return text;
}

function checkItem(path: string, line: string, number: number): void {
  try {
    const { prompt, response, text } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof text === 'string' || (typeof prompt === 'string' && typeof response === 'string')) return;
  } catch {
    // Told below.
  }
  throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `line ${number}: expected { "prompt", "response" } or { "text" }` });
}

function passagesOf(path: string, content: string, size: number): Passage[] {
  const items = path.endsWith('.jsonl');
  const passages: Passage[] = [];
  let lines: string[] = [];
  let length = 0;
  const end = (): void => {
    const text = lines.join('\n');
    if (text.trim() !== '') passages.push(items ? { items: lines, text: null } : { items: [JSON.stringify({ text })], text });
    [lines, length] = [[], 0];
  };
  content.split('\n').forEach((line, index) => {
    if (items && line.trim() === '') return;
    if (items) checkItem(path, line, index + 1);
    lines.push(line);
    length += line.length + 1;
    if (length >= size) end();
  });
  end();
  return passages;
}

/** Neighbours go far apart, so that the first passages, however many are used, come from all over all files. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

function spread(passages: readonly Passage[], most: number): Passage[] {
  const placed = passages.map((passage, index) => ({ passage, place: (index * GOLDEN) % 1 })).sort((a, b) => a.place - b.place);
  let length = 0;
  return placed.flatMap(({ passage }) => {
    if (length >= most) return [];
    length += passage.items.reduce((sum, item) => sum + item.length, 0);
    return [passage];
  });
}

/** Writes the parts into `folder`. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_CONFIG_INVALID, TARA_OPTION_INVALID. */
export async function partTexts(paths: readonly string[], folder: string): Promise<TextFiles> {
  const contents = await Promise.all(paths.map(contentOf));
  const total = contents.reduce((sum, { length }) => sum + length, 0);
  const size = Math.max(LEAST_PASSAGE, Math.min(PASSAGE, Math.floor(total / LEAST_PASSAGES)));
  const files = paths.map((path, index) => passagesOf(path, contents[index] ?? '', size));
  if (files.every(({ length }) => length === 0)) throw new TaraError('TARA_OPTION_INVALID', { option: '--text', reason: 'the calibration text is empty' });
  const turnOf = (sample: Sample | null): Passage[] => files.flatMap((passages) => passages.filter((_, index) => TURN[index % TURN.length] === sample));
  const write = async (name: string, lines: readonly string[]): Promise<string[]> => {
    if (lines.length === 0) return [];
    const path = join(folder, name);
    await writeFile(path, `${lines.join('\n')}\n`);
    return [path];
  };
  const sample = async (name: Sample): Promise<string> => {
    const path = join(folder, `${name}.jsonl`);
    await writeFile(path, `${spread(turnOf(name), MOST_SAMPLE).flatMap(({ items }) => items).join('\n')}\n`);
    return path;
  };
  const calibration = spread(turnOf(null), MOST_CALIBRATION);
  const hash = createHash('sha256');
  for (const content of contents) hash.update(`${content.length}:`).update(content);
  return {
    calibration: [
      ...(await write('calibration.txt', calibration.flatMap(({ text }) => text ?? []))),
      ...(await write('calibration.jsonl', calibration.flatMap(({ text, items }) => (text === null ? items : [])))),
    ],
    samples: { probe: await sample('probe'), accept: await sample('accept'), verdict: await sample('verdict') },
    hash: hash.digest('hex'),
  };
}
