/** The options of a distillation and the headers of its files, checked before anything is read or written. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import * as guard from '../engine/guard.js';
import { modelIdentity } from '../engine/state.js';
import { TaraError } from '../errors.js';
import { checkModel, readGguf, type GgufFile } from '../formats/index.js';
import { readError } from '../read-error.js';
import { layoutOf } from './architecture.js';
import type { Rates, Trainable } from './network.js';
import { spellingOf, type Spelling } from './spelling.js';
import { TRAINABLE_PARTS, type DistilOptions, type TrainablePart } from './types.js';

/** Chosen on calibration text alone; docs/distill.md has the figures. */
const RATES: Rates = { norm: 1e-3, scale: 2e-3, lora: 1e-3, decay: 0.01, clip: 1 };
const DEFAULT_MINUTES = 20;
const DEFAULT_RANK = 16;
const DEFAULT_TOKENS = 1024;

export interface Checked {
  readonly student: GgufFile;
  readonly teacher: GgufFile;
  /** Null where student and teacher have the same vocabulary. */
  readonly spelling: Spelling | null;
  readonly text: readonly string[];
  readonly output: string;
  readonly wanted: Trainable;
  readonly rates: Rates;
  readonly minutes: number | undefined;
  readonly steps: number | undefined;
  readonly batchTokens: number;
  readonly seed: number;
  readonly threads: number | undefined;
}

function wantedOf({ train: given, rank, seed }: DistilOptions): Trainable {
  const parts: readonly TrainablePart[] = given ?? ['norms', 'scales', 'lora'];
  const unknown = parts.find((part) => !TRAINABLE_PARTS.includes(part));
  if (unknown !== undefined || parts.length === 0) throw guard.refuse('train', `name some of ${TRAINABLE_PARTS.join(', ')}`);
  const lora = parts.includes('lora') || parts.includes('lora-all');
  return {
    norms: parts.includes('norms'), scales: parts.includes('scales'), rest: !parts.includes('lora-all'),
    rank: lora ? guard.whole('rank', rank, 1, 256) ?? DEFAULT_RANK : 0, seed: guard.whole('seed', seed, 0, 0xffffffff) ?? 0,
  };
}

/** Weights in float32 twice, forward and backward, and the file's own bytes. */
function checkMemory(student: GgufFile): void {
  const weights = student.tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  const [needed, limit] = [8 * weights + student.size, Math.min(totalmem(), process.constrainedMemory() || Infinity)];
  if (needed > limit) throw new TaraError('TARA_OUT_OF_MEMORY', { reason: `training takes ${Math.ceil(needed / 2 ** 20)} MiB and more, this machine has ${Math.floor(limit / 2 ** 20)} MiB` });
}

/** Headers and options, before anything is read or written. */
export async function checked(options: DistilOptions): Promise<Checked> {
  const { signal } = options;
  if (!Array.isArray(options.text) || options.text.length === 0) throw guard.refuse('text', 'name at least one file');
  const [student, teacher] = await Promise.all([readGguf(resolve(options.student), { signal }), readGguf(resolve(options.teacher), { signal })]);
  for (const file of [student, teacher]) {
    checkModel(file);
    layoutOf(file);
  }
  const spelling = spellingOf(student, teacher);
  checkMemory(student);
  const output = resolve(guard.text('output', options.output));
  const there = await stat(output).catch(() => undefined);
  for (const { path } of [student, teacher]) {
    const { dev, ino } = await stat(path);
    if (there?.dev === dev && there.ino === ino) throw new TaraError('TARA_OUTPUT_IS_INPUT', { path: output });
  }
  const steps = guard.whole('steps', options.steps, 1, 1e9);
  const minutes = guard.number('minutes', options.minutes, 0.01, 1e5) ?? (steps === undefined ? DEFAULT_MINUTES : undefined);
  const factor = guard.number('rate', options.rate, 0, 1e36) ?? 1;
  return {
    student, teacher, spelling, output, steps, minutes, wanted: wantedOf(options), text: options.text.map((path) => resolve(path)),
    rates: { ...RATES, norm: RATES.norm * factor, scale: RATES.scale * factor, lora: RATES.lora * factor },
    batchTokens: guard.whole('batchTokens', options.batchTokens, 16, 1 << 20) ?? DEFAULT_TOKENS, seed: guard.whole('seed', options.seed, 0, 0xffffffff) ?? 0,
    threads: guard.whole('threads', options.threads, 1, 1024),
  };
}

/** Of files, texts and settings: what is in the work folder under another key belongs to another training. A student that was quantized anew is the same one. */
export async function keyOf({ student, teacher, text, wanted, rates, minutes, steps, batchTokens, seed }: Checked): Promise<string> {
  const files = await Promise.all([student, teacher].map(async ({ path, headerHash, size }) => ({ headerHash, size, weights: await modelIdentity([path]) })));
  const hash = createHash('sha256').update(JSON.stringify({ wanted, rates, minutes, steps, batchTokens, seed, files }));
  for (const path of text) hash.update(await readFile(path).catch((thrown: unknown) => { throw readError(path, thrown); })).update(path.endsWith('.jsonl') ? 'items' : 'text');
  return hash.digest('hex').slice(0, 24);
}
