/** The types that a search may choose from, and what is left of them on a model. */

import type { MeasuredTensor } from 'tara-gguf';
import type { Candidate, Variable } from './world.js';

/** Types that llama.cpp computes with on every processor: for rows of any multiple of 32, then of 256. */
export const CANDIDATE_TYPES = ['iq4_nl', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'f16', 'q2_k', 'q3_k', 'iq4_xs', 'q4_k', 'q5_k', 'q6_k'] as const;
/** Below 4 bits; they take minutes to encode, so they are tried only where such files are wanted. */
export const LOW_TYPES = ['iq2_xxs', 'iq2_xs', 'iq2_s', 'iq3_xxs', 'iq3_s'] as const;
const ALL_TYPES = [...CANDIDATE_TYPES, ...LOW_TYPES];

/** Tensors begin at multiples of this in a file. */
const ALIGNMENT = 32;
export const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

const LAYER = /^blk\.(\d+)\.(.+)$/;

export const partOf = (name: string): string => LAYER.exec(name)?.[2] ?? name;
export const layerOf = (name: string): number | null => {
  const layer = LAYER.exec(name)?.[1];
  return layer === undefined ? null : Number(layer);
};

/** Drops a type where another is no larger and no worse. The sums are over the tensors of a part, so that all keep the same types. */
function frontier(sums: readonly Candidate[]): Set<string> {
  const kept = new Set<string>();
  let least = Infinity;
  for (const { type, error } of [...sums].sort((a, b) => a.bytes - b.bytes || a.error - b.error)) {
    if (error >= least) continue;
    kept.add(type);
    least = error;
  }
  return kept;
}

/** A part's types with their bytes and errors over all its tensors; only those that every one of them can take. */
function sumsOf(tensors: readonly MeasuredTensor[]): Candidate[] {
  return ALL_TYPES.flatMap((type) => {
    const losses = tensors.map(({ types }) => types[type]);
    if (!losses.every((loss) => loss !== undefined && loss.nan === 0 && Number.isFinite(loss.error))) return [];
    const sum = (key: 'bytes' | 'error'): number => losses.reduce((total, loss) => total + (loss?.[key] ?? 0), 0);
    return [{ type, bytes: sum('bytes'), error: sum('error') }];
  });
}

/** The tensors that have a choice, in the model's order. */
export function variablesOf(measured: ReadonlyMap<string, MeasuredTensor>): Variable[] {
  const parts = new Map<string, MeasuredTensor[]>();
  for (const [name, tensor] of measured) parts.set(partOf(name), [...(parts.get(partOf(name)) ?? []), tensor]);
  const kept = new Map([...parts].map(([part, tensors]) => [part, frontier(sumsOf(tensors))]));
  return [...measured].flatMap(([name, { ne, types }]) => {
    const part = partOf(name);
    const candidates = ALL_TYPES.flatMap((type) => {
      const loss = types[type];
      return loss !== undefined && kept.get(part)?.has(type) ? [{ type, bytes: padded(loss.bytes), error: loss.error }] : [];
    });
    const sorted = candidates.sort((a, b) => a.bytes - b.bytes);
    return sorted.length === 0 ? [] : [{ name, part, layer: layerOf(name), weights: ne.reduce((product, n) => product * n, 1), candidates: sorted }];
  });
}
