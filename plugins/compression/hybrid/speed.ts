/** How long each type takes on this processor: the model is written as one type as far as its rows allow, and decodes. */

import type { Engine } from 'tara-gguf';
import type { Costs } from './allocate.js';
import type { Types, Variable } from './world.js';

/** Seconds a token for each weight, by type. */
export type WeightSeconds = Readonly<Record<string, number>>;

export interface SpeedOptions {
  readonly engine: Engine;
  /** The model as a file of these types, for the while of a use. */
  withFile<T>(types: Types, use: (path: string) => Promise<T>): Promise<T>;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

const TOKENS = 24;
const PROMPT = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
/** Taken for a tensor that a type does not fit; every tensor's smallest candidate would do, this one is common. */
const OTHERWISE = 'q8_0';

async function tokenSeconds(path: string, { engine, threads, signal }: SpeedOptions): Promise<number> {
  await using model = await engine.load(path, { contextSize: 64, slots: 1, threads, signal });
  const generation = model.generate(PROMPT, { maxTokens: TOKENS, temperature: 0, signal });
  const { timings: { decodeTokensPerSecond } } = await generation.result;
  return decodeTokensPerSecond > 0 ? 1 / decodeTokensPerSecond : 0;
}

/** Types in which tensors of all rows are timed first; the others' tensors are what is left over. */
export async function measureSpeed(variables: readonly Variable[], options: SpeedOptions): Promise<WeightSeconds> {
  const types = [...new Set(variables.flatMap(({ candidates }) => candidates.map(({ type }) => type)))];
  const can = ({ candidates }: Variable, type: string): boolean => candidates.some((candidate) => candidate.type === type);
  const weightsOf = (type: string): number => variables.reduce((sum, variable) => sum + (can(variable, type) ? variable.weights : 0), 0);
  const total = variables.reduce((sum, { weights }) => sum + weights, 0);
  const fallback = (variable: Variable): string => (can(variable, OTHERWISE) ? OTHERWISE : variable.candidates.at(-1)?.type ?? OTHERWISE);
  const seconds: Record<string, number> = {};
  const ordered = [...types].sort((a, b) => Number(b === OTHERWISE) - Number(a === OTHERWISE) || weightsOf(b) - weightsOf(a));
  for (const [index, type] of ordered.entries()) {
    options.onProgress?.(index / ordered.length, type);
    const measured = await options.withFile(
      Object.fromEntries(variables.map((variable) => [variable.name, can(variable, type) ? type : fallback(variable)])),
      (path) => tokenSeconds(path, options),
    );
    const own = weightsOf(type);
    seconds[type] = Math.max(0, (measured - (seconds[OTHERWISE] ?? 0) * (total - own)) / own);
  }
  return seconds;
}

/**
 * What a candidate's time is worth: a file that takes as long again as the preset costs `weight` times the preset's
 * divergence.
 */
export function priceOfTime(variables: readonly Variable[], seconds: WeightSeconds, preset: Types, presetKld: number, weight: number): Costs {
  const timeOf = (weights: number, type: string | undefined): number => weights * (seconds[type ?? ''] ?? 0);
  const whole = variables.reduce((sum, { name, weights }) => sum + timeOf(weights, preset[name]), 0);
  const price = whole > 0 ? (weight * presetKld) / whole : 0;
  return new Map(variables.map(({ name, weights, candidates }) => [name, candidates.map(({ type }) => price * timeOf(weights, type))]));
}
