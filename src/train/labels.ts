/** The teacher's soft labels of many sequences: computed once, kept in a file, read a batch at a time. */
import { open, type FileHandle } from 'node:fs/promises';
import { readError } from '../read-error.js';
import { TaraError } from '../errors.js';
import { labelBytes, type LabelledBatch, type LabelShape, type Network } from './network.js';
import type { Spelling } from './spelling.js';
import { batchesOf, batchOf, grouped } from './texts.js';
import { writeError } from '../write-whole.js';

/** 50 tokens carry 90 % and more of a distribution; the rest is drawn. */
export const LABELS: LabelShape = { top: 48, drawn: 16 };
const TEACH_TOKENS = 2048;

/** Opens the teacher, and how a student with other tokens reads it. */
export interface Teacher {
  readonly open: () => Promise<Network>;
  readonly spelling: Spelling | null;
}

export class Labels {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #sequences: readonly Int32Array[];
  /** Of each sequence, in bytes; then the end. */
  readonly #starts: readonly number[];

  private constructor(file: FileHandle, path: string, sequences: readonly Int32Array[], starts: readonly number[]) {
    [this.#file, this.#path, this.#sequences, this.#starts] = [file, path, sequences, starts];
  }

  /**
   * Asks the teacher about every sequence, whose tokens are the student's. A file that has all of the labels already is taken as it is: its name must
   * tell teacher and texts apart. Throws TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_ABORTED, TARA_LOGITS_INVALID.
   */
  static async make(path: string, sequences: readonly Int32Array[], teacher: Teacher, onProgress?: (fraction: number) => void): Promise<Labels> {
    const row = labelBytes(LABELS);
    const starts = [0];
    for (const { length } of sequences) starts.push((starts.at(-1) ?? 0) + length * row);
    const end = starts.at(-1) ?? 0;
    const file = await open(path, 'a+').catch((thrown: unknown) => { throw readError(path, thrown); });
    const labels = new Labels(file, path, sequences, starts);
    try {
      const have = (await file.stat()).size;
      if (have !== end) await labels.#write(have > end ? 0 : have, teacher, onProgress);
      return labels;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** Batch after batch, the same ones always: an interrupted run goes on with the first that is not whole. */
  async #write(have: number, { open: openTeacher, spelling }: Teacher, onProgress: ((fraction: number) => void) | undefined): Promise<void> {
    const batches = batchesOf(this.#sequences, this.#sequences.map((_, index) => index), TEACH_TOKENS);
    const left = batches.filter((batch) => this.#end(batch) > have);
    await this.#file.truncate(this.#starts[left[0]?.[0] ?? 0]);
    using network = await openTeacher();
    for (const batch of left) {
      await this.#file.appendFile(await this.#taught(network, spelling, batch)).catch((thrown: unknown) => {
        throw writeError(this.#path, thrown, this.#starts.at(-1));
      });
      onProgress?.(this.#end(batch) / (this.#starts.at(-1) ?? 1));
    }
  }

  #end(batch: readonly number[]): number {
    return this.#starts[(batch.at(-1) ?? 0) + 1] ?? 0;
  }

  /** The labels of a batch in the order of its sequences, which threads take in another one. */
  async #taught(network: Network, spelling: Spelling | null, batch: readonly number[]): Promise<Uint8Array> {
    const groups = grouped(this.#sequences, batch);
    const rows = await network.teach(batchOf(this.#sequences, groups), LABELS, batch[0] ?? 0, spelling);
    const pieces = new Map<number, Uint8Array>();
    let at = 0;
    for (const index of groups.flat()) {
      const bytes = (this.#starts[index + 1] ?? 0) - (this.#starts[index] ?? 0);
      pieces.set(index, rows.subarray(at, at + bytes));
      at += bytes;
    }
    return Buffer.concat(batch.map((index) => pieces.get(index) ?? new Uint8Array(0)));
  }

  /** Sequences by their index, grouped for the threads, with their labels. */
  async batch(indices: readonly number[]): Promise<LabelledBatch> {
    const groups = grouped(this.#sequences, indices);
    const pieces: Uint8Array[] = [];
    for (const index of groups.flat()) {
      const [from, to] = [this.#starts[index] ?? 0, this.#starts[index + 1] ?? 0];
      const piece = new Uint8Array(to - from);
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, from);
      if (bytesRead !== piece.length) throw new TaraError('TARA_FILE_CHANGED', { path: this.#path });
      pieces.push(piece);
    }
    return { ...batchOf(this.#sequences, groups), labels: Buffer.concat(pieces) };
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
