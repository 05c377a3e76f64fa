/** What a distillation is asked and what it answers. */
import type { Engine } from '../engine/index.js';
import type { Standing } from './checkpoint.js';
import type { Trained } from './loop.js';
import type { Worth } from './verdict.js';

/**
 * What is trained. norms: they are float32 in every file, and are shipped as trained. scales: a factor for each quantization
 * block, kept in the block's own float16 scale: the file grows by nothing. lora: low-rank changes of the matrices that have no
 * such scales, merged and rounded to the student's types; `lora-all` of every matrix.
 */
export const TRAINABLE_PARTS = ['norms', 'scales', 'lora', 'lora-all'] as const;
export type TrainablePart = (typeof TRAINABLE_PARTS)[number];

export interface DistilOptions {
  /** GGUF file: quantized, pruned, or both. */
  readonly student: string;
  /** GGUF file, usually the unquantized model. The student's tokens are its tokens, or some of them as pruning leaves them. */
  readonly teacher: string;
  /** Calibration text: `.jsonl` items or running text. Part of it is kept to stop and to judge by. */
  readonly text: readonly string[];
  /** File to write. Beside it, until it is there, OUTPUT.distil keeps what an interrupted run goes on from. */
  readonly output: string;
  /** Default: norms, scales and lora. */
  readonly train?: readonly TrainablePart[] | undefined;
  /** Of LoRA. Default 16. */
  readonly rank?: number | undefined;
  /** For all of it, teaching and measuring before included. Default 20, without `steps`. */
  readonly minutes?: number | undefined;
  /** Of the optimizer. */
  readonly steps?: number | undefined;
  /** On all learning rates. Default 1. */
  readonly rate?: number | undefined;
  /** Tokens of a step. Default 1024. */
  readonly batchTokens?: number | undefined;
  readonly seed?: number | undefined;
  /** Every core when omitted. */
  readonly threads?: number | undefined;
  /** Whether to measure speeds and the plain preset of equal size, too. Default true. */
  readonly compare?: boolean | undefined;
  /** Loads models; one of its own when omitted. */
  readonly engine?: Engine | undefined;
  readonly signal?: AbortSignal | undefined;
  /** 0..1 */
  readonly onProgress?: ((fraction: number, detail: string) => void) | undefined;
}

export interface Speeds {
  readonly promptTokensPerSecond: number;
  readonly decodeTokensPerSecond: number | null;
}

export interface DistilReport {
  readonly output: string;
  readonly bytes: number;
  /** False: the training did not help on held-out text, and the output is the student as it was. */
  readonly improved: boolean;
  readonly teacher: Worth;
  readonly before: Worth;
  /** Of the output. */
  readonly after: Worth;
  /** Of the gap between student and teacher, what the training closed: 0..1; null where there was no gap. */
  readonly recovered: { readonly kld: number | null; readonly domainLoss: number | null };
  /** The preset of the teacher whose file is the largest that is no larger than the output, or the smallest there is. */
  readonly plain: (Worth & { readonly preset: string }) | null;
  readonly speeds: { readonly teacher: Speeds; readonly output: Speeds; readonly plain: Speeds | null } | null;
  /** Held-out chunks that KL divergence and bits per byte are measured on, and their tokens; with other tokens than the teacher's whole items, and no chunks. */
  readonly heldOut: { readonly chunks: number; readonly contextSize: number; readonly items: number };
  readonly trained: readonly { readonly part: string; readonly parameters: number }[];
  readonly trainingTokens: number;
  readonly stopped: Trained['stopped'];
  readonly steps: number;
  /** The step whose parameters were taken. */
  readonly bestStep: number;
  readonly history: Standing['history'];
  /** Training, forward, backward and update. */
  readonly tokensPerSecond: number | null;
  readonly seconds: { readonly teaching: number; readonly training: number; readonly all: number };
}
