/** Qwen 1.5 to 2.5, also as an embedding model: Llama's blocks with biases on query, key and value, whose rows stay in Hugging Face's order. */
import { BARE_MODEL, decoderDims, inLayers, layerCount, poolingKey, textModelMetadata } from './common.js';
import type { Architecture } from './description.js';

export const qwen2: Architecture = {
  name: 'qwen2',
  huggingFace: ['Qwen2ForCausalLM', 'Qwen2Model'],
  assumed: (given) => ({
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    // Null is as many as query heads.
    num_key_value_heads: given['num_key_value_heads'] === null ? given['num_attention_heads'] : 32,
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
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'], bias: true },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'], bias: true },
      { from: 'self_attn.v_proj', to: 'attn_v', shape: ['keys', 'hidden'], bias: true },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'ffn_norm', shape: ['hidden'] },
      { from: 'mlp.gate_proj', to: 'ffn_gate', shape: ['inner', 'hidden'] },
      { from: 'mlp.up_proj', to: 'ffn_up', shape: ['inner', 'hidden'] },
      { from: 'mlp.down_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
    ]),
  ],
  ignored: [/\.rotary_emb\.inv_freq$/],
  metadata: (config, { fileType, pooling }) => [...textModelMetadata(config, 'qwen2', fileType), ...poolingKey('qwen2', pooling)],
  tokenizers: ['sentencepiece', 'bpe'],
};
