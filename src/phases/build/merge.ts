/** The merge of a build: as asked, or chosen on calibration text. */
import { mkdir } from 'node:fs/promises';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import type { Engine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { Pool } from '../../workers/index.js';
import type { BuildInputs, BuildOptions } from './inputs.js';
import type { MergeDomain } from './calibration.js';
import type { ChosenMerge } from './merge-auto.js';
import type { RewrittenAdapter } from './merge-regmean.js';

export interface SettledMerge {
  /** Null where nothing is merged with anything else. */
  readonly merge: MergeSettings | null;
  readonly weights: Readonly<Record<string, number>>;
  /** What auto tried, with the index of the one it took; null where nothing was tried. */
  readonly tried: Pick<ChosenMerge, 'table' | 'chosen'> | null;
  /** Adapters to merge in place of the domains' own, where regmean made some. */
  readonly rewritten: ReadonlyMap<string, RewrittenAdapter> | null;
}

export interface SettleOptions {
  readonly engine: Engine | undefined;
  readonly pool: Pool;
  readonly workDir: string;
  /** Folder by domain. */
  readonly adapters: ReadonlyMap<string, string>;
  readonly options: BuildOptions;
}

/** What regmean had to merge otherwise, one line each. */
export const mergeEvidence = ({ rewritten }: SettledMerge): string[] =>
  [...(rewritten ?? [])].flatMap(([name, { asLinear: [first, ...more] }]) =>
    (first === undefined ? [] : [`${name}: ${first}${more.length > 0 ? ` and ${more.length} more tensors were` : ' was'} merged as linear merges; regmean rewrites LoRA factors of linear layers`]));

export async function settleMerge(inputs: BuildInputs, { engine, pool, workDir, adapters, options }: SettleOptions): Promise<SettledMerge> {
  const { base, merge, weights } = inputs;
  const asked = merge === 'auto' ? merge : merge?.method;
  if (merge === null || (asked !== 'auto' && asked !== 'regmean')) return { merge: merge === 'auto' ? null : merge, weights, tried: null, rewritten: null };
  if (!engine) throw new TaraError('TARA_OPTION_INVALID', { option: '--merge', reason: `${asked} measures, which needs an engine` });
  options.onProgress?.('choose merge', null);
  await mkdir(workDir, { recursive: true });
  const domains = inputs.domains.map(({ name, path }): MergeDomain => ({ name, dir: adapters.get(name) ?? path, calibration: inputs.calibration[name] ?? '' }));
  const onProgress = (fraction: number | null, detail?: string) => options.onProgress?.('choose merge', fraction, detail);
  const common = { base, domains, engine, pool, workDir, threads: options.threads, signal: options.signal, onProgress };
  if (merge !== 'auto') {
    const { rewriteAdapters } = await import('./merge-regmean.js');
    return { merge, weights, tried: null, rewritten: await rewriteAdapters(common) };
  }
  const { chooseMerge } = await import('./merge-auto.js');
  const { table, chosen, ...taken } = await chooseMerge(common);
  return { ...taken, tried: { table, chosen } };
}
