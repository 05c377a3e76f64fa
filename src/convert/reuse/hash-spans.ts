/** A pool task: the SHA-256 of each of some spans of files, in lower-case hex. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { TaraError } from '../../errors.js';
import type { SourceSpan } from '../../plan/content.js';
import type { PoolTask } from '../../workers/index.js';

const CHUNK = 1 << 20;

const hashSpans: PoolTask<readonly SourceSpan[], string[]> = async (spans, { check }) => {
  const hashes: string[] = [];
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (const { path, offset, bytes } of spans) {
    const hash = createHash('sha256');
    const file = await open(path, 'r');
    try {
      for (let done = 0; done < bytes;) {
        check();
        const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, bytes - done), offset + done);
        if (bytesRead === 0) throw new TaraError('TARA_FILE_CHANGED', { path });
        hash.update(buffer.subarray(0, bytesRead));
        done += bytesRead;
      }
    } finally {
      await file.close();
    }
    hashes.push(hash.digest('hex'));
  }
  return hashes;
};

export default hashSpans;
