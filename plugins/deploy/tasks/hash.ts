/** A pool task: the SHA-256 of spans of one file, read a chunk at a time. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { PoolTask } from 'tara-gguf';
import { CHUNK, type Counter } from './chunks.js';

export interface HashInput {
  readonly path: string;
  /** `[start, end)` in bytes, each hashed alone; the whole file when omitted. */
  readonly spans?: readonly (readonly [start: number, end: number])[];
  /** Counts the bytes that were read. */
  readonly counter: Counter;
}

export interface HashOutput {
  /** Of the whole file, where no spans were asked for: bytes that were read. */
  readonly bytes: number;
  /** Lower-case hex, one for each span. */
  readonly sha256: readonly string[];
  /** Why the file cannot be read: a system's code. */
  readonly fault?: string;
}

/** A link is not followed (ELOOP). A span beyond the file's end is hashed as far as the file goes. */
const hash: PoolTask<HashInput, HashOutput> = async ({ path, spans = [[0, Infinity]], counter }, { check }) => {
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    try {
      const count = new BigUint64Array(counter);
      // While one chunk is hashed the next is read.
      const buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;
      const sha256: string[] = [];
      let bytes = 0;
      for (const [start, end] of spans) {
        const digest = createHash('sha256');
        let at = start;
        const read = (buffer: Buffer, from: number) => file.read(buffer, 0, Math.max(0, Math.min(CHUNK, end - from)), from);
        for (let turn = 0, next = read(buffers[0], at); ; turn ^= 1) {
          check();
          const { bytesRead, buffer } = await next;
          if (bytesRead === 0) break;
          at += bytesRead;
          next = read(buffers[turn === 0 ? 1 : 0], at);
          digest.update(buffer.subarray(0, bytesRead));
          Atomics.add(count, 0, BigInt(bytesRead));
        }
        bytes += at - start;
        sha256.push(digest.digest('hex'));
      }
      return { bytes, sha256 };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === undefined || code.startsWith('TARA_')) throw thrown;
    return { bytes: 0, sha256: [], fault: code };
  }
};

export default hash;
