/** A pool task: the SHA-256 of a file, in lower-case hex. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { PoolTask } from './pool.js';

const CHUNK = 1 << 20;

const hashFile: PoolTask<string, string> = async (path, { check }) => {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      check();
      const { bytesRead } = await file.read(buffer, 0, CHUNK);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
};

export default hashFile;
