/** One-line reasons from whatever foreign code throws. */

import { TaraError } from '../errors.js';

const LONGEST = 300;

/** The first line of a thrown value's message; never throws, whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  let text: string;
  try {
    text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  } catch {
    text = 'a value without a text form was thrown';
  }
  const line = text.split(/[\r\n]+/).find((part) => part.trim() !== '')?.trim() ?? 'an empty text was thrown';
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

/** The way out of a plugin's failure: the error's own where it is one of ours. */
export const adviceOf = (thrown: unknown, plugin: string): string =>
  thrown instanceof TaraError ? thrown.hint : `Report it to the author of ${plugin}, or remove it from tara.config.`;
