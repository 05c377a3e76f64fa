/**
 * Gemma 3's language model, alone or out of the checkpoint with vision: Gemma 2 with norms of queries and keys, two
 * rotary bases, five layers of six with a sliding window, and no soft caps.
 */
import { u32 } from '../entries.js';
import { BARE_MODEL, decoderDims, inLayers, layerCount, realKey, textModelMetadata, unlessNull } from './common.js';
import type { Architecture } from './description.js';

export const gemma3: Architecture = {
  name: 'gemma3',
  huggingFace: ['Gemma3ForCausalLM', 'Gemma3ForConditionalGeneration'],
  assumed: (given) => ({
    vocab_size: 262208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-6,
    rope_theta: 1000000,
    rope_local_base_freq: 10000,
    tie_word_embeddings: true,
    ...unlessNull(given, { sliding_window: 4096 }),
  }),
  layers: layerCount,
  dims: decoderDims,
  // The text part is below language_model, before or behind model.
  renamed: [[/language_model\./, ''], BARE_MODEL],
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'], plus: 1 },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'], plus: 1 },
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'] },
      { from: 'self_attn.q_norm', to: 'attn_q_norm', shape: ['headDim'], plus: 1 },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'] },
      { from: 'self_attn.k_norm', to: 'attn_k_norm', shape: ['headDim'], plus: 1 },
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
  ignored: [/vision_|projector\./, /\.rotary_emb/],
  metadata: (config, { fileType }) => {
    if (config.find('attn_logit_softcapping') !== undefined) throw config.invalid('attn_logit_softcapping is set, which Gemma 3 does not have');
    const cap = config.number('final_logit_softcapping');
    return [
      ...textModelMetadata(config, 'gemma3', fileType),
      ...realKey('gemma3.final_logit_softcapping', cap === 0 ? undefined : cap),
      ...(config.number('sliding_window_pattern') === 1 ? [] : [u32('gemma3.attention.sliding_window', config.count('sliding_window'))]),
    ];
  },
  tokenizers: ['gemma', 'bpe'],
};
