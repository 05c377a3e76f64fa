/** What a benchmark is asked and what it answers. */
import type { GgmlTypeName } from '../formats/index.js';
import type { Comparison, Perplexity } from '../measure/index.js';

/** A way to compress the model, to be measured. */
export interface Candidate {
  /** Its name in tables and plots; unique. */
  readonly name: string;
  /** How its types were chosen: `standard` is a preset as it is, `hybrid` a search. */
  readonly compressionType: string;
  /** Type or preset, such as Q4_K_M. */
  readonly preset: string;
  /** Exact ggml type of each tensor that leaves the preset. */
  readonly types?: Readonly<Record<string, string>> | undefined;
  /** The importance matrix it is to be written with, in place of everybody's. */
  readonly imatrix?: string | undefined;
  /** Factors for error feedback that it is to be rounded with. */
  readonly feedback?: string | undefined;
  /** Why, one line each. */
  readonly evidence?: readonly string[] | undefined;
}

export interface BenchmarkOptions {
  /** A GGUF file, best in F16, BF16 or F32: what is quantized, and what the results are compared with. */
  readonly model: string;
  readonly candidates: readonly Candidate[];
  /** Text that was used for nothing else: running text, or `.jsonl` items; several files are read as one. */
  readonly text: string | readonly string[];
  /** An importance matrix of this model, for every candidate without one of its own. */
  readonly imatrix?: string | undefined;
  /** Tokens of a chunk; the second half is scored. Default 512, or what the model was trained for. */
  readonly contextSize?: number | undefined;
  /** Chunks at most. Default 24. */
  readonly chunks?: number | undefined;
  /** Every core when omitted. */
  readonly threads?: number | undefined;
  /** Loads and generations of which speed is the median; 0 measures no speed. Default 3. */
  readonly runs?: number | undefined;
  /** Where the quantized files lie while they are measured, one at a time. The system's temporary folder when omitted. */
  readonly scratch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** 0..1, and what is being done. */
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

export interface BenchmarkTensor {
  readonly name: string;
  /** ggml order: the row length first. */
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  readonly bytes: number;
}

/** Of loading the file and answering: medians of the runs. */
export interface Speed {
  readonly loadMs: number;
  readonly promptTokensPerSecond: number;
  /** Null where the model ended its answer at once in every run. */
  readonly decodeTokensPerSecond: number | null;
  /** Resident memory that loading and answering took beyond what the process had before: weights and context. */
  readonly memoryBytes: number;
}

/** A file that a candidate becomes: known from headers alone. */
export interface CandidateFile {
  readonly name: string;
  readonly compressionType: string;
  readonly preset: string;
  readonly bytes: number;
  /** Bits of all tensors for each weight of the model. */
  readonly bitsPerWeight: number;
  /** Number of tensors of each ggml type: what is in the file, whatever its label says. */
  readonly types: Readonly<Record<string, number>>;
  /** Whether it is written with an importance matrix. */
  readonly imatrix: boolean;
  /** In the file's order. */
  readonly tensors: readonly BenchmarkTensor[];
  readonly evidence: readonly string[];
}

export interface BenchmarkRow extends CandidateFile {
  readonly quality: Omit<Comparison, 'chunkKld'> & { readonly chunkKld: readonly number[] };
  readonly speed: Speed | null;
  /** No other candidate is both smaller and closer to the model (mean KL divergence). */
  readonly pareto: boolean;
}

export interface BenchmarkReference extends CandidateFile {
  readonly quality: Perplexity;
  readonly speed: Speed | null;
}

export interface Benchmark {
  readonly model: { readonly path: string; readonly name: string; readonly architecture: string; readonly parameters: number };
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; readonly platform: string; readonly node: string };
  /** Names of the files, without their folders. */
  readonly text: readonly string[];
  readonly imatrix: string | null;
  readonly contextSize: number;
  readonly chunks: number;
  readonly threads: number;
  /** Of which speeds are medians; 0: none was measured. */
  readonly runs: number;
  /** Tokens of the prompt and of the answer that speed is measured on. */
  readonly speedTokens: { readonly prompt: number; readonly decode: number };
  /** The model as it was given. */
  readonly reference: BenchmarkReference;
  /** Smallest file first. */
  readonly rows: readonly BenchmarkRow[];
  readonly seconds: number;
  /** ISO 8601, UTC. */
  readonly measuredAt: string;
}
