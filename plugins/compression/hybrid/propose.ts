/** A search as an answer of the capability `compressor`. */

import { TaraError, type CompressionProposal, type CompressionQuality, type CompressionRequest } from 'tara-gguf/plugin';
import { searchHybrid } from './index.js';
import type { Measured } from './world.js';

/** With --speed-priority a file that takes as long again as the preset counts as if it lost as much again. */
const SPEED_WEIGHT = 1;

const quality = (bytes: number, { kld, error, agreement, perplexity }: Measured): CompressionQuality => ({ bytes, kld, kldError: error, topTokenAgreement: agreement, perplexity });

/** Throws TARA_OPTION_INVALID without texts, and what searchHybrid throws. */
export async function proposeHybrid({ measuring, quantization, budget, goal, speedPriority, signal }: CompressionRequest): Promise<CompressionProposal> {
  if (!measuring || measuring.texts.length === 0) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--text', reason: 'hybrid compression measures: give calibration text' });
  }
  const preset = quantization.toUpperCase();
  const result = await searchHybrid({ ...measuring, preset, budget: budget ?? undefined, goal, speedWeight: speedPriority ? SPEED_WEIGHT : 0, signal });
  const { chosen, types, bytes, measured, imatrix, feedback, evidence } = result;
  return {
    preset,
    types: chosen === 'preset' ? {} : types,
    bytes, imatrix, evidence, ...(feedback !== undefined && { feedback }),
    measured: { file: quality(bytes, measured), preset: quality(result.preset.bytes, result.preset.measured), chunks: measured.chunks.length },
  };
}
