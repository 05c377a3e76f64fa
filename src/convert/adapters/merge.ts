/** How several adapters become one change of the base: a method and its numbers. */
import { TaraError } from '../../errors.js';
import type { DeltaStep, DeltaTerm } from '../../plan/schema.js';

/** Those that need nothing but the adapters. */
export const MERGE_METHODS = ['linear', 'task-arithmetic', 'ties', 'dare', 'dare-ties'] as const;
export type MergeMethod = (typeof MERGE_METHODS)[number] | 'regmean';

/** What one is told who asks for regmean where there is no text. */
export const REGMEAN_NEEDS = 'regmean reads calibration text of every domain, which build-phase has: build-phase N --merge regmean --calibration DIR';

export interface MergeSettings {
  /**
   * linear: the weighted sum. task-arithmetic: the same times `scale`. ties and dare thin each delta out first. regmean: the
   * weighted sum of adapters that were rewritten on text before (phases/merge-regmean.ts).
   */
  readonly method: MergeMethod;
  /** ties: the share of each delta's elements that is kept, by magnitude (0.4). dare: the probability with which an element is kept (0.5). */
  readonly density?: number | undefined;
  /** Factor on the merged delta: 0.4 in task arithmetic, else 1. */
  readonly scale?: number | undefined;
  /** dare's random choice, a 32-bit number (0). */
  readonly seed?: number | undefined;
}

/** What a method takes beside the weights, with the values for what is left out. */
const DEFAULTS: Readonly<Record<MergeMethod, { readonly op: DeltaStep['method']; readonly density?: number; readonly scale?: number; readonly seed?: number }>> = {
  linear: { op: 'sum' },
  'task-arithmetic': { op: 'sum', scale: 0.4 },
  ties: { op: 'ties', density: 0.4, scale: 1 },
  dare: { op: 'dare', density: 0.5, scale: 1, seed: 0 },
  'dare-ties': { op: 'dare-ties', density: 0.5, scale: 1, seed: 0 },
  regmean: { op: 'sum' },
};

/** The weight of each of `count` adapters where none is given: methods that average or scale by themselves take 1. */
export const defaultWeight = (method: MergeMethod, count: number): number => (method === 'linear' || method === 'dare' ? 1 / count : 1);

const refuse = (option: string, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option: `merge.${option}`, reason });

/** Makes the step that adds terms to a tensor. Throws TARA_OPTION_INVALID for a setting that the method does not take or that is out of range. */
export function mergeStep(settings: MergeSettings = { method: 'linear' }): (terms: readonly DeltaTerm[]) => DeltaStep {
  const { method, ...given } = settings;
  if (!Object.hasOwn(DEFAULTS, method)) throw refuse('method', `${String(method)} is none of ${Object.keys(DEFAULTS).join(', ')}`);
  const { op, ...defaults } = DEFAULTS[method];
  for (const key of ['density', 'scale', 'seed'] as const) {
    if (given[key] !== undefined && defaults[key] === undefined) throw refuse(key, `${method} takes no ${key}`);
  }
  const { density, scale, seed } = { density: given.density ?? defaults.density, scale: given.scale ?? defaults.scale, seed: given.seed ?? defaults.seed };
  if (density !== undefined && !(density > 0 && density <= 1)) throw refuse('density', 'it must be above 0, at most 1');
  if (scale !== undefined && (!Number.isFinite(scale) || scale === 0)) throw refuse('scale', 'it must be a finite number other than 0');
  if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff)) throw refuse('seed', 'it must be a whole number from 0 to 4294967295');
  return (terms) => ({
    op: 'delta',
    method: op,
    ...(density === undefined ? {} : { density }),
    ...(scale === undefined || scale === 1 ? {} : { scale }),
    ...(seed === undefined ? {} : { seed }),
    terms: [...terms],
  });
}
