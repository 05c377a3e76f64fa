/** Room on a disk. */
import { statfs } from 'node:fs/promises';
import { TaraError } from 'tara-gguf/plugin';

/** Refuses, before anything is written, what the file system of `folder` cannot hold. Throws TARA_DISK_FULL. */
export async function checkSpace(folder: string, needed: number, path: string): Promise<void> {
  const space = await statfs(folder).catch(() => null);
  if (space !== null && space.bavail * space.bsize < needed) throw new TaraError('TARA_DISK_FULL', { path, needed });
}
