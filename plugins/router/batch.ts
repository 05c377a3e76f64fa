/** Many texts at once: their words are read by the worker pool in parallel, their vectors computed in batches. */

import type { Workers } from 'tara-gguf/plugin';
import type { BatchInput } from './batch-task.js';
import type { WordsRead } from './table/read.js';
import type { Table } from './table/table.js';

/** Fewer are read faster here. */
export const FEWEST = 64;
/** Texts of one task. */
const CHUNK = 128;

const TASK = new URL('./batch-task.js', import.meta.url);

/** What the words of each text say, in order. Rejects as the pool does; TARA_ABORTED. */
export async function readBatch({ runInPool }: Workers, texts: readonly string[], table: Table, nearest: boolean, signal?: AbortSignal): Promise<readonly WordsRead[]> {
  const sources = table.domains.slice(0, -1);
  const chunks = Array.from({ length: Math.ceil(texts.length / CHUNK) }, (_, i) => texts.slice(i * CHUNK, (i + 1) * CHUNK));
  const read = await Promise.all(chunks.map((chunk) => runInPool<WordsRead[]>(TASK, { sources, version: table.version, texts: chunk, nearest } satisfies BatchInput, signal && { signal })));
  return read.flat();
}
