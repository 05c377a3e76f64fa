/** A folder for the while of a measurement, gone afterwards in any case. */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TaraError } from '../errors.js';
import { writeError } from '../write-whole.js';

/** Runs `work` with a new folder in `parent`. TARA_WRITE_FAILED where none can be made. */
export async function withScratch<T>(parent: string | undefined, work: (folder: string) => Promise<T>): Promise<T> {
  const within = resolve(parent ?? tmpdir());
  const folder = await mkdtemp(join(within, 'tara-benchmark-')).catch((thrown: unknown) => { throw writeError(within, thrown); });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** TARA_DISK_FULL where `needed` bytes do not fit beside what is in a folder now. */
export async function checkSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) throw new TaraError('TARA_DISK_FULL', { path: folder, needed });
}
