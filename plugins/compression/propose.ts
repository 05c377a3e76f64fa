/** The capability `compressor`: the preset, with a budget the largest preset that fits it, or a mix of types that was searched for. */

import { TaraError, type CompressionProposal, type CompressionRequest, type Compressor, type CompressorTensor } from 'tara-gguf/plugin';
import type { CompressionConfig } from './config.js';
import { withinMemory } from './memory.js';
import { bySize, estimateSize, fallbackLine, PRESET_RULES, typesLine, type PresetRule, type PresetSize } from './presets.js';

const AVAILABLE = 'standard, with a preset or with --target-size, and hybrid and sparse, with calibration text';

/** The presets the configuration leaves. */
export const allowedRules = (config: CompressionConfig): readonly PresetRule[] =>
  config.presets.length === 0 ? PRESET_RULES : PRESET_RULES.filter(({ name }) => config.presets.some((preset) => preset.toUpperCase() === name));

/** The largest that fits; throws TARA_COMPRESSION_BUDGET naming the smallest. */
export function chooseWithin(sizes: readonly PresetSize[], budget: number): PresetSize {
  const sorted = bySize(sizes);
  const chosen = sorted.find(({ bytes }) => bytes <= budget);
  if (chosen !== undefined) return chosen;
  const smallest = sizes.reduce<PresetSize | undefined>((least, size) => (least === undefined || size.bytes < least.bytes ? size : least), undefined);
  throw new TaraError('TARA_COMPRESSION_BUDGET', { budget, preset: smallest?.preset ?? 'none', bytes: smallest?.bytes ?? 0 });
}

function describe(tensors: readonly CompressorTensor[], size: PresetSize | undefined): string[] {
  const fallback = fallbackLine(tensors);
  return [
    ...(size === undefined ? [] : [`about ${size.bytes} bytes, ${size.bitsPerWeight.toFixed(2)} bits per weight, by estimate; tensors: ${typesLine(size.types)}`]),
    ...(fallback === null ? [] : [fallback]),
    'quality was not measured',
  ];
}

export function createCompressor(config: CompressionConfig): Compressor {
  return {
    async propose(request: CompressionRequest): Promise<CompressionProposal> {
      const budget = checkedBudget(request);
      if (request.compressionType === 'sparse') return (await import('./sparse/propose.js')).proposeSparse({ ...request, budget });
      if (request.compressionType !== 'hybrid') return propose({ ...request, budget }, config);
      // The search loads the engine: only for those who ask for it.
      return (await import('./hybrid/propose.js')).proposeHybrid({ ...request, budget });
    },
  };
}

/** Bytes of the file at most, from the size and the memory that were asked for. */
function checkedBudget({ budget, memory }: CompressionRequest): number | null {
  if (budget !== null && !(budget > 0)) throw new TaraError('TARA_OPTION_INVALID', { option: '--target-size', reason: `${budget} is no size` });
  if (memory === undefined) return budget;
  return Math.min(budget ?? Infinity, Math.floor(withinMemory(memory)));
}

/** The core's exact bytes where it gave them, else the estimate. */
const sized = (rule: PresetRule, tensors: readonly CompressorTensor[], exact: CompressionRequest['presetBytes']): PresetSize => {
  const estimate = estimateSize(rule, tensors);
  const bytes = exact?.[rule.name];
  return bytes === undefined ? estimate : { ...estimate, bytes };
};

function propose({ compressionType, quantization, budget, tensors, presetBytes }: CompressionRequest, config: CompressionConfig): CompressionProposal {
  if (compressionType !== 'standard') throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType, available: AVAILABLE });
  const asked = quantization.toUpperCase();
  if (budget === null || tensors.length === 0) {
    const rule = PRESET_RULES.find(({ name }) => name === asked);
    const size = rule === undefined || tensors.length === 0 ? undefined : estimateSize(rule, tensors);
    const unchecked = budget === null ? [] : [`the budget of ${budget} bytes was not checked: the tensors are not known yet`];
    return { preset: asked, types: {}, bytes: null, evidence: [`preset ${asked}, as asked`, ...unchecked, ...describe(tensors, size)] };
  }
  const sizes = allowedRules(config).map((rule) => sized(rule, tensors, presetBytes));
  // What was asked for stands while it fits.
  const chosen = sizes.find((size) => size.preset === asked && size.bytes <= budget) ?? chooseWithin(sizes, budget);
  return {
    preset: chosen.preset,
    types: {},
    bytes: chosen.bytes,
    evidence: [chosen.preset === asked ? `${asked}, as asked, fits ${budget} bytes` : `${chosen.preset} is the preset with the most bits per weight that fits ${budget} bytes (${asked} does not)`, ...describe(tensors, chosen)],
  };
}
