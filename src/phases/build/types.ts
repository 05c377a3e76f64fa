/** What a build asks of the capability `compressor` from headers alone; without one, or for standard compression without a budget, the preset stands. */
import { modelSizes } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import type { CompressionMeasured, Compressor } from '../../kernel/capabilities/index.js';
import type { Pool } from '../../workers/index.js';
import type { BuildInputs } from './inputs.js';
import type { Build } from '../types.js';

export interface TypeChoice {
  /** The preset that the build is written with, or that a mix of types starts from. */
  readonly preset: string;
  /** What the build is called: the preset, hybrid, sparse or distilled. */
  readonly label: string;
  /** Why, one line each. */
  readonly evidence: readonly string[];
  /** The main file against its unquantized model; null where nothing was searched for. */
  readonly measured: CompressionMeasured | null;
}

export interface TypeOptions {
  /** Models that share the budget. */
  readonly models: number;
  /** Bytes of it that other files take. */
  readonly taken: number;
  readonly pool: Pool;
  readonly signal: AbortSignal | undefined;
}

/** Bytes of each model: the phase's target size is that of all files of the build together. */
export const budgetOf = ({ phase }: Pick<BuildInputs, 'phase'>, { models, taken }: Pick<TypeOptions, 'models' | 'taken'>): number | null => {
  const { targetSize } = phase.settings;
  return targetSize === null ? null : Math.max(1, Math.floor((targetSize - taken) / models));
};

export async function chooseTypes(inputs: BuildInputs, build: Build, compressor: Compressor | undefined, { models, taken, ...options }: TypeOptions): Promise<TypeChoice> {
  const { compressionType, quantization } = build;
  const budget = budgetOf(inputs, { models, taken });
  if (compressionType === 'standard' && budget === null) return { preset: quantization, label: quantization, evidence: [], measured: null };
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType, available: 'standard' });
  const { architecture, tensors, presets } = await modelSizes(inputs.base, [], options);
  const presetBytes = Object.fromEntries(presets.map(({ preset, bytes }) => [preset, bytes]));
  const { preset, evidence } = await compressor.propose({
    architecture, tensors, presetBytes, compressionType, quantization, budget,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  return { preset, label: preset, evidence, measured: null };
}
