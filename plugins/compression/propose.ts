/** The capability `compressor`: the preset, or with a budget the largest preset that fits it. Other types come with later releases. */

import { TaraError, type CompressionProposal, type CompressionRequest, type Compressor, type CompressorTensor } from 'tara-gguf/plugin';
import type { CompressionConfig } from './config.js';
import { bySize, estimateSize, fallbackLine, PRESET_RULES, typesLine, type PresetRule, type PresetSize } from './presets.js';

const AVAILABLE = 'standard, with a preset or with --target-size';

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
    propose(request: CompressionRequest): Promise<CompressionProposal> {
      return Promise.resolve().then(() => propose(request, config));
    },
  };
}

/** The core's exact bytes where it gave them, else the estimate. */
const sized = (rule: PresetRule, tensors: readonly CompressorTensor[], exact: CompressionRequest['presetBytes']): PresetSize => {
  const estimate = estimateSize(rule, tensors);
  const bytes = exact?.[rule.name];
  return bytes === undefined ? estimate : { ...estimate, bytes };
};

function propose({ compressionType, quantization, budget, tensors, presetBytes }: CompressionRequest, config: CompressionConfig): CompressionProposal {
  if (compressionType !== 'standard') throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType, available: AVAILABLE });
  if (budget !== null && !(budget > 0)) throw new TaraError('TARA_OPTION_INVALID', { option: '--target-size', reason: `${budget} is no size` });
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
