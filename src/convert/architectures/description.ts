/** What an architecture's file states: which checkpoints it reads, how their tensors are named and shaped, which keys they write. */
import type { MetadataEntry } from '../../plan/schema.js';
import type { ModelConfig } from '../checkpoint/config.js';
import type { Json } from '../checkpoint/files.js';

/** Sizes that shapes refer to by name; these five every architecture has, since presets look at them. */
export type Dims = Readonly<Record<string, number>> & {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
};

export interface TensorRule {
  /** Hugging Face module path; {layer} stands for the number of a layer. */
  readonly from: string;
  /** GGUF name without its suffix. */
  readonly to: string;
  /** Names of `dims`: [outputs, inputs] as a linear layer has them, or [length]. A bias has the first of them. */
  readonly shape: readonly string[];
  /** Hugging Face stores the matrix as [inputs, outputs]: its Conv1D. */
  readonly transposed?: boolean;
  /** Added to every value of the weight: Gemma's norms multiply by 1 + weight. */
  readonly plus?: number;
  /** The rows are in Hugging Face's rotary order for as many heads as this name of `dims` says. */
  readonly ropeHeads?: string;
  /** `always` (default): the checkpoint is incomplete without its weight; `untied`: only where the head is not tied to the embedding. */
  readonly needed?: 'always' | 'untied' | 'never';
  /** The checkpoint is incomplete without its bias, too. Any other bias is taken where there is one. */
  readonly bias?: boolean;
}

/** A tensor that is computed from the configuration. */
export interface ComputedTensor {
  readonly name: string;
  readonly values: readonly number[];
}

/** What keys depend on beside config.json. */
export interface Surroundings {
  /** general.file_type of the output. */
  readonly fileType: number;
  /** llama.cpp's number of the pooling that a sentence-transformers folder names. */
  readonly pooling?: number | undefined;
}

/**
 * sentencepiece: tokenizer.model; bpe: byte-level, tokenizer.json or vocab.json with merges.txt; wordpiece: tokenizer.json or
 * vocab.txt. llama, gemma and phi3 are those families' own: what each tries and adds is in its file of tokenizers/.
 */
export type TokenizerKind = 'sentencepiece' | 'bpe' | 'wordpiece' | 'llama' | 'gemma' | 'phi3';

export interface Architecture {
  /** GGUF's general.architecture. */
  readonly name: string;
  /** Entries of `architectures` in config.json. */
  readonly huggingFace: readonly string[];
  /** What transformers fills in for keys that config.json leaves out. */
  readonly assumed: (given: Json) => Json;
  readonly dims: (config: ModelConfig) => Dims;
  readonly layers: (config: ModelConfig) => number;
  /** How other spellings of tensor names become those of the rules: replaced in turn. */
  readonly renamed?: readonly (readonly [pattern: RegExp, replacement: string])[];
  readonly tensors: readonly TensorRule[];
  /** Tensors that are no weights or not the text model's, by their names after renaming: not converted. */
  readonly ignored?: readonly RegExp[];
  readonly computed?: (config: ModelConfig) => readonly ComputedTensor[];
  /** Keys that the reference writes before all others. */
  readonly leading?: (config: ModelConfig) => readonly MetadataEntry[];
  /** The keys of the model, in the reference's order, general.file_type at its place. */
  readonly metadata: (config: ModelConfig, around: Surroundings) => readonly MetadataEntry[];
  /** How the tokenizer is looked for, in order. */
  readonly tokenizers: readonly TokenizerKind[];
}
