/** Llama 1 to 3.3, SmolLM2, Mistral 7B and everything else with Llama's blocks. */
import { u32 } from '../entries.js';
import type { Json } from '../files.js';
import { layerCount, llama3RopeFactors, ropeType, textModelMetadata } from './common.js';
import type { Architecture } from './description.js';

/** What transformers' LlamaConfig and MistralConfig fill in. */
const assumed = (given: Json): Json => {
  const [hidden, heads] = [given['hidden_size'], given['num_attention_heads']];
  const mistral = given['model_type'] === 'mistral';
  return {
    vocab_size: 32000,
    max_position_embeddings: mistral ? 131072 : 2048,
    num_key_value_heads: mistral ? 8 : heads,
    head_dim: typeof hidden === 'number' && typeof heads === 'number' ? Math.floor(hidden / heads) : undefined,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: false,
  };
};

export const llama: Architecture = {
  name: 'llama',
  huggingFace: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'MistralForCausalLM', 'IQuestCoderForCausalLM'],
  assumed,
  layers: layerCount,
  dims: (config) => ({
    vocab: config.count('vocab_size'),
    hidden: config.count('hidden_size'),
    inner: config.count('intermediate_size'),
    heads: config.count('num_attention_heads'),
    kvHeads: config.count('num_key_value_heads'),
    queries: config.count('num_attention_heads') * config.count('head_dim'),
    keys: config.count('num_key_value_heads') * config.count('head_dim'),
  }),
  tensors: [
    { from: 'model.embed_tokens', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'model.norm', to: 'output_norm', shape: ['hidden'] },
    { from: 'model.layers.{layer}.input_layernorm', to: 'blk.{layer}.attn_norm', shape: ['hidden'] },
    { from: 'model.layers.{layer}.self_attn.q_proj', to: 'blk.{layer}.attn_q', shape: ['queries', 'hidden'], ropeHeads: 'heads' },
    { from: 'model.layers.{layer}.self_attn.k_proj', to: 'blk.{layer}.attn_k', shape: ['keys', 'hidden'], ropeHeads: 'kvHeads' },
    { from: 'model.layers.{layer}.self_attn.v_proj', to: 'blk.{layer}.attn_v', shape: ['keys', 'hidden'] },
    { from: 'model.layers.{layer}.self_attn.o_proj', to: 'blk.{layer}.attn_output', shape: ['hidden', 'queries'] },
    { from: 'model.layers.{layer}.post_attention_layernorm', to: 'blk.{layer}.ffn_norm', shape: ['hidden'] },
    { from: 'model.layers.{layer}.mlp.gate_proj', to: 'blk.{layer}.ffn_gate', shape: ['inner', 'hidden'] },
    { from: 'model.layers.{layer}.mlp.up_proj', to: 'blk.{layer}.ffn_up', shape: ['inner', 'hidden'] },
    { from: 'model.layers.{layer}.mlp.down_proj', to: 'blk.{layer}.ffn_down', shape: ['hidden', 'inner'] },
  ],
  ignored: [/\.attention\.(masked_)?bias$/, /\.rotary_emb\.inv_freq$/],
  computed: (config) => (ropeType(config) === 'llama3' ? [{ name: 'rope_freqs.weight', values: llama3RopeFactors(config, config.count('head_dim')) }] : []),
  metadata: (config, fileType) => [
    ...textModelMetadata(config, 'llama', fileType),
    u32('llama.vocab_size', config.count('vocab_size')),
    u32('llama.rope.dimension_count', config.count('head_dim')),
  ],
  tokenizers: ['sentencepiece', 'llama-hf', 'bpe'],
};
