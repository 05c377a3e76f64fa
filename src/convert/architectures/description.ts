/** What an architecture's file states: which checkpoints it reads, how their tensors are named and shaped, which keys they write. */
import type { MetadataEntry } from '../../plan/schema.js';
import type { ModelConfig } from '../config.js';
import type { Json } from '../files.js';

/** Sizes that shapes refer to by name; these four every architecture has, since presets look at them. */
export type Dims = Readonly<Record<string, number>> & { readonly hidden: number; readonly inner: number; readonly heads: number; readonly kvHeads: number };

export interface TensorRule {
  /** Hugging Face module path; {layer} stands for the number of a layer. */
  readonly from: string;
  /** GGUF name without its suffix. */
  readonly to: string;
  /** Names of `dims`, in Hugging Face's order: [rows, columns] or [length]. A bias has the first of them. */
  readonly shape: readonly string[];
  /** The rows are in Hugging Face's rotary order for as many heads as this name of `dims` says. */
  readonly ropeHeads?: string;
  /** `always` (default): the checkpoint is incomplete without its weight; `untied`: only where the head is not tied to the embedding. */
  readonly needed?: 'always' | 'untied' | 'never';
}

/** A tensor that is computed from the configuration. */
export interface ComputedTensor {
  readonly name: string;
  readonly values: readonly number[];
}

export interface Architecture {
  /** GGUF's general.architecture. */
  readonly name: string;
  /** Entries of `architectures` in config.json. */
  readonly huggingFace: readonly string[];
  /** What transformers fills in for keys that config.json leaves out. */
  readonly assumed: (given: Json) => Json;
  readonly dims: (config: ModelConfig) => Dims;
  readonly layers: (config: ModelConfig) => number;
  readonly tensors: readonly TensorRule[];
  /** Tensors that are no weights, matched anywhere in the name: not converted. */
  readonly ignored: readonly RegExp[];
  readonly computed: (config: ModelConfig) => readonly ComputedTensor[];
  /** The keys of the model, in the reference's order, general.file_type at its place. */
  readonly metadata: (config: ModelConfig, fileType: number) => MetadataEntry[];
  /** How the tokenizer is looked for, in order. */
  readonly tokenizers: readonly ('sentencepiece' | 'llama-hf' | 'bpe')[];
}
