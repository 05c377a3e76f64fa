/** Mean token loss of a model on a domain's own lines: the measure of what a merge or a quantization keeps. */
import { readFile } from 'node:fs/promises';
import type { Model } from '../engine/index.js';
import { TaraError } from '../errors.js';

/** A question with its answer, of which only the answer counts, or running text. */
export type LossItem = { readonly prompt: string; readonly response: string } | { readonly text: string };

export interface DomainLoss {
  readonly items: number;
  /** Tokens that were scored. */
  readonly tokens: number;
  /** Mean over those tokens, in nats. */
  readonly meanLoss: number;
}

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
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: cause.code ?? cause.message }, { cause });
  });
  if (text.length > MOST_BYTES) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `longer than ${MOST_BYTES} characters` });
  const items = path.endsWith('.jsonl')
    ? text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [itemOf(line, path, index + 1)]))
    : text.split(/\n\s*\n/).map((part) => part.trim()).filter((part) => part !== '').map((part) => ({ text: part }));
  if (items.length === 0) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'no lines to measure on' });
  return items;
}

/** The tokens of an item, and how many at the start are only context. */
async function tokensOf(model: Model, item: LossItem, signal: AbortSignal | undefined): Promise<{ tokens: Int32Array; context: number }> {
  if ('text' in item) return { tokens: await model.tokenize(item.text, { signal }), context: 1 };
  const asked = await model.applyChatTemplate([{ role: 'user', content: item.prompt }], { addGenerationPrompt: true });
  const context = await model.tokenize(asked, { parseSpecial: true, signal });
  const answer = await model.tokenize(item.response, { addSpecial: false, signal });
  return { tokens: Int32Array.from([...context, ...answer]), context: context.length };
}

/** Scores each item by itself; one longer than the context is cut to it. Items with nothing to score are left out. */
export async function domainLoss(model: Model, items: readonly LossItem[], signal?: AbortSignal): Promise<DomainLoss> {
  let tokens = 0;
  let loss = 0;
  let counted = 0;
  for (const item of items) {
    const { tokens: all, context } = await tokensOf(model, item, signal);
    const cut = all.subarray(0, model.info.contextSize);
    if (cut.length <= Math.max(1, context)) continue;
    const score = await model.score(cut, { promptTokens: context, signal });
    tokens += score.scored;
    loss += score.meanLoss * score.scored;
    counted += 1;
  }
  return { items: counted, tokens, meanLoss: tokens > 0 ? loss / tokens : Number.NaN };
}
