/** Many texts at once: their words are read by the worker pool in parallel, their vectors computed in batches. */

import type { BatchInput } from './batch-task.js';
import type { WordsRead } from './table/read.js';
import type { Table } from './table/table.js';

/** Fewer are read faster here. */
export const FEWEST = 64;
/** Texts of one task. */
const CHUNK = 128;

/** Below the package's compiled sources, as the pool looks for tasks. */
const TASK = '../plugins/router/batch-task';

/** What the words of each text say, in order. Rejects as the pool does; TARA_ABORTED. */
export async function readBatch(texts: readonly string[], table: Table, nearest: boolean, signal?: AbortSignal): Promise<readonly WordsRead[]> {
  const { sharedPool } = await import('tara-gguf');
  const sources = table.domains.slice(0, -1);
  const chunks = Array.from({ length: Math.ceil(texts.length / CHUNK) }, (_, i) => texts.slice(i * CHUNK, (i + 1) * CHUNK));
  const read = await Promise.all(chunks.map((chunk) => sharedPool().run<WordsRead[]>(TASK, { sources, version: table.version, texts: chunk, nearest } satisfies BatchInput, { signal })));
  return read.flat();
}
