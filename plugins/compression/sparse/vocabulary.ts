/** How many tokens the model can lose: the order in which they go, and what some numbers of them cost. */

import { expectedTokens, readVocabulary, sequencesOf, TaraError, type Model, type TextBits, type Vocabulary } from 'tara-gguf';
import { z } from 'zod';
import type { Cache } from '../hybrid/cache.js';
import { bitsOf, inBits, inTokens, someItems, withCut, type BenchOptions } from './bench.js';
import { goingTokens, keptTokens, TOKEN_STEP } from './tokens.js';
import type { MeasuredTokens, Progress } from './world.js';

/** Tokens of a text that the model reads for its expectations. */
const READ = 12_000;
const CONTEXT = 512;
/** Shares of the vocabulary whose cost is measured. */
const SHARES = [0.7, 0.58, 0.5, 0.42, 0.34, 0.25] as const;
/** Characters that are measured. */
const MEASURED = 14_000;

export interface Ordered {
  readonly vocabulary: Vocabulary;
  /** Token ids, in the order in which they go. */
  readonly going: readonly number[];
}

/** What was expected of each token, and those that the chat template writes. */
const expectedSchema = z.object({ expected: z.array(z.number()), template: z.array(z.number()) });
type Expected = z.infer<typeof expectedSchema>;
/** Bits that the judged items take with some numbers of tokens, and tokens that they are with the whole vocabulary. */
const curveSchema = z.object({ tokens: z.number(), bits: z.array(z.object({ count: z.number(), bits: z.number() })) });

const SAID = 'a';

/** Tokens that the chat template writes, whatever is said: every exchange has them, and calibration text need not. */
async function templateTokens(model: Model): Promise<number[]> {
  const found = new Set<number>();
  const exchange = [{ role: 'user', content: SAID }, { role: 'assistant', content: SAID }];
  for (const messages of [exchange, [{ role: 'system', content: SAID }, ...exchange]]) {
    try {
      const text = await model.applyChatTemplate(messages, { addGenerationPrompt: true });
      for (const id of await model.tokenize(text, { addSpecial: false, parseSpecial: true })) found.add(id);
    } catch (thrown) {
      // Some models have no template, and some templates take no system message.
      if (!(thrown instanceof TaraError)) throw thrown;
    }
  }
  return [...found];
}

/** What the model expects on texts of this kind, beside what they hold: a text of some thousand lines lacks many words of its kind. */
async function expectations({ engine, model: path, threads, signal }: BenchOptions, texts: readonly string[], tell: (fraction: number) => void): Promise<Expected> {
  await using model: Model = await engine.load(path, { contextSize: CONTEXT, slots: 1, threads, signal });
  const counts = new Float64Array(model.info.vocabularySize);
  let total = 0;
  const read: Int32Array[] = [];
  for (const text of texts) {
    const all = await sequencesOf(model, text, { contextSize: CONTEXT, chunks: Number.MAX_SAFE_INTEGER, signal });
    for (const sequence of all) for (const id of sequence) counts[id] = (counts[id] ?? 0) + 1;
    total += all.reduce((sum, { length }) => sum + length, 0);
    read.push(...(await sequencesOf(model, text, { contextSize: CONTEXT, chunks: Math.max(1, Math.floor(READ / CONTEXT / texts.length)), signal })));
  }
  const expected = await expectedTokens(model, read, { signal, onProgress: tell });
  const scale = total / read.reduce((sum, { length }) => sum + length, 0);
  const digits = 6;
  return { expected: Array.from(expected, (value, id) => Number((value * scale + (counts[id] ?? 0)).toPrecision(digits))), template: await templateTokens(model) };
}

/** The tokens and all that they are merged from. */
function withParts(tokens: Iterable<number>, { parts }: Pick<Vocabulary, 'parts'>): Set<number> {
  const all = new Set(tokens);
  // A set that is walked also gives what is added on the way.
  for (const id of all) for (const part of parts[id] ?? []) all.add(part);
  return all;
}

/** `texts`: files that tokens are counted in. Rejects with TARA_PRUNING_REFUSED for a vocabulary that cannot be cut. */
export async function orderTokens(options: BenchOptions, texts: readonly string[], cache: Cache, onProgress: Progress): Promise<Ordered> {
  const whole = await readVocabulary(options.model);
  const known = await cache.read('expected.json', expectedSchema);
  const { expected, template } = known ?? (await expectations(options, texts, (fraction) => onProgress(fraction, 'which tokens are expected')));
  if (!known) await cache.write('expected.json', { expected, template });
  const vocabulary = { ...whole, required: withParts([...whole.required, ...template], whole) };
  return { vocabulary, going: goingTokens(vocabulary, expected) };
}

/** Nats that a token of the whole vocabulary costs more. */
export const addedLoss = (before: readonly TextBits[], after: readonly TextBits[]): number => ((inBits(after) - inBits(before)) * Math.LN2) / inTokens(before);

/** Some numbers of tokens, measured in the preset's types on the text of `probe`. */
export async function measureTokens(options: BenchOptions, { vocabulary, going }: Ordered, probe: string, cache: Cache, onProgress: Progress): Promise<MeasuredTokens[]> {
  const name = `tokens-${options.preset}.json`;
  const items = await someItems(probe, MEASURED);
  const counts = SHARES.map((share) => Math.round((vocabulary.size * share) / TOKEN_STEP) * TOKEN_STEP).filter((count) => count > vocabulary.required.size && count < vocabulary.size);
  const tell = (step: number) => (fraction: number): void => onProgress((step + fraction) / (counts.length + 1), step === 0 ? 'the whole vocabulary' : `${counts[step - 1] ?? 0} tokens`);
  let known = (await cache.read(name, curveSchema)) ?? { tokens: 0, bits: [] };
  for (const [step, count] of [vocabulary.size, ...counts].entries()) {
    if (known.bits.some((one) => one.count === count)) continue;
    const pruning = count === vocabulary.size ? {} : { tokens: keptTokens(vocabulary, going, count) };
    const texts = await withCut(options, pruning, options.preset, (path) => bitsOf(options, path, items, tell(step)));
    known = { tokens: step === 0 ? inTokens(texts) : known.tokens, bits: [...known.bits, { count, bits: inBits(texts) }] };
    await cache.write(name, known);
  }
  const whole = known.bits[0]?.bits ?? 0;
  let least = 0;
  // Fewer tokens never lose less: what says so is noise.
  return known.bits.map(({ count, bits }) => ({ tokens: count, loss: (least = Math.max(least, ((bits - whole) * Math.LN2) / known.tokens)) }));
}

/** Tokens a byte of text. */
export async function tokensPerByte(texts: readonly string[], model: Model): Promise<number> {
  let tokens = 0;
  for (const text of texts) tokens += (await model.tokenize(text, { addSpecial: false })).length;
  return tokens / texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
