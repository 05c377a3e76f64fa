/** What a build asks of the capability `compressor`; without one, or for standard compression without a budget, the preset stands. */
import { modelSizes } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import type { Compressor } from '../../kernel/capabilities.js';
import type { Pool } from '../../workers/index.js';
import type { BuildInputs } from './inputs.js';
import type { Build } from '../types.js';

export interface TypeChoice {
  /** The preset that the build is written with. */
  readonly preset: string;
  /** Why, one line each. */
  readonly evidence: readonly string[];
}

export interface TypeOptions {
  /** Models that share the budget. */
  readonly models: number;
  /** Bytes of it that other files take. */
  readonly taken: number;
  readonly pool: Pool;
  readonly signal: AbortSignal | undefined;
}

/** The phase's target size is that of all files of the build together. */
export async function chooseTypes(inputs: BuildInputs, build: Build, compressor: Compressor | undefined, { models, taken, ...options }: TypeOptions): Promise<TypeChoice> {
  const { compressionType, quantization } = build;
  const { targetSize } = inputs.phase.settings;
  const budget = targetSize === null ? null : Math.max(1, Math.floor((targetSize - taken) / models));
  if (compressionType === 'standard' && budget === null) return { preset: quantization, evidence: [] };
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType, available: 'standard' });
  const { architecture, tensors, presets } = await modelSizes(inputs.base, [], options);
  const presetBytes = Object.fromEntries(presets.map(({ preset, bytes }) => [preset, bytes]));
  const { preset, evidence } = await compressor.propose({
    architecture, tensors, presetBytes, compressionType, quantization, budget,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  return { preset, evidence };
}
