/** GPT-2 and DialoGPT: Conv1D matrices, learned positions; the oldest checkpoints leave out `transformer.` and store attention masks. */
import { f32, u32 } from '../entries.js';
import type { ModelConfig } from '../checkpoint/config.js';
import { inLayers, layerCount } from './common.js';
import type { Architecture } from './description.js';

/** The feed-forward width is four times the model's unless it is stated. */
const inner = (config: ModelConfig): number => (config.number('n_inner') === undefined ? 4 * config.count('n_embd') : config.count('n_inner'));

/** llama.cpp takes the context for the number of learned positions. */
const positions = (config: ModelConfig): number => config.count('n_ctx', 'n_positions');

export const gpt2: Architecture = {
  name: 'gpt2',
  huggingFace: ['GPT2LMHeadModel'],
  assumed: () => ({
    vocab_size: 50257,
    n_positions: 1024,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
  }),
  layers: layerCount,
  dims: (config) => ({
    vocab: config.count('vocab_size'),
    positions: positions(config),
    hidden: config.count('n_embd'),
    inner: inner(config),
    heads: config.count('n_head'),
    kvHeads: config.count('n_head'),
    headDim: Math.floor(config.count('n_embd') / config.count('n_head')),
    fused: 3 * config.count('n_embd'),
  }),
  renamed: [[/^(?=(?:wte|wpe|h|ln_f)\.)/, 'transformer.']],
  tensors: [
    { from: 'transformer.wte', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'transformer.wpe', to: 'position_embd', shape: ['positions', 'hidden'] },
    { from: 'lm_head', to: 'output', shape: ['vocab', 'hidden'], needed: 'untied' },
    { from: 'transformer.ln_f', to: 'output_norm', shape: ['hidden'], bias: true },
    ...inLayers('transformer.h.{layer}', [
      { from: 'ln_1', to: 'attn_norm', shape: ['hidden'], bias: true },
      { from: 'attn.c_attn', to: 'attn_qkv', shape: ['fused', 'hidden'], transposed: true, bias: true },
      { from: 'attn.c_proj', to: 'attn_output', shape: ['hidden', 'hidden'], transposed: true, bias: true },
      { from: 'ln_2', to: 'ffn_norm', shape: ['hidden'], bias: true },
      { from: 'mlp.c_fc', to: 'ffn_up', shape: ['inner', 'hidden'], transposed: true, bias: true },
      { from: 'mlp.c_proj', to: 'ffn_down', shape: ['hidden', 'inner'], transposed: true, bias: true },
    ]),
  ],
  ignored: [/\.attn\.(masked_)?bias$/],
  metadata: (config, { fileType }) => [
    u32('gpt2.block_count', layerCount(config)),
    u32('gpt2.context_length', positions(config)),
    u32('gpt2.embedding_length', config.count('n_embd')),
    u32('gpt2.feed_forward_length', inner(config)),
    u32('gpt2.attention.head_count', config.count('n_head')),
    f32('gpt2.attention.layer_norm_epsilon', config.number('layer_norm_epsilon') ?? 0),
    u32('general.file_type', fileType),
  ],
  tokenizers: ['bpe'],
};
