/** What a build asks of the capability `compressor`; without one, or for standard compression without a budget, the preset stands. */
import { modelSizes } from '../convert/index.js';
import { TaraError } from '../errors.js';
import type { Compressor } from '../kernel/capabilities.js';
import type { Pool } from '../workers/index.js';
import type { BuildInputs } from './build-inputs.js';
import type { Build } from './types.js';

export interface TypeChoice {
  /** The preset that the build is written with. */
  readonly preset: string;
  /** Why, one line each. */
  readonly evidence: readonly string[];
}

export async function chooseTypes(inputs: BuildInputs, build: Build, compressor: Compressor | undefined, options: { pool: Pool; signal: AbortSignal | undefined }): Promise<TypeChoice> {
  const { compressionType, quantization } = build;
  const budget = inputs.phase.settings.targetSize;
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
