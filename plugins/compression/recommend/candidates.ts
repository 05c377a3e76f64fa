/** What recommend chooses from: presets, and a mix searched for where calibration text is given. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Candidate, CandidateFile } from 'tara-gguf';
import type { Compressor } from 'tara-gguf/plugin';
import { PRESET_RULES, type PresetRule } from '../presets.js';

/** Whose bytes a mix gets where no size is asked for. */
const USUAL_PRESET = 'Q4_K_M';

export const presetCandidates = (rules: readonly PresetRule[]): Candidate[] =>
  rules.filter(({ name }) => name !== 'F16').map(({ name }) => ({ name, compressionType: 'standard', preset: name }));

/** The original program's label for a preset, 0..1: a claim, not a measurement. */
export const originalLabel = (preset: string): number | null => PRESET_RULES.find(({ name }) => name === preset)?.label ?? null;

export interface MixRequest {
  readonly compressor: Compressor;
  readonly model: string;
  /** The model as it is. */
  readonly reference: CandidateFile;
  /** Calibration texts. */
  readonly texts: readonly string[];
  readonly budget: number | null;
  readonly speedPriority: boolean;
  readonly threads: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number | null, detail?: string) => void;
}

/** Runs `use` with the mix while its importance matrix is there. Rejects as the compressor does. */
export async function withMix<T>({ compressor, model, reference, texts, budget, speedPriority, threads, signal, onProgress }: MixRequest, use: (mix: Candidate) => Promise<T>): Promise<T> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'tara-recommend-'));
  try {
    const { preset, types, imatrix, feedback, evidence } = await compressor.propose({
      architecture: '', tensors: reference.tensors, compressionType: 'hybrid', quantization: USUAL_PRESET, budget, speedPriority, signal,
      measuring: { model, texts, cacheDir, onProgress, ...(threads === undefined ? {} : { threads }) },
    });
    return await use({ name: 'hybrid', compressionType: 'hybrid', preset, types, imatrix, feedback, evidence });
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}
