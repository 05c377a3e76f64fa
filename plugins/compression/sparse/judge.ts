/** The cut beside what it was made from, and beside the preset that is as small without a cut, on text that nothing was chosen by. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { planSizes, readGguf, type Pruning, type TextBits } from 'tara-gguf';
import { bitsOf, bitsPerByte, inBits, someItems, speedsOf, writeCut, type BenchOptions, type Speed } from './bench.js';
import { OUTSIDE } from './outside.js';
import { addedLoss, tokensPerByte } from './vocabulary.js';
import type { Progress } from './world.js';

/** One file, measured. */
export interface MeasuredFile {
  /** The preset of its types. */
  readonly preset: string;
  readonly bytes: number;
  readonly bitsPerByte: number;
  /** Nats that a token of the whole vocabulary costs more than in the preset with nothing cut. */
  readonly loss: number;
  /** Null where only its quality was wanted. */
  readonly speed: Speed | null;
}

export interface Judged {
  readonly before: MeasuredFile;
  /** As cut, with the weights that were there; null where nothing was refitted. */
  readonly pruned: MeasuredFile | null;
  /** As cut and refitted; null where it learned nothing more. */
  readonly untaught: MeasuredFile | null;
  readonly shipped: MeasuredFile;
  /** The largest preset with nothing cut that is no larger; null where there is none. */
  readonly plain: MeasuredFile | null;
  /** The plain preset predicts the text better. */
  readonly plainWins: boolean;
  /** Tokens a byte before and after, of the judged text and of text of other kinds. */
  readonly tokensPerByte: { readonly inside: readonly [number, number]; readonly outside: readonly [number, number] };
}

export interface JudgeOptions {
  readonly options: BenchOptions;
  readonly pruning: Pruning;
  /** The cut file after it learned; null where it did not. */
  readonly taught: string | null;
  readonly bytes: number;
  readonly text: string;
  readonly onProgress: Progress;
}

/** Characters that are judged on. */
const JUDGED = 20_000;

async function lengths({ engine, threads, signal }: BenchOptions, paths: readonly [string, string], items: readonly string[]): Promise<[number, number]> {
  await using before = await engine.load(paths[0], { contextSize: 64, slots: 1, threads, signal });
  await using after = await engine.load(paths[1], { contextSize: 64, slots: 1, threads, signal });
  return [await tokensPerByte(items, before), await tokensPerByte(items, after)];
}

/** A file that is judged: one that is there, or one that is written for it. */
interface Candidate {
  readonly name: 'before' | 'shipped' | 'plain' | 'untaught' | 'pruned';
  readonly path: string;
  readonly preset: string;
  readonly pruning: Pruning | null;
}

async function candidates({ options: { model, preset, workDir }, pruning, taught, bytes }: JudgeOptions): Promise<Candidate[]> {
  const plain = (await planSizes(model)).filter((size) => size.bytes <= bytes && size.preset !== preset).sort((a, b) => b.bytes - a.bytes)[0];
  const { weights, ...unhealed } = pruning;
  const written = (name: Candidate['name'], of: Pruning, type = preset): Candidate => ({ name, path: join(workDir, `${name}.gguf`), preset: type, pruning: of });
  return [
    written('before', {}),
    taught === null ? written('shipped', pruning) : { name: 'shipped', path: taught, preset, pruning: null },
    ...(plain ? [written('plain', {}, plain.preset)] : []),
    ...(taught === null ? [] : [written('untaught', pruning)]),
    ...(weights === undefined ? [] : [written('pruned', unhealed)]),
  ];
}

/** Files whose speed counts, too. */
const TIMED: readonly string[] = ['before', 'shipped', 'plain'];

export async function judged(judging: JudgeOptions): Promise<Judged> {
  const { options, text, onProgress } = judging;
  const items = await someItems(text, JUDGED);
  const files = await candidates(judging);
  try {
    const texts = new Map<string, TextBits[]>();
    for (const [index, { name, path, preset, pruning }] of files.entries()) {
      if (pruning) await writeCut(options, pruning, preset, path);
      texts.set(name, await bitsOf(options, path, items, (fraction) => onProgress((0.8 * (index + fraction)) / files.length, 'judging')));
    }
    onProgress(0.85, 'speed');
    const timed = files.filter(({ name }) => TIMED.includes(name));
    const speeds = await speedsOf(options, timed.map(({ path }) => path));
    const bitsIn = (name: Candidate['name']): TextBits[] => texts.get(name) ?? [];
    const measured = new Map(await Promise.all(files.map(async ({ name, path, preset }) => [name, {
      preset, bytes: (await readGguf(path)).size, bitsPerByte: bitsPerByte(bitsIn(name)), loss: addedLoss(bitsIn('before'), bitsIn(name)), speed: speeds[timed.findIndex((one) => one.name === name)] ?? null,
    }] as const)));
    const of = (name: Candidate['name']): MeasuredFile | null => measured.get(name) ?? null;
    const [before, shipped] = [of('before'), of('shipped')];
    const [whole, cut] = files;
    if (!before || !shipped || !whole || !cut) throw new Error('nothing was judged');
    const paths = [whole.path, cut.path] as const;
    return {
      before, shipped, plain: of('plain'), pruned: of('pruned'), untaught: of('untaught'),
      plainWins: texts.has('plain') && inBits(bitsIn('plain')) < inBits(bitsIn('shipped')),
      tokensPerByte: { inside: await lengths(options, paths, items.map((item) => ('text' in item ? item.text : `${item.prompt}\n${item.response}`))), outside: await lengths(options, paths, OUTSIDE) },
    };
  } finally {
    for (const { path, pruning } of files) if (pruning) await rm(path, { force: true });
  }
}
