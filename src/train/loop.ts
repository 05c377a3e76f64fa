/** The training itself: steps with a rate that rises and falls, measured on held-out text as it goes, until that no longer gains. */
import { TaraError } from '../errors.js';
import { readCheckpoint, writeCheckpoint, type Standing } from './checkpoint.js';
import { LABELS, type Labels } from './labels.js';
import type { Network, Rates } from './network.js';
import { batchesOf, shuffled } from './texts.js';

export interface Settings {
  /** At the top; they rise to it and fall from it. */
  readonly rates: Rates;
  readonly batchTokens: number;
  /** The training ends at the first of the two. */
  readonly steps: number | undefined;
  readonly seconds: number | undefined;
  readonly seed: number;
}

/** How the student did at a step. */
export interface TrainingProgress {
  readonly step: number;
  /** Mean KL divergence of the step's batch, in nats a token. */
  readonly loss: number;
  /** 0..1 */
  readonly done: number;
  readonly secondsLeft: number;
  readonly tokensPerSecond: number;
}

export interface Training {
  readonly network: Network;
  readonly training: Labels;
  readonly stopping: Labels;
  readonly sequences: readonly Int32Array[];
  readonly stoppingSequences: readonly Int32Array[];
  readonly settings: Settings;
  /** Where it goes on from and what for. */
  readonly checkpoint: { readonly path: string; readonly key: string };
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

export interface Trained {
  /** done: the steps or the time were used; converged: held-out text no longer gained; diverged: NaN. */
  readonly stopped: 'done' | 'converged' | 'diverged';
  readonly standing: Standing;
  /** Of the steps of this run, forward, backward and update; null where it made none. */
  readonly tokensPerSecond: number | null;
}

const WARM_UP = 10;
/** Of the top rate, at the end. */
const LAST_RATE = 0.05;
/** Measurements on held-out text over the whole training, and how many may pass without a better one. */
const MEASUREMENTS = 12;
const PATIENCE = 4;
/** Before so much of it is done the rates are high, and held-out text often gets worse before it gets better. */
const PATIENT_UNTIL = 0.5;
const MEASURE_TOKENS = 1024;

function ratesAt(rates: Rates, step: number, done: number): Rates {
  const factor = Math.min(1, (step + 1) / WARM_UP) * (LAST_RATE + ((1 - LAST_RATE) * (1 + Math.cos(Math.PI * Math.min(1, done)))) / 2);
  return { ...rates, norm: rates.norm * factor, scale: rates.scale * factor, lora: rates.lora * factor };
}

/** Batches without end, every sequence once in each round, from the given step on. */
function* batchesFrom(step: number, sequences: readonly Int32Array[], { batchTokens, seed }: Settings): Generator<readonly number[]> {
  let passed = 0;
  for (let round = 0; ; round++) {
    for (const batch of batchesOf(sequences, shuffled(sequences.length, seed + round), batchTokens)) {
      if (passed++ >= step) yield batch;
    }
  }
}

/** Mean KL divergence of held-out text, in nats a token. Throws TARA_TRAINING_DIVERGED where it is no number. */
async function heldOut({ network, stopping, stoppingSequences }: Training, step: number): Promise<number> {
  let [divergence, tokens] = [0, 0];
  for (const batch of batchesOf(stoppingSequences, stoppingSequences.map((_, index) => index), MEASURE_TOKENS)) {
    const measured = await network.measure(await stopping.batch(batch), LABELS);
    divergence += measured.divergence;
    tokens += measured.tokens;
  }
  const mean = divergence / tokens;
  if (!Number.isFinite(mean)) throw new TaraError('TARA_TRAINING_DIVERGED', { step });
  return mean;
}

/** The standing to go on from: the checkpoint's, or a new one with the student as it is. */
async function begin(training: Training): Promise<{ standing: Standing; best: Uint8Array }> {
  const { network, checkpoint: { path, key } } = training;
  const { bytes } = await network.state();
  const found = await readCheckpoint(path, key, bytes.length);
  if (found) {
    await network.restore({ steps: found.standing.steps, bytes: found.state });
    return found;
  }
  const first = await heldOut(training, 0);
  return { standing: { key, steps: 0, seconds: 0, first, best: first, bestStep: 0, stale: 0, history: [] }, best: bytes };
}

const isDivergence = (thrown: unknown): boolean => thrown instanceof TaraError && thrown.code === 'TARA_TRAINING_DIVERGED';

/**
 * Trains a network; at the end it has the parameters that did best on held-out text. What was done so far is in the
 * checkpoint after each measurement, and a training of the same key goes on from there: with `steps` alone it ends in the
 * same bytes as one that was never interrupted. Throws TARA_ABORTED, TARA_WRITE_FAILED, and TARA_TRAINING_DIVERGED for a student that is
 * no number from the start.
 */
export async function train(training: Training): Promise<Trained> {
  const { network, settings, checkpoint: { path }, onProgress } = training;
  const { steps: most = Infinity, seconds: limit = Infinity } = settings;
  let { standing, best } = await begin(training);
  const before = standing.seconds;
  const started = performance.now();
  const seconds = (): number => before + (performance.now() - started) / 1000;
  const done = (): number => Math.min(1, Math.max(standing.steps / most, seconds() / limit));
  const doneBefore = done();
  const converged = (): boolean => standing.stale >= PATIENCE && done() >= PATIENT_UNTIL;
  let [tokens, stepSeconds] = [0, 0];
  let stopped: Trained['stopped'] = 'done';
  let measured = Math.floor(done() * MEASUREMENTS);
  try {
    for (const batch of batchesFrom(standing.steps, training.sequences, settings)) {
      if (done() >= 1 || converged()) break;
      const labelled = await training.training.batch(batch);
      const from = performance.now();
      const result = await network.step(labelled, LABELS, ratesAt(settings.rates, standing.steps, done()));
      stepSeconds += (performance.now() - from) / 1000;
      tokens += result.tokens;
      standing = { ...standing, steps: result.steps, seconds: seconds() };
      const loss = result.divergence / result.tokens;
      const secondsLeft = ((seconds() - before) * (1 - done())) / (done() - doneBefore);
      onProgress?.({ step: standing.steps, loss, done: done(), secondsLeft, tokensPerSecond: tokens / stepSeconds });
      const part = Math.floor(done() * MEASUREMENTS);
      if (part === measured) continue;
      measured = part;
      const held = await heldOut(training, standing.steps);
      const state = await network.state();
      const better = held < standing.best;
      if (better) best = state.bytes;
      standing = {
        ...standing, seconds: seconds(), ...(better ? { best: held, bestStep: standing.steps, stale: 0 } : { stale: standing.stale + 1 }),
        history: [...standing.history, { step: standing.steps, seconds: seconds(), loss, heldOut: held }],
      };
      await writeCheckpoint(path, { standing, state: state.bytes, best });
    }
    if (converged()) stopped = 'converged';
  } catch (thrown) {
    if (!isDivergence(thrown)) throw thrown;
    stopped = 'diverged';
  }
  await network.restore({ steps: standing.bestStep, bytes: best });
  return { stopped, standing, tokensPerSecond: stepSeconds > 0 ? tokens / stepSeconds : null };
}
