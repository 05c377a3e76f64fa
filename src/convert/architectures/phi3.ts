/** Phi 3 and 4: one matrix for query, key and value, one for gate and up; long contexts by two lists of rotary factors. */
import { f32, u32 } from '../entries.js';
import type { ModelConfig } from '../checkpoint/config.js';
import { decoderDims, inLayers, layerCount, ropeNumber, ropeOf, ropeType } from './common.js';
import type { Architecture, ComputedTensor } from './description.js';

/** Dimensions of a head that are turned. */
const rotaryDims = (config: ModelConfig): number =>
  Math.floor(Math.trunc((ropeNumber(config, 'partial_rotary_factor') ?? 1) * config.count('hidden_size')) / config.count('num_attention_heads'));

function factors(config: ModelConfig, key: string): readonly number[] {
  const list = ropeOf(config)[key];
  const length = rotaryDims(config) / 2;
  const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(Math.fround(value));
  if (!Array.isArray(list) || !list.every(isNumber) || list.length !== length) throw config.invalid(`${key} of the rope parameters must be ${length} numbers`);
  return list;
}

/** Whether there are rotary factors for long contexts at all. */
const isLong = (config: ModelConfig): boolean => {
  const list = ropeOf(config)['long_factor'];
  return list != null && !(Array.isArray(list) && list.length === 0);
};

function ropeFactors(config: ModelConfig): readonly ComputedTensor[] {
  if (!isLong(config)) return [];
  return [
    { name: 'rope_factors_long.weight', values: factors(config, 'long_factor') },
    { name: 'rope_factors_short.weight', values: factors(config, 'short_factor') },
  ];
}

/** What attention is scaled by beyond the original context: LongRoPE, section 3.3. */
function attentionFactor(config: ModelConfig): number {
  const type = ropeType(config);
  // Early checkpoints call it su or yarn.
  if (!['longrope', 'su', 'yarn'].includes(type)) throw config.invalid(`rope scaling of the type ${type} cannot be converted`);
  const original = config.count('original_max_position_embeddings');
  const scale = config.count('max_position_embeddings') / original;
  return scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1;
}

export const phi3: Architecture = {
  name: 'phi3',
  huggingFace: ['Phi3ForCausalLM'],
  assumed: (given) => ({
    vocab_size: 32064,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: given['num_attention_heads'] ?? 32,
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
  }),
  layers: layerCount,
  dims: (config) => {
    const dims = decoderDims(config);
    return { ...dims, fused: dims.queries + 2 * dims.keys, gateAndUp: 2 * dims.inner };
  },
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'] },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'] },
      { from: 'self_attn.qkv_proj', to: 'attn_qkv', shape: ['fused', 'hidden'] },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'ffn_norm', shape: ['hidden'] },
      { from: 'mlp.gate_up_proj', to: 'ffn_up', shape: ['gateAndUp', 'hidden'] },
      { from: 'mlp.down_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
    ]),
  ],
  ignored: [/\.rotary_emb\.inv_freq$/],
  computed: ropeFactors,
  leading: (config) => (isLong(config) ? [f32('phi3.rope.scaling.attn_factor', attentionFactor(config))] : []),
  metadata: (config, { fileType }) => [
    u32('phi3.context_length', config.count('max_position_embeddings')),
    u32('phi3.rope.scaling.original_context_length', config.count('original_max_position_embeddings')),
    u32('phi3.embedding_length', config.count('hidden_size')),
    u32('phi3.feed_forward_length', config.count('intermediate_size')),
    u32('phi3.block_count', layerCount(config)),
    u32('phi3.attention.head_count', config.count('num_attention_heads')),
    u32('phi3.attention.head_count_kv', config.count('num_key_value_heads')),
    f32('phi3.attention.layer_norm_rms_epsilon', config.number('rms_norm_eps') ?? 0),
    u32('phi3.rope.dimension_count', rotaryDims(config)),
    f32('phi3.rope.freq_base', ropeNumber(config, 'rope_theta') ?? 0),
    u32('general.file_type', fileType),
    // Zero tells Phi 4 from the others.
    u32('phi3.attention.sliding_window', config.number('sliding_window') === undefined ? 0 : config.count('sliding_window')),
  ],
  tokenizers: ['phi3'],
};
