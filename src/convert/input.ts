/** What a conversion is asked for. */
import type { MetadataEntry } from '../plan/schema.js';
import type { AdapterInput } from './adapters/adapters.js';
import type { BlendInput } from './blend.js';
import type { MergeSettings } from './adapters/merge.js';

/** Tensors by a regular expression, and a ggml type by name in any case: attn_v and q8_0. */
export interface TensorTypePattern {
  /** Searched for in tensor names, as llama-quantize's --tensor-type does. */
  readonly pattern: string;
  readonly type: string;
}

/** Types of single tensors, in place of the preset's. A type that a row length forbids is replaced as llama.cpp does; the report tells. */
export interface OwnTypes {
  /** By tensor name; these come before patterns. */
  readonly types?: Readonly<Record<string, string>> | undefined;
  /** The first that matches a tensor counts; each must match one that can be quantized. */
  readonly tensorTypes?: readonly TensorTypePattern[] | undefined;
}

export interface ConvertOutput extends OwnTypes {
  /** Name of the output in the plan. */
  readonly id: string;
  /** File to write, or null: the output only measures. */
  readonly path: string | null;
  /** f32, f16, bf16, q8_0, auto, or a preset of llama-quantize such as Q4_K_M. */
  readonly type: string;
}

export interface ConvertInput {
  /** A Hugging Face folder or a GGUF file. */
  readonly base: string;
  readonly adapters: readonly AdapterInput[];
  /** How several adapters become one change; the weighted sum when left out. */
  readonly merge?: MergeSettings | undefined;
  /** A second full model of the base's kind, in place of adapters. */
  readonly blend?: BlendInput | undefined;
  readonly outputs: readonly ConvertOutput[];
  /** An importance matrix for every quantized output, and its name as the file remembers it: as it was typed. */
  readonly imatrix?: { readonly path: string; readonly name: string } | undefined;
  /** Factors for rounding with error feedback, of every quantized output. */
  readonly feedback?: string | undefined;
  /** Further keys, after the model's own. */
  readonly metadata?: readonly MetadataEntry[] | undefined;
  /** general.name; otherwise the folder's name. */
  readonly name?: string | undefined;
  /** file: URLs of modules that describe further architectures: what plugins contribute as `architectures`. */
  readonly architectures?: readonly string[] | undefined;
  /** The pre-tokenizer's name where it is known better than by its hash. */
  readonly preTokenizer?: string | undefined;
}
