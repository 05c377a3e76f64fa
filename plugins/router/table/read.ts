/** What the words of a text say against a table: the part of reading that needs no model. */

import { wordsOf } from '../text/words.js';
import type { KeywordMatches } from './keywords.js';
import type { Nearest } from './nearest.js';
import type { Table } from './table.js';

/** Plain data: it travels between threads. */
export interface WordsRead {
  /** How many. */
  readonly words: number;
  readonly keywords: KeywordMatches;
  /** The nearest examples by words; absent where sentence vectors are to say that. */
  readonly nearest?: Nearest;
}

export function readWords(text: string, table: Table, nearest: boolean): WordsRead {
  const words = wordsOf(text);
  return { words: words.length, keywords: table.keywords.match(words), ...(nearest && { nearest: table.examples.nearest(words) }) };
}
