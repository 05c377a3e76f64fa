/** What architectures share: sizes of a decoder, names inside a layer, keys every text model writes, and rotary scaling. */
import type { MetadataEntry } from '../../plan/schema.js';
import type { ModelConfig } from '../checkpoint/config.js';
import { f32, flag, text, u32 } from '../entries.js';
import { isRecord, type Json } from '../checkpoint/files.js';
import type { Dims, TensorRule } from './description.js';

/** llama.cpp refuses (and older builds abort on) more layers. */
const MAX_LAYERS = 512;

export function layerCount(config: ModelConfig): number {
  const layers = config.count('n_layers', 'num_hidden_layers', 'n_layer', 'num_layers');
  if (layers > MAX_LAYERS) throw config.invalid(`num_hidden_layers is ${layers}; llama.cpp takes at most ${MAX_LAYERS}`);
  return layers;
}

/** The size of a head: head_dim where it is stated, else the width shared out among the heads. */
export const headDim = (config: ModelConfig): number =>
  config.number('head_dim') === undefined ? Math.floor(config.count('hidden_size') / config.count('num_attention_heads')) : config.count('head_dim');

/** Defaults of keys that are left out, not of those that are null: null switches what they stand for off. */
export const unlessNull = (given: Json, defaults: Json): Json => Object.fromEntries(Object.entries(defaults).filter(([key]) => given[key] !== null));

/** The sizes of a decoder with gated feed-forward layers and grouped queries. */
export function decoderDims(config: ModelConfig): Dims & Readonly<Record<'vocab' | 'queries' | 'keys', number>> {
  const [heads, kvHeads, size] = [config.count('num_attention_heads'), config.count('num_key_value_heads'), headDim(config)];
  return {
    vocab: config.count('vocab_size'),
    hidden: config.count('hidden_size'),
    inner: config.count('intermediate_size'),
    heads,
    kvHeads,
    headDim: size,
    queries: heads * size,
    keys: kvHeads * size,
  };
}

/** Rules inside a layer: `from` continues the layer's path, `to` its GGUF name. */
export const inLayers = (path: string, rules: readonly TensorRule[]): readonly TensorRule[] =>
  rules.map((rule) => ({ ...rule, from: `${path}.${rule.from}`, to: `blk.{layer}.${rule.to}` }));

/** A base model, saved without its head, leaves out the first part of its names. */
export const BARE_MODEL = [/^(?=(?:embed_tokens|layers|norm)\.)/, 'model.'] as const;

export const poolingKey = (arch: string, pooling: number | undefined): MetadataEntry[] => (pooling === undefined ? [] : [u32(`${arch}.pooling_type`, pooling)]);

/** The rotary parameters of full attention. */
export const ropeOf = (config: ModelConfig): Json => {
  const full = config.rope['full_attention'];
  return isRecord(full) ? full : config.rope;
};

export function ropeNumber(config: ModelConfig, key: string): number | undefined {
  const value = ropeOf(config)[key];
  if (value == null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw config.invalid(`${key} of the rope parameters must be a number`);
  return value;
}

export function ropeType(config: ModelConfig): string {
  const type = ropeOf(config)['rope_type'] ?? 'default';
  if (typeof type !== 'string') throw config.invalid('rope_type of the rope parameters must be a string');
  return type.toLowerCase();
}

/** The key where there is a value for it. */
export const realKey = (key: string, value: number | undefined): MetadataEntry[] => (value === undefined ? [] : [f32(key, value)]);

function ropeScaling(config: ModelConfig, arch: string): MetadataEntry[] {
  const type = ropeType(config);
  const factor = ropeNumber(config, 'factor');
  if (type === 'longrope' || type === 'su') return [text(`${arch}.rope.scaling.type`, 'longrope')];
  if (factor === undefined || (type !== 'linear' && type !== 'yarn')) return [];
  const entries = [text(`${arch}.rope.scaling.type`, type), f32(`${arch}.rope.scaling.factor`, factor)];
  if (type === 'linear') return entries;
  const original = ropeNumber(config, 'original_max_position_embeddings');
  if (original === undefined) throw config.invalid('yarn needs original_max_position_embeddings');
  entries.push(u32(`${arch}.rope.scaling.original_context_length`, original));
  return [
    ...entries,
    ...realKey(`${arch}.rope.scaling.yarn_ext_factor`, ropeNumber(config, 'extrapolation_factor')),
    ...realKey(`${arch}.rope.scaling.yarn_attn_factor`, ropeNumber(config, 'attention_factor') ?? ropeNumber(config, 'attn_factor')),
    ...realKey(`${arch}.rope.scaling.yarn_beta_fast`, ropeNumber(config, 'beta_fast')),
    ...realKey(`${arch}.rope.scaling.yarn_beta_slow`, ropeNumber(config, 'beta_slow')),
  ];
}

/** The keys of any text model in the order in which llama.cpp's converter writes them, up to general.file_type. */
export function textModelMetadata(config: ModelConfig, arch: string, fileType: number): MetadataEntry[] {
  const whole = (key: string, ...from: string[]): MetadataEntry[] => (config.number(...from) === undefined ? [] : [u32(`${arch}.${key}`, config.count(...from))]);
  const real = (key: string, value: number | undefined): MetadataEntry[] => realKey(`${arch}.${key}`, value);
  const sliding = config.rope['sliding_attention'];
  return [
    u32(`${arch}.block_count`, layerCount(config)),
    ...whole('context_length', 'max_position_embeddings', 'n_ctx', 'n_positions', 'max_length', 'max_sequence_length', 'model_max_length'),
    ...whole('embedding_length', 'hidden_size', 'n_embd', 'dim'),
    ...whole('feed_forward_length', 'intermediate_size', 'n_inner', 'hidden_dim'),
    ...whole('attention.head_count', 'num_attention_heads', 'n_head', 'n_heads'),
    ...whole('attention.head_count_kv', 'num_key_value_heads', 'n_kv_heads'),
    ...(config.boolean('is_causal') === false ? [flag(`${arch}.attention.causal`, false)] : []),
    ...ropeScaling(config, arch),
    ...real('rope.freq_base', ropeNumber(config, 'rope_theta')),
    ...real('rope.freq_base_swa', isRecord(sliding) && typeof sliding['rope_theta'] === 'number' ? sliding['rope_theta'] : undefined),
    ...real('attention.layer_norm_rms_epsilon', config.number('rms_norm_eps', 'norm_eps')),
    ...real('attention.layer_norm_epsilon', config.number('layer_norm_eps', 'layer_norm_epsilon', 'norm_epsilon')),
    ...whole('attention.key_length', 'head_dim'),
    ...whole('attention.value_length', 'head_dim'),
    u32('general.file_type', fileType),
  ];
}

/**
 * Divisors of the rotary frequencies for Llama 3.1's scaling: 1 for short wavelengths, `factor` for long
 * ones, a blend between. Every operation is rounded to float32, in the order PyTorch evaluates it.
 */
export function llama3RopeFactors(config: ModelConfig, headDim: number): number[] {
  const f = Math.fround;
  const base = ropeNumber(config, 'rope_theta') ?? 10000;
  const factor = ropeNumber(config, 'factor') ?? 8;
  const low = ropeNumber(config, 'low_freq_factor') ?? 1;
  const high = ropeNumber(config, 'high_freq_factor') ?? 4;
  const original = ropeNumber(config, 'original_max_position_embeddings') ?? 8192;
  if (low === high) throw config.invalid('low_freq_factor and high_freq_factor of the rope parameters are equal');
  const factors = Array.from({ length: Math.ceil(headDim / 2) }, (_, i) => {
    const frequency = f(1 / f(Math.pow(base, f((2 * i) / headDim))));
    const wavelength = f(f(1 / frequency) * f(2 * Math.PI));
    if (wavelength < f(original / high)) return 1;
    if (wavelength > f(original / low)) return f(factor);
    const smooth = f(f(f(f(1 / wavelength) * f(original)) - f(low)) / f(high - low));
    return f(1 / f(f(f(1 - smooth) / f(factor)) + smooth));
  });
  if (!factors.every(Number.isFinite)) throw config.invalid('the rope parameters give no finite frequencies');
  return factors;
}
