/**
 * The tensors that a configuration calls for, by model_type, as transformers names and shapes them.
 * Dimensions are symbols, so that the same table finds missing fields, contradictions and adapters of another base.
 */
import type { JsonObject } from './json-text.js';

/** q = heads x head; kv = kvHeads x head; the others are products that fused layers have. */
export type Dimension = 'vocab' | 'hidden' | 'inner' | 'q' | 'kv' | 'head' | 'positions' | 'qkv' | 'inner2' | 'hidden3';

export interface TensorRule {
  readonly name: string;
  readonly shape: readonly Dimension[];
  /** False for a tensor that may be absent (a tied output layer). */
  readonly required: boolean;
}

export interface Keys {
  readonly hidden: string;
  readonly layers: string;
  readonly heads: string;
  readonly kvHeads: string | null;
  readonly headDim: string | null;
  readonly inner: string;
  readonly vocab: string;
  readonly positions: string | null;
}

export interface Family {
  readonly modelType: string;
  /** The class with an output layer. */
  readonly architecture: string;
  readonly keys: Keys;
  /** What transformers takes for a missing field: a number, or null for hidden / heads and for heads. */
  readonly headDimDefault: number | null;
  readonly kvHeadsDefault: number | null;
  /** Whether an absent tie_word_embeddings means tied. */
  readonly tiedByDefault: boolean;
  /** Before every tensor of the body; absent where the body was saved alone. */
  readonly prefix: string;
  /** Between prefix and layer number. */
  readonly layerName: string;
  readonly embedding: string;
  readonly body: readonly (readonly [name: string, shape: readonly Dimension[]])[];
  layer(config: JsonObject): readonly (readonly [name: string, shape: readonly Dimension[]])[];
}

const LLAMA_KEYS: Keys = {
  hidden: 'hidden_size', layers: 'num_hidden_layers', heads: 'num_attention_heads', kvHeads: 'num_key_value_heads',
  headDim: 'head_dim', inner: 'intermediate_size', vocab: 'vocab_size', positions: null,
};

interface LlamaOptions {
  readonly attentionBias?: 'config' | 'qkv';
  readonly mlpBias?: boolean;
  readonly headNorms?: boolean;
  /** Norms around the feed-forward layer too. */
  readonly sandwich?: boolean;
  readonly fused?: boolean;
}

type Rules = (readonly [string, readonly Dimension[]])[];

function llamaLayer(config: JsonObject, options: LlamaOptions): Rules {
  const rules: Rules = [['input_layernorm.weight', ['hidden']], ['post_attention_layernorm.weight', ['hidden']]];
  if (options.sandwich) rules.push(['pre_feedforward_layernorm.weight', ['hidden']], ['post_feedforward_layernorm.weight', ['hidden']]);
  const attention: Rules = options.fused
    ? [['qkv_proj', ['qkv', 'hidden']], ['o_proj', ['hidden', 'q']]]
    : [['q_proj', ['q', 'hidden']], ['k_proj', ['kv', 'hidden']], ['v_proj', ['kv', 'hidden']], ['o_proj', ['hidden', 'q']]];
  const mlp: Rules = options.fused
    ? [['gate_up_proj', ['inner2', 'hidden']], ['down_proj', ['hidden', 'inner']]]
    : [['gate_proj', ['inner', 'hidden']], ['up_proj', ['inner', 'hidden']], ['down_proj', ['hidden', 'inner']]];
  const allBiased = options.attentionBias === 'config' && config.attention_bias === true;
  for (const [name, shape] of attention) {
    rules.push([`self_attn.${name}.weight`, shape]);
    if (allBiased || (options.attentionBias === 'qkv' && name !== 'o_proj')) rules.push([`self_attn.${name}.bias`, shape.slice(0, 1)]);
  }
  for (const [name, shape] of mlp) {
    rules.push([`mlp.${name}.weight`, shape]);
    if (options.mlpBias && config.mlp_bias === true) rules.push([`mlp.${name}.bias`, shape.slice(0, 1)]);
  }
  if (options.headNorms) rules.push(['self_attn.q_norm.weight', ['head']], ['self_attn.k_norm.weight', ['head']]);
  return rules;
}

type Defaults = Partial<Pick<Family, 'headDimDefault' | 'kvHeadsDefault' | 'tiedByDefault'>>;

const llamaLike = (modelType: string, architecture: string, options: LlamaOptions, defaults: Defaults = {}): Family => ({
  modelType, architecture, keys: LLAMA_KEYS, headDimDefault: null, kvHeadsDefault: null, tiedByDefault: false, ...defaults,
  prefix: 'model.', layerName: 'layers.', embedding: 'embed_tokens.weight',
  body: [['embed_tokens.weight', ['vocab', 'hidden']], ['norm.weight', ['hidden']]],
  layer: (config) => llamaLayer(config, options),
});

const GPT2: Family = {
  modelType: 'gpt2', architecture: 'GPT2LMHeadModel',
  keys: { hidden: 'n_embd', layers: 'n_layer', heads: 'n_head', kvHeads: null, headDim: null, inner: 'n_inner', vocab: 'vocab_size', positions: 'n_positions' },
  headDimDefault: null, kvHeadsDefault: null, tiedByDefault: true,
  prefix: 'transformer.', layerName: 'h.', embedding: 'wte.weight',
  body: [['wte.weight', ['vocab', 'hidden']], ['wpe.weight', ['positions', 'hidden']], ['ln_f.weight', ['hidden']], ['ln_f.bias', ['hidden']]],
  // Conv1D keeps its weights as [in, out].
  layer: () => [
    ['ln_1.weight', ['hidden']], ['ln_1.bias', ['hidden']], ['ln_2.weight', ['hidden']], ['ln_2.bias', ['hidden']],
    ['attn.c_attn.weight', ['hidden', 'hidden3']], ['attn.c_attn.bias', ['hidden3']], ['attn.c_proj.weight', ['hidden', 'hidden']], ['attn.c_proj.bias', ['hidden']],
    ['mlp.c_fc.weight', ['hidden', 'inner']], ['mlp.c_fc.bias', ['inner']], ['mlp.c_proj.weight', ['inner', 'hidden']], ['mlp.c_proj.bias', ['hidden']],
  ],
};

const FAMILIES: readonly Family[] = [
  llamaLike('llama', 'LlamaForCausalLM', { attentionBias: 'config', mlpBias: true }),
  llamaLike('mistral', 'MistralForCausalLM', {}, { kvHeadsDefault: 8 }),
  llamaLike('qwen2', 'Qwen2ForCausalLM', { attentionBias: 'qkv' }, { kvHeadsDefault: 32 }),
  llamaLike('qwen3', 'Qwen3ForCausalLM', { attentionBias: 'config', headNorms: true }, { headDimDefault: 128, kvHeadsDefault: 32 }),
  llamaLike('gemma', 'GemmaForCausalLM', { attentionBias: 'config' }, { headDimDefault: 256, kvHeadsDefault: 16, tiedByDefault: true }),
  llamaLike('gemma2', 'Gemma2ForCausalLM', { attentionBias: 'config', sandwich: true }, { headDimDefault: 256, kvHeadsDefault: 4, tiedByDefault: true }),
  llamaLike('gemma3_text', 'Gemma3ForCausalLM', { attentionBias: 'config', sandwich: true, headNorms: true }, { headDimDefault: 256, kvHeadsDefault: 4, tiedByDefault: true }),
  llamaLike('phi3', 'Phi3ForCausalLM', { fused: true }),
  llamaLike('smollm3', 'SmolLM3ForCausalLM', { attentionBias: 'config', mlpBias: true }, { kvHeadsDefault: 4, tiedByDefault: true }),
  llamaLike('granite', 'GraniteForCausalLM', { attentionBias: 'config', mlpBias: true }),
  GPT2,
];

export const familyOf = (modelType: unknown): Family | undefined => FAMILIES.find((family) => family.modelType === modelType);

/** The family whose classes the `architectures` of a configuration name. */
export const familyOfArchitecture = (names: unknown): Family | undefined =>
  Array.isArray(names) ? FAMILIES.find((family) => names.includes(family.architecture)) : undefined;

/** The prefix that a checkpoint really has: none where the body was saved without its output layer. */
export const prefixIn = (family: Family, names: { has(name: string): boolean }): string => (names.has(family.embedding) ? '' : family.prefix);

/** Every tensor of a model of `layers` layers. */
export function tensorRules(family: Family, config: JsonObject, options: { layers: number; prefix: string; tied: boolean }): TensorRule[] {
  const { layers, prefix, tied } = options;
  const rule = (name: string, shape: readonly Dimension[]): TensorRule => ({ name, shape, required: true });
  const layer = family.layer(config);
  return [
    ...family.body.map(([name, shape]) => rule(prefix + name, shape)),
    ...Array.from({ length: layers }, (_, index) => layer.map(([name, shape]) => rule(`${prefix}${family.layerName}${index}.${name}`, shape))).flat(),
    // A body saved alone has no output layer.
    { name: 'lm_head.weight', shape: ['vocab', 'hidden'], required: !tied && prefix !== '' },
  ];
}

export type Sizes = Readonly<Partial<Record<Dimension, number>>>;

export const isSize = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

/** A field that holds a size; null and everything else counts as missing. */
export const sizeIn = (config: JsonObject, key: string | null): number | undefined => {
  const value = key === null ? undefined : config[key];
  return isSize(value) ? value : undefined;
};

/** The sizes that a configuration stands for, with the defaults of its family; unknown ones are left out. */
export function sizesOf(family: Family, config: JsonObject): Sizes {
  const { keys } = family;
  const [hidden, heads, vocab, positions] = [keys.hidden, keys.heads, keys.vocab, keys.positions].map((key) => sizeIn(config, key));
  const kvHeads = sizeIn(config, keys.kvHeads) ?? family.kvHeadsDefault ?? heads;
  const head = sizeIn(config, keys.headDim) ?? family.headDimDefault ?? (hidden !== undefined && heads !== undefined ? Math.floor(hidden / heads) : undefined);
  const inner = sizeIn(config, keys.inner) ?? (family === GPT2 && hidden !== undefined ? 4 * hidden : undefined);
  const q = heads !== undefined && head !== undefined ? heads * head : undefined;
  const kv = kvHeads !== undefined && head !== undefined ? kvHeads * head : undefined;
  const sizes: Partial<Record<Dimension, number | undefined>> = {
    vocab, hidden, inner, q, kv, head, positions,
    qkv: q !== undefined && kv !== undefined ? q + 2 * kv : undefined,
    inner2: inner === undefined ? undefined : 2 * inner,
    hidden3: hidden === undefined ? undefined : 3 * hidden,
  };
  return Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== undefined));
}

/** Configuration fields that a dimension comes from, for messages. */
export function keysOf(family: Family, dimension: Dimension): string {
  const { keys } = family;
  const headDim = keys.headDim ?? keys.hidden;
  const names: Record<Dimension, string> = {
    vocab: keys.vocab, hidden: keys.hidden, hidden3: keys.hidden, inner: keys.inner, inner2: keys.inner, positions: keys.positions ?? '', head: headDim,
    q: `${keys.heads} x ${headDim}`, kv: `${keys.kvHeads ?? keys.heads} x ${headDim}`, qkv: `(${keys.heads} + 2 ${keys.kvHeads ?? keys.heads}) x ${headDim}`,
  };
  return names[dimension];
}
