/** When a training stops, and what it then has: the loop alone, over a network whose losses are written down. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TaraError } from '../../src/errors.js';
import type { Labels } from '../../src/train/labels.js';
import { train, type Trained } from '../../src/train/loop.js';
import type { Network } from '../../src/train/network.js';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tara-loop-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Of a training that is measured twelve times. */
const STEPS = 24;
const sequences = [Int32Array.of(1, 2, 3)];
const labels = { batch: async () => ({ groups: [sequences], labels: new Uint8Array() }) } as unknown as Labels;

interface Course {
  /** Which step comes to no number. */
  readonly brokenStep?: number;
  readonly onStep?: (step: number) => void;
  /** Of its own where none is named. */
  readonly checkpoint?: string;
}

let count = 0;
/** Trains a network that scores `heldOut(step)`; tells the step whose parameters it ends with, too. */
async function trained(heldOut: (step: number) => number, { brokenStep, onStep, checkpoint = `${count++}` }: Course = {}): Promise<Trained & { readonly restored: number }> {
  let at = 0;
  const network = {
    state: async () => ({ steps: at, bytes: Uint8Array.of(at) }),
    restore: async ({ bytes }: { bytes: Uint8Array }) => { at = bytes[0] ?? NaN; },
    measure: async () => ({ divergence: heldOut(at), tokens: 1 }),
    step: async () => {
      if (at + 1 === brokenStep) throw new TaraError('TARA_TRAINING_DIVERGED', { step: brokenStep });
      return { steps: (at += 1), divergence: 1, tokens: 1, length: 1 };
    },
  } as unknown as Network;
  const result = await train({
    network, training: labels, stopping: labels, sequences, stoppingSequences: sequences,
    settings: { rates: { norm: 1, scale: 1, lora: 1, decay: 0, clip: 1 }, batchTokens: 16, steps: STEPS, seconds: undefined, seed: 0 },
    checkpoint: { path: join(folder, checkpoint), key: 'a' }, onProgress: ({ step }) => onStep?.(step),
  });
  return { ...result, restored: at };
}

describe('a training', () => {
  it('that gains until its end uses all steps, and ends with the last ones', async () => {
    expect(await trained((step) => 1 - step / 100)).toMatchObject({ stopped: 'done', restored: STEPS, standing: { steps: STEPS, bestStep: STEPS, stale: 0 } });
  });

  it('goes on through measurements that gain nothing before half of it is done', async () => {
    const result = await trained((step) => (step === 0 ? 1 : step < 14 ? 2 : 1 - step / 100));
    expect(result.standing.history.slice(0, 6).map(({ heldOut }) => heldOut)).toEqual([2, 2, 2, 2, 2, 2]);
    // The sixth measurement is the one at half: four without a gain and half of the steps are too many.
    expect(result).toMatchObject({ stopped: 'converged', restored: 0, standing: { steps: 12, stale: 6 } });
    expect(await trained((step) => (step === 0 ? 1 : step < 12 ? 2 : 1 - step / 100))).toMatchObject({ stopped: 'done', restored: STEPS });
  });

  it('ends after four measurements without a gain behind its half, with the best', async () => {
    expect(await trained((step) => (step <= 14 ? 1 - step / 100 : 2))).toMatchObject({ stopped: 'converged', restored: 14, standing: { steps: 22, bestStep: 14, stale: 4 } });
    // Three are not enough.
    expect(await trained((step) => (step <= 18 ? 1 - step / 100 : 2))).toMatchObject({ stopped: 'done', restored: 18, standing: { stale: 3 } });
  });

  it('that comes to no number has the last good state, whether the text that it stops by says so or a step', async () => {
    const gains = (step: number): number => (step < 9 ? 1 - step / 100 : Number.NaN);
    expect(await trained(gains)).toMatchObject({ stopped: 'diverged', restored: 8, standing: { bestStep: 8, best: 0.92 } });
    expect(await trained((step) => 1 - step / 100, { brokenStep: 7 })).toMatchObject({ stopped: 'diverged', restored: 6 });
    await expect(trained(() => Number.NaN)).rejects.toMatchObject({ code: 'TARA_TRAINING_DIVERGED', fields: { step: 0 } });
  });

  it('goes on where it was interrupted, measurements without a gain counted', async () => {
    const heldOut = (step: number): number => (step <= 10 ? 1 - step / 100 : 2);
    const interrupted = trained(heldOut, { checkpoint: 'kept', onStep: (step) => { if (step === 17) throw new TaraError('TARA_ABORTED'); } });
    await expect(interrupted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    const steps: number[] = [];
    expect(await trained(heldOut, { checkpoint: 'kept', onStep: (step) => steps.push(step) })).toMatchObject({ stopped: 'converged', restored: 10, standing: { steps: 18, stale: 4 } });
    expect(steps).toEqual([17, 18]);
  });
});
