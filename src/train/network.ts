/** A network that is trained: the typed face of native/train. */
import { startJob, nativeCall, type JobResult } from '../engine/jobs.js';
import type { Layout } from './architecture.js';
import { asTeacher, type Spelling } from './spelling.js';

/** What of a network is trained. */
export interface Trainable {
  readonly norms: boolean;
  /** A factor for each quantization block, of matrices whose type has room for it. */
  readonly scales: boolean;
  /** Of LoRA; 0 = none. */
  readonly rank: number;
  /** LoRA on matrices whose factors are not trained only. */
  readonly rest: boolean;
  readonly seed: number;
}

export const NOTHING: Trainable = { norms: false, scales: false, rank: 0, rest: false, seed: 0 };

/** A stretch of the parameters. */
export interface Section {
  readonly tensor: string;
  readonly part: 'norm' | 'scale' | 'lora_a' | 'lora_b';
  readonly offset: number;
  readonly count: number;
}

/** Of a row of soft labels: the most likely tokens, and those drawn from the rest. */
export interface LabelShape {
  readonly top: number;
  readonly drawn: number;
}
export const labelBytes = ({ top, drawn }: LabelShape): number => 4 * (2 + 2 * top + drawn);

/** Sequences in groups, each of which one thread works through at once. */
export interface Batch {
  readonly groups: readonly (readonly Int32Array[])[];
}

/** With a row of soft labels for each token, in order. */
export interface LabelledBatch extends Batch {
  readonly labels: Uint8Array;
}

/** Steps of the optimizer: how far each kind of parameter moves at most. */
export interface Rates {
  readonly norm: number;
  readonly scale: number;
  readonly lora: number;
  /** Weight decay of LoRA. */
  readonly decay: number;
  /** The longest gradient; longer ones are shortened. 0 = any. */
  readonly clip: number;
}

/** The sum over tokens of the KL divergence from the labels, in nats. */
export interface Divergence {
  readonly divergence: number;
  readonly tokens: number;
}

export interface StepResult extends Divergence {
  /** Of the gradient of the mean, before it was limited. */
  readonly length: number;
  readonly steps: number;
}

/** Parameters and both moments of the optimizer, as float32. */
export interface State {
  readonly steps: number;
  readonly bytes: Uint8Array;
}

const bytesOf = (array: Int32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const tokensOf = ({ groups }: Batch): Uint8Array => Buffer.concat(groups.flat().map(bytesOf));
const blobOf = ({ blob }: JobResult): ArrayBuffer => blob ?? new ArrayBuffer(0);

export class Network {
  readonly #id: number;
  readonly sections: readonly Section[];
  readonly parameters: number;
  readonly #threads: number;
  readonly #signal: AbortSignal | undefined;

  private constructor(id: number, { sections, parameters }: Pick<Network, 'sections' | 'parameters'>, threads: number, signal: AbortSignal | undefined) {
    this.#id = id;
    this.sections = sections;
    this.parameters = parameters;
    this.#threads = threads;
    this.#signal = signal;
  }

  /** Reads a file's weights. `threads` 0 = every core; the signal ends whatever the network does. Rejects with TARA_FILE_CHANGED, TARA_FILE_UNREADABLE, TARA_ABORTED. */
  static async open(layout: Layout, wanted: Trainable, { threads = 0, signal }: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<Network> {
    const { data } = await startJob('train.open', { ...layout, wanted, threads }, { signal }).done;
    const { network, ...rest } = data as { network: number } & Pick<Network, 'sections' | 'parameters'>;
    return new Network(network, rest, threads, signal);
  }

  #run(kind: string, params: object, blobs: readonly Uint8Array[] = []): Promise<JobResult> {
    return startJob(`train.${kind}`, { network: this.#id, threads: this.#threads, ...params }, { blobs, signal: this.#signal }).done;
  }

  #batch(kind: string, batch: Batch, params: object, more: readonly Uint8Array[]): Promise<JobResult> {
    return this.#run(kind, { groups: batch.groups.map((group) => group.map(({ length }) => length)), ...params }, [tokensOf(batch), ...more]);
  }

  /** A row of soft labels for each token. The same seed draws the same. With a spelling, tokens and labels are those of the student that it is for. */
  async teach(batch: Batch, labels: LabelShape, seed: number, spelling?: Spelling | null): Promise<Uint8Array> {
    if (!spelling) return new Uint8Array(blobOf(await this.#batch('teach', batch, { labels, seed }, [])));
    const groups = batch.groups.map((group) => group.map((tokens) => asTeacher(spelling, tokens)));
    return new Uint8Array(blobOf(await this.#batch('teach', { groups }, { labels, seed, pieces: spelling.teacherIds.length }, [bytesOf(spelling.starts), bytesOf(spelling.pieces)])));
  }

  /** Logits of every token of one sequence, a row each. */
  async logits(tokens: Int32Array): Promise<Float32Array> {
    return new Float32Array(blobOf(await this.#batch('logits', { groups: [[tokens]] }, {}, [])));
  }

  async measure(batch: LabelledBatch, labels: LabelShape): Promise<Divergence> {
    return (await this.#batch('measure', batch, { labels }, [batch.labels])).data as Divergence;
  }

  /** The gradient of the mean divergence with respect to every parameter. */
  async gradient(batch: LabelledBatch, labels: LabelShape): Promise<Divergence & { readonly gradient: Float32Array }> {
    const result = await this.#batch('gradient', batch, { labels }, [batch.labels]);
    return { ...(result.data as Divergence), gradient: new Float32Array(blobOf(result)) };
  }

  /** One step of the optimizer. Rejects with TARA_TRAINING_DIVERGED, having changed nothing. */
  async step(batch: LabelledBatch, labels: LabelShape, rates: Rates): Promise<StepResult> {
    return (await this.#batch('step', batch, { labels, rates }, [batch.labels])).data as StepResult;
  }

  async state(): Promise<State> {
    const result = await this.#run('state', {});
    return { ...(result.data as { steps: number }), bytes: new Uint8Array(blobOf(result)) };
  }

  async restore({ steps, bytes }: State): Promise<void> {
    await this.#run('restore', { steps }, [bytes]);
  }

  /** The bytes of a matrix with its factors in them. */
  async scaled(tensor: string): Promise<Uint8Array> {
    return new Uint8Array(blobOf(await this.#run('scaled', { tensor })));
  }

  /** Gives the weights back once what runs has ended. */
  close(): void {
    nativeCall('train.close', { network: this.#id });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
