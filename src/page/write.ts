/** Writes a page as one file. */
import { sharedPool, type Pool } from '../workers/index.js';
import { writeWhole } from '../write-whole.js';

export interface WritePageOptions {
  readonly signal?: AbortSignal | undefined;
  readonly pool?: Pool | undefined;
}

/** What the pool task `page` makes of `input`; it appears whole or not at all. Rejects with TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_ABORTED. */
export async function writePage(path: string, page: string, input: unknown, { signal, pool = sharedPool() }: WritePageOptions = {}): Promise<void> {
  await writeWhole(path, await pool.run<string>(page, input, { signal }), { signal });
}
