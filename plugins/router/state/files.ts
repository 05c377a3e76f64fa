/** Files of the router: replaced whole or not at all, and read again when they changed. */

import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';

let written = 0;

/** Writes a temporary file beside it, syncs and renames; only the owner may read it. TARA_WRITE_FAILED. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${(written += 1)}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw new TaraError('TARA_WRITE_FAILED', { path, reason: (thrown as NodeJS.ErrnoException).code ?? String(thrown) }, { cause: thrown });
  }
}

export interface LiveFile<T> {
  /** What it holds now, looked at once a second. */
  get(): Promise<T>;
}

const LOOK_MS = 1000;

/** A file that others may replace meanwhile; a broken one is reported, and what was read before stays. */
export function createLiveFile<T>(path: string, read: (path: string) => Promise<T>, onBroken: (error: unknown) => void): LiveFile<T | undefined> {
  let value: T | undefined;
  let stamp: string | undefined;
  let looked = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const now = await stat(path).then(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`, () => 'absent');
    looked = performance.now();
    if (now === stamp) return;
    stamp = now;
    try {
      value = now === 'absent' ? undefined : await read(path);
    } catch (error) {
      onBroken(error);
    }
  };
  return {
    async get() {
      if (performance.now() - looked > LOOK_MS) await (looking ??= look().finally(() => (looking = undefined)));
      return value;
    },
  };
}
