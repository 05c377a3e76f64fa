/** Distillation: a student learns to say what its teacher says, and ships only if it does so better than before. */
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createEngine, type Engine } from '../engine/index.js';
import type { LossItem } from '../models/index.js';
import { writeError } from '../write-whole.js';
import { layoutOf } from './architecture.js';
import { checked, keyOf, type Checked } from './checked.js';
import { Labels } from './labels.js';
import { train, type Trained, type TrainingProgress } from './loop.js';
import { Network, NOTHING } from './network.js';
import { speedsOf, withPlain } from './plain.js';
import { ship } from './ship.js';
import { readTexts, type Texts } from './texts.js';
import type { DistilOptions, DistilReport } from './types.js';
import { makeJudge, type Judge, type Worth } from './verdict.js';

async function workFolder(output: string, key: string): Promise<string> {
  const folder = `${output}.distil`;
  await mkdir(folder, { recursive: true }).catch((thrown: unknown) => { throw writeError(folder, thrown); });
  for (const name of await readdir(folder)) if (!name.startsWith(key)) await rm(join(folder, name), { force: true, recursive: true });
  return folder;
}

type Tell = (fraction: number, detail: string) => void;
const part = (from: number, to: number, tell: Tell | undefined): Tell => (fraction, detail) => tell?.(from + (to - from) * fraction, detail);

const clock = (seconds: number): string => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);
const lineOf = ({ step, loss, secondsLeft, tokensPerSecond }: TrainingProgress): string =>
  `step ${step}, KL ${loss.toFixed(4)}, ${tokensPerSecond.toFixed(0)} tokens/s, ${clock(secondsLeft)} left`;

interface Job extends Checked {
  readonly key: string;
  readonly folder: string;
  readonly engine: Engine;
  readonly started: number;
  readonly signal: AbortSignal | undefined;
  readonly tell: Tell | undefined;
}

/** Trains and writes the candidate. */
async function makeCandidate(job: Job, texts: Texts, candidate: string): Promise<Trained & { readonly sections: Network['sections']; readonly teachingSeconds: number }> {
  const { student, teacher, key, folder, threads, signal, minutes, steps, tell } = job;
  const open = { threads, signal };
  const taught = performance.now();
  const teach = (name: string, sequences: readonly Int32Array[], told: Tell): Promise<Labels> =>
    Labels.make(join(folder, `${key}.${name}.labels`), sequences, { open: () => Network.open(layoutOf(teacher), NOTHING, open), spelling: job.spelling }, (fraction) => told(fraction, 'asking the teacher'));
  await using stopping = await teach('stopping', texts.stopping, part(0.06, 0.07, tell));
  await using training = await teach('training', texts.training, part(0.07, 0.15, tell));
  const teachingSeconds = (performance.now() - taught) / 1000;
  using network = await Network.open(layoutOf(student), job.wanted, open);
  const told = part(0.15, 0.92, tell);
  const trained = await train({
    network, training, stopping, sequences: texts.training, stoppingSequences: texts.stopping,
    settings: {
      rates: job.rates, batchTokens: job.batchTokens, seed: job.seed, steps,
      // Those of an interrupted run, which a checkpoint counts, are not counted here again.
      seconds: minutes === undefined ? undefined : Math.max(1, minutes * 60 - (performance.now() - job.started) / 1000),
    },
    checkpoint: { path: join(folder, `${key}.checkpoint`), key },
    onProgress: (progress) => told(progress.done, lineOf(progress)),
  });
  tell?.(0.92, 'writing');
  await ship({ student, network, output: candidate, scratch: join(folder, `${key}.tensors`), teacher: basename(teacher.path), steps: trained.standing.bestStep, threads, signal });
  return { ...trained, sections: network.sections, teachingSeconds };
}

const closed = (before: number | null, after: number | null, least: number): number | null => (before !== null && after !== null && before > least ? (before - after) / (before - least) : null);
const textOf = (items: readonly LossItem[]): string => items.map((item) => ('text' in item ? item.text : `${item.prompt}\n${item.response}`)).join('\n');

/** The plain preset of equal size, measured as the student is, and everybody's speed. */
async function beside({ engine, teacher, folder, key, threads, signal }: Job, judge: Judge, output: string, bytes: number, items: readonly LossItem[]): Promise<Pick<DistilReport, 'plain' | 'speeds'>> {
  const speeds = (path: string) => speedsOf(engine, path, textOf(items), { threads, signal });
  const own = { teacher: await speeds(teacher.path), output: await speeds(output) };
  const plain = await withPlain(teacher.path, bytes, join(folder, key), { threads, signal }, async (path, preset, size) => ({ worth: { ...(await judge.of(path, size)), preset }, speeds: await speeds(path) }));
  return { plain: plain?.worth ?? null, speeds: { ...own, plain: plain?.speeds ?? null } };
}

const countParts = (sections: Network['sections']): DistilReport['trained'] => {
  const counts = new Map<string, number>();
  for (const { part: name, count } of sections) counts.set(name, (counts.get(name) ?? 0) + count);
  return [...counts].map(([name, parameters]) => ({ part: name, parameters }));
};

async function textsOf({ student, text, engine, threads, signal, tell }: Omit<Job, 'folder'>): Promise<Texts> {
  tell?.(0, 'reading texts');
  await using model = await engine.load(student.path, { slots: 1, contextSize: 512, threads, signal });
  return await readTexts(model, text, signal);
}

async function run(job: Job, texts: Texts, options: DistilOptions): Promise<DistilReport> {
  const { student, teacher, key, folder, output, engine, threads, signal, tell } = job;
  const scratch = join(folder, key);
  await mkdir(scratch, { recursive: true });
  tell?.(0.01, 'measuring teacher and student');
  await using judge = await makeJudge({ engine, teacher: teacher.path, sameTokens: job.spelling === null, items: texts.judging, workDir: scratch, threads, signal });
  const [ofTeacher, before] = [await judge.teacher(teacher.size), await judge.of(student.path, student.size)];
  const candidate = join(scratch, 'candidate.gguf');
  const { standing, stopped, tokensPerSecond, sections, teachingSeconds } = await makeCandidate(job, texts, candidate);
  tell?.(0.94, 'measuring');
  const { size } = await stat(candidate);
  const trained: Worth = await judge.of(candidate, size);
  const improved = trained.kld === null || before.kld === null ? trained.bitsPerByte < before.bitsPerByte : trained.kld < before.kld;
  if (!improved) await copyFile(student.path, candidate);
  const after = improved ? trained : before;
  const compared = options.compare === false ? { plain: null, speeds: null } : await beside(job, judge, candidate, after.bytes, texts.judging);
  await rename(candidate, output).catch((thrown: unknown) => { throw writeError(output, thrown); });
  return {
    output, bytes: after.bytes, improved, teacher: ofTeacher, before, after, ...compared,
    recovered: { kld: closed(before.kld, after.kld, 0), domainLoss: closed(before.domainLoss, after.domainLoss, ofTeacher.domainLoss) },
    heldOut: { chunks: judge.chunks, contextSize: judge.contextSize, items: texts.judging.length },
    trained: countParts(sections), trainingTokens: texts.training.reduce((sum, { length }) => sum + length, 0),
    stopped, steps: standing.steps, bestStep: standing.bestStep, history: standing.history, tokensPerSecond,
    seconds: { teaching: teachingSeconds, training: standing.seconds, all: (performance.now() - job.started) / 1000 },
  };
}

/**
 * Trains the student to give its teacher's distributions (Hinton et al. 2015): KL divergence from soft labels at every token of the
 * texts, which are cut into pieces of 256. A student may lack tokens of its teacher's: it learns to spell them. The output is never worse than the student on held-out text: where training does not help, it
 * is the student. An interrupted run goes on from its last measurement when it is called again with the same files and settings.
 * Rejects with TARA_TRAINING_UNSUPPORTED, TARA_TEXT_TOO_SHORT, TARA_REFERENCE_MISMATCH, TARA_OUT_OF_MEMORY, TARA_OUTPUT_IS_INPUT,
 * TARA_TRAINING_DIVERGED for a student that gives no numbers, TARA_OPTION_INVALID, TARA_WRITE_FAILED, TARA_ABORTED, and as engine.load does.
 */
export async function distil(options: DistilOptions): Promise<DistilReport> {
  const started = performance.now();
  const files = await checked(options);
  const engine = options.engine ?? createEngine();
  try {
    const job = { ...files, key: await keyOf(files), engine, started, signal: options.signal, tell: options.onProgress };
    const texts = await textsOf(job);
    const folder = await workFolder(job.output, job.key);
    const report = await run({ ...job, folder }, texts, options).catch(async (thrown: unknown) => {
      // Without labels there is nothing to go on from.
      if (!(await readdir(folder).catch(() => [])).some((name) => name.startsWith(`${job.key}.`))) await rm(folder, { recursive: true, force: true });
      throw thrown;
    });
    await rm(folder, { recursive: true, force: true });
    return report;
  } finally {
    if (!options.engine) await engine.dispose();
  }
}

/** What would be done: the files' headers and the options are checked, nothing is read or written. Rejects as distil does for these. */
export async function planDistil(options: DistilOptions): Promise<{ readonly output: string; readonly student: string; readonly teacher: string; readonly bytes: number; readonly minutes: number | null; readonly steps: number | null }> {
  const { output, student, teacher, minutes, steps } = await checked(options);
  return { output, student: student.path, teacher: teacher.path, bytes: student.size, minutes: minutes ?? null, steps: steps ?? null };
}
