/** BERT as sentence embeddings (MiniLM, bge, e5) or as a classifier; the heads it was pretrained with are left out. */
import type { MetadataEntry } from '../../plan/schema.js';
import type { ModelConfig } from '../checkpoint/config.js';
import { flag } from '../entries.js';
import { isRecord } from '../checkpoint/files.js';
import { inLayers, layerCount, poolingKey, textModelMetadata } from './common.js';
import type { Architecture } from './description.js';

const CLASSIFIER = 'BertForSequenceClassification';

function label(config: ModelConfig, name: unknown): string {
  if (typeof name === 'string' || typeof name === 'number') return String(name);
  throw config.invalid('a name in id2label must be a string');
}

/** Names of the classes, unless they are the two that transformers makes up. */
function labels(config: ModelConfig): readonly string[] {
  const given = config.find('id2label');
  const names = isRecord(given) ? Object.entries(given).sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => label(config, name)) : [];
  const named = names.length === 2 && names[0] === 'LABEL_0' ? [] : names;
  // Without names llama.cpp takes the head for another layer, and cannot load it.
  if (named.length === 0 && JSON.stringify(config.find('architectures') ?? '').includes(CLASSIFIER)) throw config.invalid('id2label must name the classes');
  return named;
}

const labelKey = (config: ModelConfig): MetadataEntry[] => {
  const items = labels(config);
  return items.length === 0 ? [] : [{ key: 'bert.classifier.output_labels', type: 'array', value: { of: 'string', items: [...items] } }];
};

export const bert: Architecture = {
  name: 'bert',
  huggingFace: ['BertModel', 'BertForMaskedLM', CLASSIFIER],
  assumed: () => ({
    vocab_size: 30522,
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    max_position_embeddings: 512,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
  }),
  layers: layerCount,
  dims: (config) => ({
    vocab: config.count('vocab_size'),
    positions: config.count('max_position_embeddings'),
    types: config.count('type_vocab_size'),
    labels: labels(config).length,
    hidden: config.count('hidden_size'),
    inner: config.count('intermediate_size'),
    heads: config.count('num_attention_heads'),
    kvHeads: config.count('num_attention_heads'),
    headDim: Math.floor(config.count('hidden_size') / config.count('num_attention_heads')),
  }),
  renamed: [[/^bert\./, ''], [/\.gamma$/, '.weight'], [/\.beta$/, '.bias']],
  tensors: [
    { from: 'embeddings.word_embeddings', to: 'token_embd', shape: ['vocab', 'hidden'] },
    { from: 'embeddings.position_embeddings', to: 'position_embd', shape: ['positions', 'hidden'] },
    { from: 'embeddings.token_type_embeddings', to: 'token_types', shape: ['types', 'hidden'] },
    { from: 'embeddings.LayerNorm', to: 'token_embd_norm', shape: ['hidden'], bias: true },
    { from: 'classifier', to: 'cls.output', shape: ['labels', 'hidden'], needed: 'never' },
    ...inLayers('encoder.layer.{layer}', [
      { from: 'attention.self.query', to: 'attn_q', shape: ['hidden', 'hidden'], bias: true },
      { from: 'attention.self.key', to: 'attn_k', shape: ['hidden', 'hidden'], bias: true },
      { from: 'attention.self.value', to: 'attn_v', shape: ['hidden', 'hidden'], bias: true },
      { from: 'attention.output.dense', to: 'attn_output', shape: ['hidden', 'hidden'], bias: true },
      { from: 'attention.output.LayerNorm', to: 'attn_output_norm', shape: ['hidden'], bias: true },
      { from: 'intermediate.dense', to: 'ffn_up', shape: ['inner', 'hidden'], bias: true },
      { from: 'output.dense', to: 'ffn_down', shape: ['hidden', 'inner'], bias: true },
      { from: 'output.LayerNorm', to: 'layer_output_norm', shape: ['hidden'], bias: true },
    ]),
  ],
  ignored: [/^embeddings\.position_ids$/, /^pooler\./, /^cls\./],
  metadata: (config, { fileType, pooling }) => [
    ...textModelMetadata(config, 'bert', fileType),
    flag('bert.attention.causal', false),
    ...poolingKey('bert', pooling),
    ...labelKey(config),
  ],
  tokenizers: ['wordpiece'],
};
