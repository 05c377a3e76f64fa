/** Moving within one disk, also out of and into folders that may not be written. */
import { chmod, lstat, rename } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

type Path = string | Buffer;

const folderOf = (path: Path): Path => (typeof path === 'string' ? dirname(path) : path.subarray(0, path.lastIndexOf(sep)));

/** Runs `work` with a folder writable, and gives it its permissions back. */
export async function inFolder<T>(folder: Path, work: () => Promise<T>): Promise<T> {
  const { mode } = await lstat(folder);
  if ((mode & 0o200) !== 0) return work();
  await chmod(folder, (mode & 0o777) | 0o200);
  try {
    return await work();
  } finally {
    await chmod(folder, mode & 0o777);
  }
}

/** Moves a file, link or folder to a name that nobody has. */
export async function move(from: Path, to: Path): Promise<void> {
  const stats = await lstat(from);
  // Moving a folder rewrites its entry for its parent, so it must be writable meanwhile.
  const locked = stats.isDirectory() && (stats.mode & 0o200) === 0;
  await inFolder(folderOf(from), () => inFolder(folderOf(to), async () => {
    if (locked) await chmod(from, (stats.mode & 0o777) | 0o200);
    await rename(from, to);
    if (locked) await chmod(to, stats.mode & 0o777);
  }));
}
