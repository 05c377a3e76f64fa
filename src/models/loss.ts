/** Mean token loss of a model on a domain's own lines: the measure of what a merge or a quantization keeps. */
import { readFile } from 'node:fs/promises';
import type { Model, ScoreOptions } from '../engine/index.js';
import { TaraError } from '../errors.js';
import { readError } from '../read-error.js';

/** A question with its answer, or running text. */
export type LossItem = { readonly prompt: string; readonly response: string } | { readonly text: string };

export interface DomainLoss {
  readonly items: number;
  /** Tokens that were scored. */
  readonly tokens: number;
  /** Mean over those tokens, in nats. */
  readonly meanLoss: number;
}

/** `adapters`: those of the model's GGUF LoRAs that it is measured with, by name, with their scales. */
export type LossOptions = Pick<ScoreOptions, 'signal' | 'adapters'>;

/** What counts of an item: a long one then outweighs no short ones, and a measurement ends in seconds. */
export const LOSS_TOKENS = 160;

const MOST_BYTES = 64 << 20;

function itemOf(line: string, path: string, number: number): LossItem {
  const refuse = (reason: string) => new TaraError('TARA_CONFIG_INVALID', { path, reason: `line ${number}: ${reason}` });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw refuse('not JSON');
  }
  if (typeof value === 'object' && value !== null) {
    const { prompt, response, text } = value as Record<string, unknown>;
    if (typeof prompt === 'string' && typeof response === 'string') return { prompt, response };
    if (typeof text === 'string') return { text };
  }
  throw refuse('expected { "prompt", "response" } or { "text" }');
}

/** The items of a .jsonl file, or the paragraphs of any other text file. TARA_CONFIG_INVALID names the line that is wrong. */
export async function readLossItems(path: string): Promise<LossItem[]> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  if (text.length > MOST_BYTES) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `longer than ${MOST_BYTES} characters` });
  const items = path.endsWith('.jsonl')
    ? text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [itemOf(line, path, index + 1)]))
    : text.split(/\n\s*\n/).map((part) => part.trim()).filter((part) => part !== '').map((part) => ({ text: part }));
  if (items.length === 0) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'no lines to measure on' });
  return items;
}

/** An item's tokens: running text by itself, a question and its answer as the model's chat template writes the whole exchange. */
export async function itemTokens(model: Model, item: LossItem, signal: AbortSignal | undefined): Promise<Int32Array> {
  if ('text' in item) return model.tokenize(item.text, { signal });
  const exchange = [{ role: 'user', content: item.prompt }, { role: 'assistant', content: item.response }];
  // The template writes the start token where there is one, as transformers takes it.
  return model.tokenize(await model.applyChatTemplate(exchange, { addGenerationPrompt: false }), { addSpecial: false, parseSpecial: true, signal });
}

/** The items' tokens, each cut to LOSS_TOKENS and to the context. Items without a token to predict are left out. */
export async function lossTokens(model: Model, items: readonly LossItem[], { signal }: Pick<LossOptions, 'signal'> = {}): Promise<Int32Array[]> {
  const limit = Math.min(LOSS_TOKENS, model.info.contextSize);
  const all: Int32Array[] = [];
  for (const item of items) all.push((await itemTokens(model, item, signal)).subarray(0, limit));
  return all.filter(({ length }) => length > 1);
}

/** The loss of every token but the first, each sequence scored by itself. */
export async function tokenLoss(model: Model, sequences: readonly Int32Array[], options: LossOptions = {}): Promise<DomainLoss> {
  let tokens = 0;
  let loss = 0;
  for (const sequence of sequences) {
    const score = await model.score(sequence, options);
    tokens += score.scored;
    loss += score.meanLoss * score.scored;
  }
  return { items: sequences.length, tokens, meanLoss: tokens > 0 ? loss / tokens : Number.NaN };
}

/**
 * Mean loss over the first LOSS_TOKENS tokens of every item, prompts and the template's own tokens included: what an
 * adapter is trained on, and what `transformers` gives for `apply_chat_template` of the exchange, truncated.
 */
export const domainLoss = async (model: Model, items: readonly LossItem[], options: LossOptions = {}): Promise<DomainLoss> =>
  tokenLoss(model, await lossTokens(model, items, options), options);
