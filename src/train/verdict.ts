/** What a student is worth on text that no training looked at, by the evaluator that measures every file. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/index.js';
import { createYardstick, type Yardstick } from '../measure/index.js';
import { domainLoss, itemTokens, type LossItem } from '../models/index.js';

/** Of one file. */
export interface Worth {
  readonly bytes: number;
  /** Mean KL divergence from the teacher in nats, and its standard error; 0 of the teacher itself. */
  readonly kld: number;
  readonly kldError: number;
  readonly bitsPerByte: number;
  readonly perplexity: number;
  readonly topTokenAgreement: number;
  /** Mean loss of the items' tokens, in nats. */
  readonly domainLoss: number;
}

const CHUNKS: readonly number[] = [512, 256, 128, 64, 32];
/** Fewer chunks would say little. */
const LEAST_CHUNKS = 4;

export interface JudgeInput {
  readonly engine: Engine;
  readonly teacher: string;
  readonly items: readonly LossItem[];
  readonly workDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the held-out items with the teacher once, then with each file that is asked about. */
export class Judge {
  readonly #input: JudgeInput;
  readonly #yardstick: Yardstick;
  readonly #contextSize: number;

  private constructor(input: JudgeInput, yardstick: Yardstick, contextSize: number) {
    [this.#input, this.#yardstick, this.#contextSize] = [input, yardstick, contextSize];
  }

  /** Throws TARA_TEXT_TOO_SHORT, and what the evaluator throws. */
  static async make(input: JudgeInput): Promise<Judge> {
    const { engine, teacher, items, workDir, threads, signal } = input;
    const text = join(workDir, 'held-out.jsonl');
    await writeFile(text, items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    let tokens = 0;
    {
      await using model = await engine.load(teacher, { slots: 1, contextSize: 512, threads, signal });
      for (const item of items) tokens += (await itemTokens(model, item, signal)).length;
    }
    const contextSize = CHUNKS.find((size) => tokens >= LEAST_CHUNKS * size) ?? 8;
    return new Judge(input, await createYardstick({ engine, reference: teacher, text, contextSize, threads, signal }), contextSize);
  }

  get chunks(): number {
    return this.#yardstick.chunks;
  }

  get contextSize(): number {
    return this.#contextSize;
  }

  async #loss(path: string): Promise<number> {
    const { engine, items, threads, signal } = this.#input;
    await using model = await engine.load(path, { slots: 1, contextSize: 512, threads, signal });
    return (await domainLoss(model, items, { signal })).meanLoss;
  }

  async teacher(bytes: number): Promise<Worth> {
    const { perplexity, bitsPerByte } = this.#yardstick.reference;
    return { bytes, kld: 0, kldError: 0, bitsPerByte, perplexity, topTokenAgreement: 1, domainLoss: await this.#loss(this.#input.teacher) };
  }

  async of(path: string, bytes: number): Promise<Worth> {
    const { kld, bitsPerByte, perplexity, topTokenAgreement } = await this.#yardstick.compare(path, { signal: this.#input.signal });
    return { bytes, kld: kld.mean, kldError: kld.error, bitsPerByte, perplexity, topTokenAgreement, domainLoss: await this.#loss(path) };
  }

  dispose(): Promise<void> {
    return this.#yardstick.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
