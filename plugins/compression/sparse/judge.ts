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

export async function judged({ options, pruning, bytes, text, onProgress }: JudgeOptions): Promise<Judged> {
  const { model, preset, workDir } = options;
  const equal = (await planSizes(model)).filter((size) => size.bytes <= bytes && size.preset !== preset).sort((a, b) => b.bytes - a.bytes)[0];
  const items = await someItems(text, JUDGED);
  const files: { path: string; preset: string; pruning: Pruning }[] = [
    { path: join(workDir, 'before.gguf'), preset, pruning: {} },
    { path: join(workDir, 'shipped.gguf'), preset, pruning },
    ...(equal ? [{ path: join(workDir, 'plain.gguf'), preset: equal.preset, pruning: {} }] : []),
  ];
  const { weights, ...unhealed } = pruning;
  const raw = weights === undefined ? null : { path: join(workDir, 'pruned.gguf'), preset, pruning: unhealed };
  try {
    const texts: TextBits[][] = [];
    const all = [...files, ...(raw ? [raw] : [])];
    for (const [index, file] of all.entries()) {
      await writeCut(options, file.pruning, file.preset, file.path);
      texts.push(await bitsOf(options, file.path, items, (fraction) => onProgress((0.8 * (index + fraction)) / all.length, 'judging')));
    }
    onProgress(0.85, 'speed');
    const speeds = await speedsOf(options, files.map(({ path }) => path));
    const measured = await Promise.all(all.map(async (file, index): Promise<MeasuredFile> => ({
      preset: file.preset, bytes: (await readGguf(file.path)).size, bitsPerByte: bitsPerByte(texts[index] ?? []), loss: addedLoss(texts[0] ?? [], texts[index] ?? []), speed: speeds[index] ?? null,
    })));
    const paths = [files[0]?.path ?? '', files[1]?.path ?? ''] as const;
    const [before, shipped] = measured;
    if (!before || !shipped) throw new Error('nothing was judged');
    return {
      before, shipped, plain: equal ? measured[2] ?? null : null, pruned: raw ? measured.at(-1) ?? null : null,
      plainWins: equal !== undefined && inBits(texts[2] ?? []) < inBits(texts[1] ?? []),
      tokensPerByte: { inside: await lengths(options, paths, items.map((item) => ('text' in item ? item.text : `${item.prompt}\n${item.response}`))), outside: await lengths(options, paths, OUTSIDE) },
    };
  } finally {
    for (const { path } of [...files, ...(raw ? [raw] : [])]) await rm(path, { force: true });
  }
}
