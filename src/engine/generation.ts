/** A generation as an async iterable: chunks are kept, so a slow reader loses none and several readers see the same. */
import { asTaraError, type TaraError } from '../errors.js';
import type { Job, JobResult } from './jobs.js';
import type { Chunk, Generation, GenerationResult, TokenCandidate, Usage } from './types.js';

type NativeResult = Omit<GenerationResult, 'text'>;
type NativeCandidate = Omit<TokenCandidate, 'text'>;
type NativeLogprob = NativeCandidate & { readonly top: readonly NativeCandidate[] };
type NativeChunk = Omit<Chunk, 'logprobs'> & { readonly logprobs?: readonly NativeLogprob[] };

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const candidateOf = ({ id, bytes, logprob }: NativeCandidate): TokenCandidate => ({ id, text: decoder.decode(Uint8Array.from(bytes)), bytes, logprob });
const chunkOf = ({ logprobs, ...chunk }: NativeChunk): Chunk =>
  logprobs ? { ...chunk, logprobs: logprobs.map((token) => ({ ...candidateOf(token), top: token.top.map(candidateOf) })) } : chunk;

/** Starts the native job; it is handed the receiver of chunks. */
export type StartGeneration = (onChunk: (chunk: JobResult) => void) => Promise<Job>;

export class NativeGeneration implements Generation {
  readonly result: Promise<GenerationResult>;
  readonly usage: Promise<Usage>;
  readonly #chunks: Chunk[] = [];
  #wake: (() => void)[] = [];
  #ended = false;
  #failure: TaraError | undefined;
  #job: Job | undefined;
  #cancelled = false;

  constructor(start: StartGeneration) {
    this.result = this.#run(start);
    this.usage = this.result.then(({ usage }) => usage);
    // Who only iterates sees the failure there; it must not count as unhandled here.
    this.result.catch(() => undefined);
    this.usage.catch(() => undefined);
  }

  async #run(start: StartGeneration): Promise<GenerationResult> {
    try {
      this.#job = await start((chunk) => this.#receive(chunkOf(chunk.data as NativeChunk)));
      if (this.#cancelled) this.#job.cancel();
      const { data } = await this.#job.done;
      return { text: this.#chunks.map((chunk) => chunk.text).join(''), ...(data as NativeResult) };
    } catch (thrown) {
      this.#failure = asTaraError(thrown);
      throw this.#failure;
    } finally {
      this.#ended = true;
      this.#notify();
    }
  }

  #receive(chunk: Chunk): void {
    this.#chunks.push(chunk);
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#job?.cancel();
  }

  async text(): Promise<string> {
    return (await this.result).text;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, undefined> {
    try {
      for (let next = 0; ;) {
        const chunk = this.#chunks[next];
        if (chunk !== undefined) {
          next += 1;
          yield chunk;
        } else if (this.#ended) {
          if (this.#failure) throw this.#failure;
          return;
        } else {
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      }
    } finally {
      if (!this.#ended) this.cancel();
    }
  }
}
