/** What an evaluation is asked and what it answers. */
import type { Engine, Model } from '../engine/index.js';

export interface ProgressOptions {
  readonly signal?: AbortSignal | undefined;
  /** 0..1 */
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** A text cut into chunks, of which the second half is scored: what comes before is context. */
export interface TextOptions {
  /** Running text, or `.jsonl` items as for domain loss; several files are read as one text, in order. */
  readonly text: string | readonly string[];
  /** Tokens of a chunk. Default 512. */
  readonly contextSize?: number | undefined;
  /** Chunks to measure at most; all that the text has when omitted. */
  readonly chunks?: number | undefined;
  /** The first chunk that is measured. Default 0. */
  readonly firstChunk?: number | undefined;
}

export interface EngineOptions {
  /** Loads the models; one of its own when omitted. */
  readonly engine?: Engine | undefined;
  /** Every core when omitted. */
  readonly threads?: number | undefined;
}

export interface EvaluateOptions extends TextOptions, EngineOptions, ProgressOptions {
  /** GGUF file. */
  readonly model: string;
  /** GGUF file of a model with the same vocabulary, against which the model is compared. */
  readonly reference?: string | undefined;
}

export interface YardstickOptions extends TextOptions, EngineOptions, ProgressOptions {
  /** GGUF file of the model that others are compared against. */
  readonly reference: string;
  /**
   * Where the reference's log-probabilities are kept, 2 bytes for each token of the vocabulary and scored token; must not
   * exist. It loses its name at once and its space when the yardstick is disposed or the process ends. In the system's
   * temporary folder when omitted.
   */
  readonly workFile?: string | undefined;
}

export interface CompareOptions extends ProgressOptions {
  /** Chunks of the yardstick: the first one, default 0, and how many, all that follow when omitted. */
  readonly from?: number | undefined;
  readonly count?: number | undefined;
}

/** Of one model. Errors are standard errors of the mean over scored tokens, taken as independent, as llama-perplexity has them. */
export interface Perplexity {
  /** exp of the mean loss. */
  readonly perplexity: number;
  readonly perplexityError: number;
  /** The scored tokens' loss in bits, by the bytes of text that they stand for: comparable between vocabularies. */
  readonly bitsPerByte: number;
  /** Scored tokens. */
  readonly tokens: number;
  readonly chunks: number;
}

/** KL divergence of the model's next-token distributions from the reference's, in nats, over scored tokens. */
export interface KlDivergence {
  readonly mean: number;
  readonly error: number;
  readonly median: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly min: number;
}

/** What a reference adds. */
export interface Against {
  readonly kld: KlDivergence;
  /** Share of scored tokens for which both find the same token most likely, 0..1. */
  readonly topTokenAgreement: number;
  readonly topTokenAgreementError: number;
  readonly referencePerplexity: number;
  readonly referencePerplexityError: number;
  /** Perplexity by the reference's. */
  readonly perplexityRatio: number;
  readonly perplexityRatioError: number;
  /** ln of that ratio: the mean difference of the two losses, token by token, hence its smaller error. */
  readonly logPerplexityDifference: number;
  readonly logPerplexityDifferenceError: number;
}

/** One model against a yardstick. */
export interface Comparison extends Perplexity, Against {
  /** Mean KL divergence of each chunk, for paired differences between models. */
  readonly chunkKld: Float64Array;
}

/** With nulls where no reference was given. */
export type Evaluation = Perplexity & (Against | { readonly [Key in keyof Against]: null });

/** A reference's log-probabilities on a text, computed once, to compare many models against. */
export interface Yardstick extends AsyncDisposable {
  readonly chunks: number;
  /** Of the reference, on all chunks. */
  readonly reference: Perplexity;
  /**
   * A GGUF file, or a loaded model whose contextSize is at least the chunks'. The same model and chunks give the same figures, with any number of threads.
   * Rejects with TARA_REFERENCE_MISMATCH for another vocabulary, TARA_LOGITS_INVALID, TARA_MODEL_UNSUPPORTED, TARA_OPTION_INVALID, TARA_DISPOSED, TARA_ABORTED, and as engine.load does.
   */
  compare(model: string | Model, options?: CompareOptions): Promise<Comparison>;
  /** Cancels what runs and gives the space back; the same promise every time. */
  dispose(): Promise<void>;
}
