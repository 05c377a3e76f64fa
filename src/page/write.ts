/** Writes a page as one file. */
import { open, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { TaraError } from '../errors.js';
import { sharedPool, type Pool } from '../workers/index.js';

export interface WritePageOptions {
  readonly signal?: AbortSignal | undefined;
  readonly pool?: Pool | undefined;
}

/** What the pool task `page` makes of `input`; it appears whole or not at all. Rejects with TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_ABORTED. */
export async function writePage(path: string, page: string, input: unknown, { signal, pool = sharedPool() }: WritePageOptions = {}): Promise<void> {
  const html = await pool.run<string>(page, input, { signal });
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(html, { signal });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    if (signal?.aborted) throw new TaraError('TARA_ABORTED', {}, { cause: thrown });
    const code = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
    throw code === 'ENOSPC' || code === 'EDQUOT'
      ? new TaraError('TARA_DISK_FULL', { path, needed: html.length }, { cause: thrown })
      : new TaraError('TARA_WRITE_FAILED', { path, reason: code }, { cause: thrown });
  }
}
