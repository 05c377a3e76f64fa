/** A GGUF file's sizes: what llama.cpp's preset rules look at, and any other by its key. */
import { metadataOf, type GgufFile } from '../../formats/gguf/file.js';
import type { PresetModel } from '../types.js';

/** Reads a number of the architecture, the first where the file keeps one for each layer. */
export function ggufSizes(file: GgufFile): (key: string) => number | undefined {
  const metadata = metadataOf(file);
  const architecture = metadata.string('general.architecture') ?? '';
  return (key) => {
    const value = metadata.get(`${architecture}.${key}`);
    if (typeof value === 'object') return Number(value.items()[0] ?? 0);
    return metadata.number(`${architecture}.${key}`);
  };
}

export function presetModel(file: GgufFile): PresetModel {
  const size = ggufSizes(file);
  const [embedding, heads] = [size('embedding_length') ?? 0, size('attention.head_count') ?? 0];
  const perHead = heads > 0 ? Math.floor(embedding / heads) : 0;
  return {
    architecture: metadataOf(file).string('general.architecture') ?? '',
    n_embd: embedding,
    n_ff: size('feed_forward_length') ?? 0,
    n_layer: size('block_count') ?? 0,
    n_head: heads,
    n_head_kv: size('attention.head_count_kv') ?? heads,
    n_expert: size('expert_count') ?? 0,
    n_embd_head_k: size('attention.key_length') ?? perHead,
    n_embd_head_v: size('attention.value_length') ?? perHead,
  };
}
