/** Bits per byte over whole texts: comparable between models that cut a text into other tokens, since both are measured on the same bytes. */
import type { Model } from '../engine/index.js';
import { itemTokens, type LossItem, type LossOptions } from './loss.js';

export interface TextBits {
  /** Bits that the model needs for the texts, and bytes that they have. */
  readonly bits: number;
  readonly bytes: number;
  readonly tokens: number;
}

/** Characters of an item at most: texts, not tokens, are cut, or another vocabulary would be measured on others. */
const LONGEST = 1200;

const cut = (text: string, most: number): string => text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '');

const shortened = (item: LossItem): LossItem => ('text' in item ? { text: cut(item.text, LONGEST) } : { prompt: cut(item.prompt, LONGEST / 2), response: cut(item.response, LONGEST / 2) });

const bytesOf = (item: LossItem): number => Buffer.byteLength('text' in item ? item.text : item.prompt + item.response);

/** Of each item by itself, in the chat template's form where it is an exchange. Rejects as model.score does. */
export async function textBits(model: Model, items: readonly LossItem[], { signal, onItem, ...options }: LossOptions & { readonly onItem?: ((done: number) => void) | undefined } = {}): Promise<TextBits[]> {
  const all: TextBits[] = [];
  for (const item of items.map(shortened)) {
    const tokens = (await itemTokens(model, item, signal)).subarray(0, model.info.contextSize);
    const score = tokens.length > 1 ? await model.score(tokens, { ...options, signal }) : { meanLoss: 0, scored: 0 };
    all.push({ bits: (score.meanLoss * score.scored) / Math.LN2, bytes: bytesOf(item), tokens: tokens.length });
    onItem?.(all.length);
  }
  return all;
}

export const bitsPerByte = (texts: readonly TextBits[]): number => texts.reduce((sum, { bits }) => sum + bits, 0) / texts.reduce((sum, { bytes }) => sum + bytes, 0);
