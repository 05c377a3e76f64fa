/** Qwen 3, also as an embedding model: Qwen 2 with norms of queries and keys in place of the biases. */
import { BARE_MODEL, decoderDims, inLayers, layerCount, poolingKey, textModelMetadata } from './common.js';
import type { Architecture } from './description.js';

export const qwen3: Architecture = {
  name: 'qwen3',
  huggingFace: ['Qwen3ForCausalLM', 'Qwen3Model'],
  assumed: (given) => ({
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    // Null is as many as query heads.
    num_key_value_heads: given['num_key_value_heads'] === null ? given['num_attention_heads'] : 32,
    head_dim: 128,
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: false,
  }),
  layers: layerCount,
  dims: decoderDims,
  renamed: [BARE_MODEL],
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'] },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'] },
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'] },
      { from: 'self_attn.q_norm', to: 'attn_q_norm', shape: ['headDim'] },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'] },
      { from: 'self_attn.k_norm', to: 'attn_k_norm', shape: ['headDim'] },
      { from: 'self_attn.v_proj', to: 'attn_v', shape: ['keys', 'hidden'] },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'ffn_norm', shape: ['hidden'] },
      { from: 'mlp.gate_proj', to: 'ffn_gate', shape: ['inner', 'hidden'] },
      { from: 'mlp.up_proj', to: 'ffn_up', shape: ['inner', 'hidden'] },
      { from: 'mlp.down_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
    ]),
  ],
  ignored: [/\.rotary_emb\.inv_freq$/],
  metadata: (config, { fileType, pooling }) => [...textModelMetadata(config, 'qwen3', fileType), ...poolingKey('qwen3', pooling)],
  tokenizers: ['sentencepiece', 'bpe'],
};
