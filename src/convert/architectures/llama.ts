/** Llama 1 to 3.3, SmolLM2 and everything else with Llama's blocks. */
import { u32 } from '../entries.js';
import type { Json } from '../checkpoint/files.js';
import { BARE_MODEL, decoderDims, headDim, inLayers, layerCount, llama3RopeFactors, ropeType, textModelMetadata } from './common.js';
import type { Architecture } from './description.js';

const assumed = (given: Json): Json => {
  const [hidden, heads] = [given['hidden_size'] ?? 4096, given['num_attention_heads'] ?? 32];
  return {
    vocab_size: 32000,
    hidden_size: hidden,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    head_dim: typeof hidden === 'number' && typeof heads === 'number' ? Math.floor(hidden / heads) : undefined,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: false,
  };
};

export const llama: Architecture = {
  name: 'llama',
  huggingFace: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'LlamaModel', 'IQuestCoderForCausalLM'],
  assumed,
  layers: layerCount,
  dims: decoderDims,
  renamed: [BARE_MODEL],
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'] },
    ...inLayers('model.layers.{layer}', [
      { from: 'input_layernorm', to: 'attn_norm', shape: ['hidden'] },
      { from: 'self_attn.q_proj', to: 'attn_q', shape: ['queries', 'hidden'], ropeHeads: 'heads' },
      { from: 'self_attn.k_proj', to: 'attn_k', shape: ['keys', 'hidden'], ropeHeads: 'kvHeads' },
      { from: 'self_attn.v_proj', to: 'attn_v', shape: ['keys', 'hidden'] },
      { from: 'self_attn.o_proj', to: 'attn_output', shape: ['hidden', 'queries'] },
      { from: 'post_attention_layernorm', to: 'ffn_norm', shape: ['hidden'] },
      { from: 'mlp.gate_proj', to: 'ffn_gate', shape: ['inner', 'hidden'] },
      { from: 'mlp.up_proj', to: 'ffn_up', shape: ['inner', 'hidden'] },
      { from: 'mlp.down_proj', to: 'ffn_down', shape: ['hidden', 'inner'] },
    ]),
  ],
  ignored: [/\.attention\.(masked_)?bias$/, /\.rotary_emb\.inv_freq$/],
  computed: (config) => (ropeType(config) === 'llama3' ? [{ name: 'rope_freqs.weight', values: llama3RopeFactors(config, headDim(config)) }] : []),
  metadata: (config, { fileType }) => [
    ...textModelMetadata(config, 'llama', fileType),
    u32('llama.vocab_size', config.count('vocab_size')),
    u32('llama.rope.dimension_count', headDim(config)),
  ],
  tokenizers: ['llama'],
};
