/** A model for the while of a measurement: built into a temporary file, loaded, used, removed. */
import { rm } from 'node:fs/promises';
import { convert, type AdapterInput, type MergeSettings } from '../../convert/index.js';
import type { Engine, Model } from '../../engine/index.js';
import type { Pool } from '../../workers/index.js';

export interface TrialTools {
  readonly engine: Engine;
  readonly pool: Pool;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TrialModel {
  readonly base: string;
  readonly adapters: readonly AdapterInput[];
  readonly merge?: MergeSettings | undefined;
  /** The file while it is there. */
  readonly path: string;
  readonly contextSize?: number | undefined;
}

/** Rounding to it moves a loss by less than 0.0001. */
const TRIAL_TYPE = 'f16';

/** Rejects with what convert, load and `use` reject with; the file is removed in any case. */
export async function withTrialModel<T>({ base, adapters, merge, path, contextSize }: TrialModel, { engine, pool, threads, signal }: TrialTools, use: (model: Model) => Promise<T>): Promise<T> {
  try {
    await convert({ base, adapters, merge, outputs: [{ id: 'trial', path, type: TRIAL_TYPE }] }, { pool, threads, signal });
    await using model = await engine.load(path, { slots: 1, contextSize, threads, signal });
    return await use(model);
  } finally {
    await rm(path, { force: true });
  }
}
