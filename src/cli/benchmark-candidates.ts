/** What `benchmark` measures: presets as they are, and what the capability `compressor` makes of the model in other ways. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Candidate } from '../benchmark/index.js';
import { modelSizes } from '../convert/index.js';
import { TaraError } from '../errors.js';
import { CAPABILITIES } from '../kernel/capabilities/index.js';
import { compressionType, type CompressionType } from '../phases/settings.js';
import type { CoreContext } from './context.js';
import { formatBytes } from './format.js';

/** The preset that a mix has to beat, and whose bytes it gets where no size is asked for. */
const RIVAL = 'Q4_K_M';

const listed = (option: string, text: string): string[] => {
  const names = [...new Set(text.split(',').map((name) => name.trim()).filter((name) => name !== ''))];
  if (names.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option, reason: 'name at least one' });
  return names;
};

export const presetCandidates = (types: string): Candidate[] =>
  [...new Set(listed('--types', types.toUpperCase()))].map((name) => ({ name, compressionType: 'standard', preset: name }));

export const compressionTypes = (types: string): CompressionType[] => listed('--compression-type', types).map((type) => compressionType(type));

export interface Proposals {
  /** GGUF file. */
  readonly model: string;
  readonly types: readonly CompressionType[];
  /** Calibration texts. */
  readonly calibration: readonly string[];
  /** Bytes of the file, one candidate for each; the rival's where there is none. */
  readonly sizes: readonly number[];
  readonly threads: number | undefined;
}

/** One candidate for each type and size. Rejects as the compressor does, and with TARA_COMPRESSION_UNAVAILABLE where there is none. */
export async function proposedCandidates(context: CoreContext, { model, types, calibration, sizes, threads }: Proposals): Promise<Candidate[]> {
  const [type] = types;
  if (type === undefined) return [];
  // Another vocabulary has other tokens to compare.
  if (types.includes('sparse')) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType: 'sparse', available: 'standard and hybrid; quantize measures a sparse file itself' });
  await context.plugins();
  const compressor = context.find(CAPABILITIES.compressor);
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType: type, available: 'standard' });
  const { signal } = context;
  const { architecture, tensors, presets } = await modelSizes(model, [], { signal });
  const cacheDir = join(context.home.cache, 'hybrid');
  await mkdir(cacheDir, { recursive: true });
  const candidates: Candidate[] = [];
  for (const compression of types) {
    for (const budget of sizes.length > 0 ? sizes : [null]) {
      const name = budget === null ? compression : `${compression} ${formatBytes(budget)}`;
      const sink = context.progress(`searching ${name}`);
      const { preset, types: own, imatrix, feedback, evidence } = await compressor.propose({
        architecture, tensors, compressionType: compression, quantization: RIVAL, budget, signal, presetBytes: Object.fromEntries(presets.map((one) => [one.preset, one.bytes])),
        measuring: { model, texts: calibration, cacheDir, onProgress: (fraction, detail) => sink.report(fraction, detail), ...(threads !== undefined && { threads }) },
      }).finally(() => sink.done());
      candidates.push({ name, compressionType: compression, preset, types: own, imatrix, feedback, evidence });
    }
  }
  return candidates;
}
