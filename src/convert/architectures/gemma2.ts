/** Gemma 2: norms around attention and feed-forward, soft caps, every other layer with a sliding window; the head is always the embedding. */
import { f32, u32 } from '../entries.js';
import { BARE_MODEL, decoderDims, inLayers, layerCount, realKey, unlessNull } from './common.js';
import type { Architecture } from './description.js';

export const gemma2: Architecture = {
  name: 'gemma2',
  huggingFace: ['Gemma2ForCausalLM'],
  assumed: (given) => ({
    vocab_size: 256000,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    ...unlessNull(given, { sliding_window: 4096, attn_logit_softcapping: 50, final_logit_softcapping: 30 }),
  }),
  layers: layerCount,
  dims: decoderDims,
  renamed: [BARE_MODEL],
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'], plus: 1 },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'], plus: 1 },
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'] },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'] },
      { from: 'self_attn.v_proj', to: 'attn_v', shape: ['keys', 'hidden'] },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'post_attention_norm', shape: ['hidden'], plus: 1 },
      { from: 'pre_feedforward_layernorm', to: 'ffn_norm', shape: ['hidden'], plus: 1 },
      { from: 'mlp.gate_proj', to: 'ffn_gate', shape: ['inner', 'hidden'] },
      { from: 'mlp.up_proj', to: 'ffn_up', shape: ['inner', 'hidden'] },
      { from: 'mlp.down_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
      { from: 'post_feedforward_layernorm', to: 'post_ffw_norm', shape: ['hidden'], plus: 1 },
    ]),
  ],
  ignored: [/^lm_head\.weight$/, /\.rotary_emb\.inv_freq$/],
  metadata: (config, { fileType }) => [
    u32('gemma2.context_length', config.count('max_position_embeddings')),
    u32('gemma2.embedding_length', config.count('hidden_size')),
    u32('gemma2.block_count', layerCount(config)),
    u32('gemma2.feed_forward_length', config.count('intermediate_size')),
    u32('gemma2.attention.head_count', config.count('num_attention_heads')),
    u32('gemma2.attention.head_count_kv', config.count('num_key_value_heads')),
    f32('gemma2.attention.layer_norm_rms_epsilon', config.number('rms_norm_eps') ?? 0),
    u32('gemma2.attention.key_length', config.count('head_dim')),
    u32('gemma2.attention.value_length', config.count('head_dim')),
    u32('general.file_type', fileType),
    ...realKey('gemma2.attn_logit_softcapping', config.number('attn_logit_softcapping')),
    ...realKey('gemma2.final_logit_softcapping', config.number('final_logit_softcapping')),
    u32('gemma2.attention.sliding_window', config.count('sliding_window')),
  ],
  tokenizers: ['gemma'],
};
