/** What a search learned of a model, on disk: JSON documents in a folder that is named by the content they came from. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TaraError, writeError, writeWhole } from 'tara-gguf/plugin';
import type { z } from 'zod';

/** SHA-256 of a file's content, read in pieces. */
export async function contentHash(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  } catch (cause) {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
  return hash.digest('hex');
}

/** The first 32 hexadecimal digits of the parts' common SHA-256. */
export const keyOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

export class Cache {
  private constructor(readonly folder: string) {}

  static async open(parent: string, key: string): Promise<Cache> {
    const folder = join(parent, key);
    await mkdir(folder, { recursive: true }).catch((thrown: unknown) => { throw writeError(folder, thrown); });
    return new Cache(folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Null for a document that is not there, or is none of the kind. */
  async read<T>(name: string, schema: z.ZodType<T>): Promise<T | null> {
    try {
      return schema.parse(JSON.parse(await readFile(this.path(name), 'utf8')));
    } catch {
      return null;
    }
  }

  /** Appears whole, so that a second process never reads half of it. */
  write(name: string, value: unknown): Promise<void> {
    return writeWhole(this.path(name), JSON.stringify(value));
  }
}
