/** What a student is worth on text that no training looked at, by the evaluator that measures every file. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/index.js';
import { createYardstick, type Yardstick } from '../measure/index.js';
import { bitsPerByte, domainLoss, itemTokens, textBits, type LossItem, type TextBits } from '../models/index.js';

/** Of one file. What is null cannot be compared with a teacher that has other tokens. */
export interface Worth {
  readonly bytes: number;
  /** Mean KL divergence from the teacher in nats, and its standard error; 0 of the teacher itself. */
  readonly kld: number | null;
  readonly kldError: number | null;
  readonly bitsPerByte: number;
  /** Over the tokens that the file has. */
  readonly perplexity: number;
  readonly topTokenAgreement: number | null;
  /** Mean loss of the items' tokens, in nats; of a student with other tokens still for each of the teacher's. */
  readonly domainLoss: number;
}

const CHUNKS: readonly number[] = [512, 256, 128, 64, 32];
/** Fewer chunks would say little. */
const LEAST_CHUNKS = 4;
/** Whole items fit. */
const ITEM_CONTEXT = 1024;

export interface JudgeInput {
  readonly engine: Engine;
  readonly teacher: string;
  /** Every file that is asked about has the teacher's vocabulary. */
  readonly sameTokens: boolean;
  readonly items: readonly LossItem[];
  readonly workDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the held-out items with each file that is asked about. */
export interface Judge extends AsyncDisposable {
  /** 0 where whole items are read. */
  readonly chunks: number;
  readonly contextSize: number;
  teacher(bytes: number): Promise<Worth>;
  of(path: string, bytes: number): Promise<Worth>;
}

const bitsOf = (texts: readonly TextBits[]): number => texts.reduce((sum, { bits }) => sum + bits, 0);
const tokensOf = (texts: readonly TextBits[]): number => texts.reduce((sum, { tokens }) => sum + tokens, 0);

/** Files that cut text into other tokens: only what the whole text costs them compares. */
class ItemJudge implements Judge {
  readonly chunks = 0;
  readonly contextSize = ITEM_CONTEXT;
  readonly #input: JudgeInput;
  readonly #ofTeacher: readonly TextBits[];

  private constructor(input: JudgeInput, ofTeacher: readonly TextBits[]) {
    [this.#input, this.#ofTeacher] = [input, ofTeacher];
  }

  static async make(input: JudgeInput): Promise<ItemJudge> {
    return new ItemJudge(input, await ItemJudge.#read(input, input.teacher));
  }

  static async #read({ engine, items, threads, signal }: JudgeInput, path: string): Promise<TextBits[]> {
    await using model = await engine.load(path, { slots: 1, contextSize: ITEM_CONTEXT, threads, signal });
    return await textBits(model, items, { signal });
  }

  #worth(texts: readonly TextBits[], bytes: number): Worth {
    const nats = bitsOf(texts) * Math.LN2;
    return {
      bytes, kld: null, kldError: null, topTokenAgreement: null, bitsPerByte: bitsPerByte(texts),
      perplexity: Math.exp(nats / tokensOf(texts)), domainLoss: nats / tokensOf(this.#ofTeacher),
    };
  }

  teacher(bytes: number): Promise<Worth> {
    return Promise.resolve(this.#worth(this.#ofTeacher, bytes));
  }

  async of(path: string, bytes: number): Promise<Worth> {
    return this.#worth(await ItemJudge.#read(this.#input, path), bytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Files with the teacher's vocabulary: what they say of every token beside what it says. */
class ChunkJudge implements Judge {
  readonly #input: JudgeInput;
  readonly #yardstick: Yardstick;
  readonly contextSize: number;

  private constructor(input: JudgeInput, yardstick: Yardstick, contextSize: number) {
    [this.#input, this.#yardstick, this.contextSize] = [input, yardstick, contextSize];
  }

  static async make(input: JudgeInput): Promise<ChunkJudge> {
    const { engine, teacher, items, workDir, threads, signal } = input;
    const text = join(workDir, 'held-out.jsonl');
    await writeFile(text, items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    let tokens = 0;
    {
      await using model = await engine.load(teacher, { slots: 1, contextSize: 512, threads, signal });
      for (const item of items) tokens += (await itemTokens(model, item, signal)).length;
    }
    const contextSize = CHUNKS.find((size) => tokens >= LEAST_CHUNKS * size) ?? 8;
    return new ChunkJudge(input, await createYardstick({ engine, reference: teacher, text, contextSize, threads, signal }), contextSize);
  }

  get chunks(): number {
    return this.#yardstick.chunks;
  }

  async #loss(path: string): Promise<number> {
    const { engine, items, threads, signal } = this.#input;
    await using model = await engine.load(path, { slots: 1, contextSize: 512, threads, signal });
    return (await domainLoss(model, items, { signal })).meanLoss;
  }

  async teacher(bytes: number): Promise<Worth> {
    const { perplexity, bitsPerByte: bits } = this.#yardstick.reference;
    return { bytes, kld: 0, kldError: 0, bitsPerByte: bits, perplexity, topTokenAgreement: 1, domainLoss: await this.#loss(this.#input.teacher) };
  }

  async of(path: string, bytes: number): Promise<Worth> {
    const { kld, bitsPerByte: bits, perplexity, topTokenAgreement } = await this.#yardstick.compare(path, { signal: this.#input.signal });
    return { bytes, kld: kld.mean, kldError: kld.error, bitsPerByte: bits, perplexity, topTokenAgreement, domainLoss: await this.#loss(path) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#yardstick.dispose();
  }
}

/** Throws TARA_TEXT_TOO_SHORT, and what the evaluator throws. */
export const makeJudge = (input: JudgeInput): Promise<Judge> => (input.sameTokens ? ChunkJudge.make(input) : ItemJudge.make(input));
