/**
 * Which channels of feed-forward networks can go, and what the weights that read them should then be: least squares on what the
 * networks compute while the model reads texts (native/measure/narrow.h tells the method and its source).
 */
import type { Model } from '../engine/index.js';
import { nativeCall, startJob } from '../engine/jobs.js';
import { runnerOf } from '../engine/model.js';
import type { SafetensorsDtype } from '../formats/index.js';
import type { ProgressOptions } from './evaluate-types.js';
import { joined, shareOf } from './sequences.js';

export interface ChannelLayer {
  readonly layer: number;
  /** GGUF name of the weight that reads the channels. */
  readonly tensor: string;
  /** Channels. */
  readonly size: number;
  /** Of the weight. */
  readonly rows: number;
}

/** What is asked of a layer. */
export interface NarrowingRequest {
  /** Its index in the list that the moments were made with. */
  readonly index: number;
  readonly dtype: SafetensorsDtype;
  /** The weight, [rows, size] row by row. */
  readonly bytes: Uint8Array;
  /** The next layer goes: what it does is to be made up for as far as this one can. */
  readonly next: boolean;
  /** Numbers of channels that may stay. */
  readonly widths: readonly number[];
}

export interface Narrowed {
  readonly index: number;
  readonly width: number;
  /** Channels, ascending. */
  readonly kept: readonly number[];
  /** [rows, width] row by row. */
  readonly weight: Float32Array;
  /** Mean squared difference from the outputs before, by those. */
  readonly error: number;
}

export class ChannelMoments implements Disposable {
  readonly #id: number;

  /** `limit`: bytes that the moments may take, 4 size (size / 2 + rows) for each layer. Throws TARA_OUT_OF_MEMORY. */
  constructor(layers: readonly ChannelLayer[], limit: number) {
    this.#id = (nativeCall('measure.moments', { layers, limit }) as { moments: number }).moments;
  }

  /**
   * Adds what the model computes over the sequences; once. Gives each layer's influence: the mean of 1 - cos between the residual stream
   * before and after it, 0 for the first layer, which has none before. Rejects with TARA_ABORTED, TARA_CONTEXT_FULL, TARA_MODEL_UNSUPPORTED.
   */
  async read(model: Model, sequences: readonly Int32Array[], { signal, onProgress }: ProgressOptions = {}): Promise<number[]> {
    const params = { runner: runnerOf(model), moments: this.#id, lengths: sequences.map(({ length }) => length) };
    const job = startJob('measure.read_moments', params, { blobs: [joined(sequences)], signal, onProgress: shareOf(onProgress) });
    // The job keeps the model: forgotten ones are closed, and this one is in use.
    const { data } = await job.done.finally(() => model);
    return (data as { influence: number[] }).influence;
  }

  /** Every width of every request. A layer that loses nothing keeps its weight to the bit. Rejects with TARA_ABORTED, TARA_LOGITS_INVALID. */
  async narrow(requests: readonly NarrowingRequest[], { threads = 0, signal, onProgress }: ProgressOptions & { readonly threads?: number | undefined } = {}): Promise<Narrowed[]> {
    const made: Narrowed[] = [];
    const layers = requests.map(({ index, dtype, next, widths }) => ({ index, dtype, next, widths }));
    await startJob('measure.narrow', { moments: this.#id, threads, layers }, {
      blobs: requests.map(({ bytes }) => bytes),
      signal,
      onProgress: shareOf(onProgress),
      onChunk: ({ data, blob }) => made.push({ ...(data as Omit<Narrowed, 'weight'>), weight: new Float32Array(blob ?? new ArrayBuffer(0)) }),
    }).done;
    return made.sort((a, b) => a.index - b.index || b.width - a.width);
  }

  [Symbol.dispose](): void {
    nativeCall('measure.drop', { moments: this.#id });
  }
}
