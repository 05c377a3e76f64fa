/** RegMean over low-rank changes (Jin et al. 2023): second moments of matrices' inputs, and the factors that follow from them. */
import { nativeCall, startJob } from '../engine/jobs.js';
import { runnerOf } from '../engine/model.js';
import type { Model } from '../engine/index.js';
import type { SafetensorsDtype } from '../formats/index.js';

export interface FusedMatrix {
  /** GGUF name of the weight. */
  readonly tensor: string;
  /** Length of its inputs. */
  readonly size: number;
}

/** The A of a change B A that a domain makes to a matrix. */
export interface FusionFactor {
  /** Its index in the list that the fusion was made with; a domain changes a matrix once at most. */
  readonly matrix: number;
  readonly rank: number;
  readonly dtype: SafetensorsDtype;
  /** [rank, size] row by row. */
  readonly bytes: Uint8Array;
}

export interface DomainReading {
  /** 0..domains-1; each is read once. */
  readonly domain: number;
  /** How much the domain's moments count. */
  readonly weight: number;
  readonly sequences: readonly Int32Array[];
  readonly factors: readonly FusionFactor[];
}

/** The A that takes the place of a domain's. */
export interface FusedFactor {
  readonly matrix: number;
  readonly domain: number;
  readonly a: Float32Array;
}

export interface FusionOptions {
  readonly signal?: AbortSignal | undefined;
  /** 0..1 */
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

export interface FeedbackOptions extends FusionOptions {
  readonly ridge: number;
  readonly shrink: number;
  /** By its place in inputs(). */
  readonly onFactor: (input: number, factor: Uint8Array) => void;
  readonly threads?: number | undefined;
}

const shareOf = (onProgress: FusionOptions['onProgress']) => (progress: unknown): void => {
  const { done, total } = progress as { done: number; total: number };
  onProgress?.(done / total);
};

function joined(sequences: readonly Int32Array[]): Uint8Array {
  const tokens = new Int32Array(sequences.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sequence of sequences) {
    tokens.set(sequence, at);
    at += sequence.length;
  }
  return new Uint8Array(tokens.buffer);
}

/**
 * With B_d A_d what domain d adds to a matrix and G_d its inputs' mean second moments there, solve gives
 * A_d G_d (sum_e G_e)^-1: summed over the domains, B_d times these comes closest, in squares, to what every domain's own
 * change does to its own inputs. The same readings in the same order give the same numbers, with any number of threads.
 */
export class Fusion implements Disposable {
  readonly #id: number;

  /** `limit`: bytes that the sums of moments may take, 2 size^2 for each tensor that matrices read. */
  constructor(matrices: readonly FusedMatrix[], domains: number, limit: number) {
    this.#id = (nativeCall('measure.fusion', { matrices, domains, limit }) as { fusion: number }).fusion;
  }

  /**
   * Adds the moments of a domain's texts, read by its model; the tokens that were read. Rejects with TARA_ABORTED,
   * TARA_OUT_OF_MEMORY, TARA_CONTEXT_FULL, TARA_PROMPT_EMPTY, TARA_MODEL_UNSUPPORTED; the fusion is then of no more use.
   */
  async observe(model: Model, { domain, weight, sequences, factors }: DomainReading, { signal, onProgress }: FusionOptions = {}): Promise<number> {
    const params = {
      runner: runnerOf(model), fusion: this.#id, domain, weight,
      lengths: sequences.map(({ length }) => length),
      factors: factors.map(({ matrix, rank, dtype }) => ({ matrix, rank, dtype })),
    };
    const blobs = [joined(sequences), ...factors.map(({ bytes }) => bytes)];
    const job = startJob('measure.observe', params, { blobs, signal, onProgress: shareOf(onProgress) });
    // The job keeps the model: forgotten ones are closed, and this one is in use.
    const { data } = await job.done.finally(() => model);
    return (data as { tokens: number }).tokens;
  }

  /**
   * The new factors, and the tensors that no model multiplied by. `shrink`: what off-diagonal moments count, 0..1.
   * Rejects with TARA_ABORTED, TARA_LOGITS_INVALID.
   */
  async solve(shrink: number, { threads = 0, signal, onProgress }: FusionOptions & { readonly threads?: number | undefined } = {}): Promise<{ factors: FusedFactor[]; unseen: string[] }> {
    const factors: FusedFactor[] = [];
    const { data } = await startJob('measure.solve', { fusion: this.#id, shrink, threads }, {
      signal,
      onProgress: shareOf(onProgress),
      onChunk: ({ data: of, blob }) => {
        const { matrix, domain } = of as { matrix: number; domain: number };
        factors.push({ matrix, domain, a: new Float32Array(blob ?? new ArrayBuffer(0)) });
      },
    }).done;
    return { factors: factors.sort((a, b) => a.matrix - b.matrix || a.domain - b.domain), unseen: (data as { unseen: string[] }).unseen };
  }

  /** The inputs that were met, and the weights that read each. */
  inputs(): { size: number; tensors: string[] }[] {
    return nativeCall('measure.inputs', { fusion: this.#id }) as { size: number; tensors: string[] }[];
  }

  /**
   * Each input's factor for rounding with error feedback, [size, size] in float32: D on the diagonal and M above it, with
   * M D M^T the moments, `ridge` of their mean diagonal added to it; off-diagonal ones count `shrink`, 0..1. The tensors that no
   * model multiplied by. Rejects with TARA_ABORTED, TARA_LOGITS_INVALID.
   */
  async feedback({ ridge, shrink, onFactor, threads = 0, signal, onProgress }: FeedbackOptions): Promise<string[]> {
    const { data } = await startJob('measure.feedback', { fusion: this.#id, ridge, shrink, threads }, {
      signal,
      onProgress: shareOf(onProgress),
      onChunk: ({ data: of, blob }) => onFactor((of as { input: number }).input, new Uint8Array(blob ?? new ArrayBuffer(0))),
    }).done;
    return (data as { unseen: string[] }).unseen;
  }

  [Symbol.dispose](): void {
    nativeCall('measure.free', { fusion: this.#id });
  }
}
