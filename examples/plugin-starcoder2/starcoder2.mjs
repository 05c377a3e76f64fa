/** StarCoder 2: grouped queries, LayerNorms, biases everywhere, a feed-forward layer without gate. */

import { decoderDims, defineArchitecture, inLayers, layerCount, textModelMetadata } from 'tara-gguf/architecture';

export default defineArchitecture({
  name: 'starcoder2',
  huggingFace: ['Starcoder2ForCausalLM'],
  assumed: () => ({
    vocab_size: 49152,
    hidden_size: 3072,
    intermediate_size: 12288,
    num_hidden_layers: 30,
    num_attention_heads: 24,
    num_key_value_heads: 2,
    max_position_embeddings: 4096,
    norm_epsilon: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
  }),
  layers: layerCount,
  dims: decoderDims,
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'], bias: true },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'], bias: true },
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'] },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'] },
      { from: 'self_attn.v_proj', to: 'attn_v', shape: ['keys', 'hidden'] },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'ffn_norm', shape: ['hidden'], bias: true },
      { from: 'mlp.c_fc', to: 'ffn_up', shape: ['inner', 'hidden'] },
      { from: 'mlp.c_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
    ]),
  ],
  metadata: (config, { fileType }) => textModelMetadata(config, 'starcoder2', fileType),
  tokenizers: ['bpe'],
});
