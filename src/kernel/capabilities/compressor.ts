/** Chooses the types of a phase's tensors, and what of them is left out. */
import { createCapability } from '../tokens.js';
import type { OnProgress } from './progress.js';

export interface CompressorTensor {
  readonly name: string;
  /** Innermost dimension first, as GGUF counts. */
  readonly ne: readonly number[];
  /** ggml type name in lower case. */
  readonly type: string;
}

/** What a compressor that measures works on. */
export interface CompressionMeasuring {
  /** The unquantized model: a GGUF file in F32, F16 or BF16. */
  readonly model: string;
  /** Calibration texts: .txt, or .jsonl items. */
  readonly texts: readonly string[];
  /** An importance matrix to use in place of one made from the texts. */
  readonly imatrix?: string;
  /** Folder in which measurements outlive the call. */
  readonly cacheDir: string;
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

export interface CompressionGoal {
  /** Least share of tokens, 0..1, for which the file finds the same most likely successor as the unquantized model. */
  readonly agreement?: number;
  /** Largest mean KL divergence from the unquantized model, in nats. */
  readonly kld?: number;
}

export interface CompressionRequest {
  readonly architecture: string;
  /** In layer order. */
  readonly tensors: readonly CompressorTensor[];
  readonly compressionType: 'standard' | 'sparse' | 'hybrid' | 'distilled';
  /** Preset name, `Q4_K_M`. */
  readonly quantization: string;
  /** Bytes of the whole file; none when null. */
  readonly budget: number | null;
  /** Exact bytes of the whole file by preset, where the core could compute them. */
  readonly presetBytes?: Readonly<Record<string, number>>;
  /** Without it nothing can be measured, and a compressor that must measure refuses. */
  readonly measuring?: CompressionMeasuring;
  /** Share of the preset's bytes that is to go, 0..1 (sparse). */
  readonly sparsity?: number;
  /** Minutes that the file may be taught by the unquantized model (sparse); 0 = not at all. The compressor's own when omitted. */
  readonly minutes?: number;
  /** The smallest file that measures so well is wanted. */
  readonly goal?: CompressionGoal;
  /** Bytes of the machine that the model must leave room in. */
  readonly memory?: number;
  /** Speed on this machine counts beside quality. */
  readonly speedPriority?: boolean;
  readonly signal?: AbortSignal;
}

/** What of the unquantized model stays, by place in it; what is left out here stays whole. */
export interface CompressionPruning {
  /** Token ids, ascending. */
  readonly tokens?: readonly number[] | undefined;
  /** Ascending. */
  readonly layers?: readonly number[] | undefined;
  /** Channels of the feed-forward networks, ascending, by layer. */
  readonly channels?: Readonly<Record<number, readonly number[]>> | undefined;
  /** A safetensors file of weights that take the place of the model's own. */
  readonly weights?: string | undefined;
}

export interface CompressionProposal {
  /** The preset that the types start from. */
  readonly preset: string;
  /** ggml type by tensor name, for tensors that leave the preset. */
  readonly types: Readonly<Record<string, string>>;
  /** Bytes the file is expected to have; null when not computed. */
  readonly bytes: number | null;
  /** Why: one line each, printed by --dry-run and kept with the build. */
  readonly evidence: readonly string[];
  /** The importance matrix that the file is to be written with. */
  readonly imatrix?: string;
  /** Factors for error feedback that it is to be rounded with. */
  readonly feedback?: string;
  /** Parts that are left out of the file. */
  readonly pruning?: CompressionPruning;
  /** A GGUF file that was made of the unquantized model so and then taught: it is written as it is. */
  readonly file?: string;
  /** All that was found, for --json. */
  readonly report?: unknown;
  /** The file as it will be, where it was measured. */
  readonly measured?: CompressionMeasured;
}

/** Against the unquantized model, on text that nothing was chosen by. */
export interface CompressionQuality {
  readonly bytes: number;
  /** Mean KL divergence in nats, and its standard error. */
  readonly kld: number;
  readonly kldError: number;
  /** 0..1 */
  readonly topTokenAgreement: number;
  /** Null for an encoder, of which `kld` is the mean of 1 - cosine to the unquantized model's embeddings, and `topTokenAgreement` the share of texts with the same nearest text. */
  readonly perplexity: number | null;
}

export interface CompressionMeasured {
  readonly file: CompressionQuality;
  /** The preset with the same importance matrix, on the same text. */
  readonly preset: CompressionQuality;
  /** Chunks of 512 tokens, of which the second half is scored. */
  readonly chunks: number;
}

export interface Compressor {
  propose(request: CompressionRequest): Promise<CompressionProposal>;
}

export const compressor = createCapability<Compressor>('compressor');
