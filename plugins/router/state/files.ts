/** Files of the router: replaced whole or not at all, and read again when they changed. */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeError, writeWhole } from 'tara-gguf/plugin';

/** Makes its folder where there is none; only the owner may read it. Throws TARA_WRITE_FAILED, TARA_DISK_FULL. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((thrown: unknown) => { throw writeError(path, thrown); });
  await writeWhole(path, data, { mode: 0o600 });
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
