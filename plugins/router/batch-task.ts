/** A task of the worker pool: reads the words of many texts against one table, which the thread keeps. */

import { readWords, type WordsRead } from './table/read.js';
import { createTable, type DomainSource, type Table } from './table/table.js';

export interface BatchInput {
  /** Without `none`. */
  readonly sources: readonly DomainSource[];
  readonly version: string;
  readonly texts: readonly string[];
  /** Whether examples are compared by words. */
  readonly nearest: boolean;
}

let kept: Table | undefined;

export default function readBatch({ sources, version, texts, nearest }: BatchInput, { check }: { check(): void }): WordsRead[] {
  if (kept?.version !== version) kept = createTable(sources);
  const table = kept;
  return texts.map((text) => {
    check();
    return readWords(text, table, nearest);
  });
}
