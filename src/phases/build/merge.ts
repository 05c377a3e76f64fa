/** The merge of a build: as asked, or chosen on calibration text. */
import { mkdir } from 'node:fs/promises';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import type { Engine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { Pool } from '../../workers/index.js';
import type { BuildInputs, BuildOptions } from './inputs.js';
import type { ChosenMerge } from './merge-auto.js';

export interface SettledMerge {
  /** Null where nothing is merged with anything else. */
  readonly merge: MergeSettings | null;
  readonly weights: Readonly<Record<string, number>>;
  /** What auto tried, with the index of the one it took; null where nothing was tried. */
  readonly tried: Pick<ChosenMerge, 'table' | 'chosen'> | null;
}

export interface SettleOptions {
  readonly engine: Engine | undefined;
  readonly pool: Pool;
  readonly workDir: string;
  /** Folder by domain. */
  readonly adapters: ReadonlyMap<string, string>;
  readonly options: BuildOptions;
}

export async function settleMerge(inputs: BuildInputs, { engine, pool, workDir, adapters, options }: SettleOptions): Promise<SettledMerge> {
  if (inputs.merge !== 'auto') return { merge: inputs.merge, weights: inputs.weights, tried: null };
  if (!engine) throw new TaraError('TARA_OPTION_INVALID', { option: '--merge', reason: 'auto measures, which needs an engine' });
  options.onProgress?.('choose merge', null);
  await mkdir(workDir, { recursive: true });
  const { chooseMerge } = await import('./merge-auto.js');
  const { merge, weights, table, chosen } = await chooseMerge({
    base: inputs.base,
    domains: inputs.domains.map(({ name, path }) => ({ name, dir: adapters.get(name) ?? path, calibration: inputs.calibration[name] ?? '' })),
    engine, pool, workDir,
    threads: options.threads,
    signal: options.signal,
    onProgress: (fraction: number | null, detail?: string) => options.onProgress?.('choose merge', fraction, detail),
  });
  return { merge, weights, tried: { table, chosen } };
}
