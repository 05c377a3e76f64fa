/** What the search knows of a model: which tensors it may change, what each type costs there, and how a mix is measured. Data only. */

/** A type that a tensor may take. */
export interface Candidate {
  /** ggml type in lower case. */
  readonly type: string;
  readonly bytes: number;
  /** Sum of importance-weighted squared rounding errors over all rows. */
  readonly error: number;
}

/** A tensor whose type is to be chosen. */
export interface Variable {
  readonly name: string;
  /** The tensors that do the same in every layer: `ffn_down.weight`; `token_embd.weight`. */
  readonly part: string;
  /** Null outside the layers. */
  readonly layer: number | null;
  readonly weights: number;
  /** By bytes; each has a smaller error than the one before it. */
  readonly candidates: readonly Candidate[];
}

/** ggml type by tensor name. */
export type Types = Readonly<Record<string, string>>;

/** A mix against the unquantized model, on some text. */
export interface Measured {
  /** Mean KL divergence, in nats a token. */
  readonly kld: number;
  /** Standard error of that mean. */
  readonly error: number;
  /** Share of tokens with the same most likely successor, 0..1. */
  readonly agreement: number;
  readonly perplexity: number;
  /** Mean KL divergence of each chunk. */
  readonly chunks: readonly number[];
}

/** Three texts that share no passage: sensitivities come from the first, swaps are accepted on the second, the result is judged on the third. */
export type Sample = 'probe' | 'accept' | 'verdict';

/** With error feedback where a type and a tensor allow it, or every value by itself, as llama-quantize rounds. */
export type Rounding = 'feedback' | 'plain';

/** Measures a mix, rounded with feedback unless told otherwise; the same mix on the same sample costs nothing the second time. */
export type Measure = (types: Types, sample: Sample, rounding?: Rounding) => Promise<Measured>;

/** 0..1, and what is being done. */
export type Progress = (fraction: number, detail: string) => void;

export const bytesOf = (variables: readonly Variable[], types: Types): number =>
  variables.reduce((sum, { name, candidates }) => sum + (candidates.find(({ type }) => type === types[name])?.bytes ?? 0), 0);
