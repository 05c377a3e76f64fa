/** What a search learned of a model, on disk: JSON documents in a folder that is named by the content they came from. */

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TaraError } from 'tara-gguf/plugin';
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
    await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
      throw new TaraError('TARA_WRITE_FAILED', { path: folder, reason: cause.code ?? cause.message }, { cause });
    });
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
  async write(name: string, value: unknown): Promise<void> {
    const partial = this.path(`${name}.${randomUUID()}`);
    try {
      await writeFile(partial, JSON.stringify(value));
      await rename(partial, this.path(name));
    } catch (cause) {
      await rm(partial, { force: true });
      throw new TaraError('TARA_WRITE_FAILED', { path: this.path(name), reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
    }
  }
}
