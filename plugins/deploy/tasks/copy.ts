/** A pool task: copies a file and hashes what it read, in one pass; the copy is fsynced. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, lstat, open, rm } from 'node:fs/promises';
import type { PoolTask } from 'tara-gguf';
import { CHUNK, type Counter } from './chunks.js';
import hash from './hash.js';

export interface CopyInput {
  readonly from: string;
  /** Must not exist. */
  readonly to: string;
  readonly mode: number;
  readonly counter: Counter;
}

export interface CopyOutput {
  readonly bytes: number;
  readonly sha256: string;
  /** The source changed meanwhile. */
  readonly changed: boolean;
  /** What failed, and the system's code. */
  readonly fault?: { readonly path: string; readonly code: string };
}

/** Shares the source's blocks where the file system can; whether it did. */
const clone = (from: string, to: string): Promise<boolean> =>
  copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE).then(() => true, () => rm(to, { force: true }).then(() => false));

class Failed extends Error {
  constructor(readonly path: string, readonly code: string) {
    super(code);
  }
}

const at = (path: string) => (thrown: unknown): never => {
  throw new Failed(path, (thrown as NodeJS.ErrnoException).code ?? 'unknown');
};

async function copyHashing({ from, to, mode, counter }: CopyInput, check: () => void): Promise<{ bytes: number; sha256: string }> {
  const source = await open(from, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(at(from));
  try {
    const target = await open(to, 'wx', mode).catch(at(to));
    try {
      const digest = createHash('sha256');
      const count = new BigUint64Array(counter);
      const buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;
      const write = async (chunk: Buffer, position: number) => {
        for (let done = 0; done < chunk.length;) done += (await target.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
      };
      let bytes = 0;
      for (let turn = 0; ; turn ^= 1) {
        check();
        const buffer = buffers[turn === 0 ? 0 : 1];
        const { bytesRead } = await source.read(buffer, 0, CHUNK, bytes).catch(at(from));
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        // Hashed while the system writes it.
        const written = write(chunk, bytes).catch(at(to));
        digest.update(chunk);
        await written;
        bytes += bytesRead;
        Atomics.add(count, 0, BigInt(bytesRead));
      }
      await target.sync().catch(at(to));
      return { bytes, sha256: digest.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function cloned({ from, to, mode, counter }: CopyInput, context: Parameters<typeof hash>[1]): Promise<{ bytes: number; sha256: string }> {
  const { bytes, sha256: [sha256 = ''], fault } = await hash({ path: from, counter }, context);
  if (fault !== undefined) throw new Failed(from, fault);
  const file = await open(to, 'r').catch(at(to));
  try {
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256 };
}

const copy: PoolTask<CopyInput, CopyOutput> = async (input, context) => {
  try {
    const before = await lstat(input.from).catch(at(input.from));
    const digest = await clone(input.from, input.to) ? await cloned(input, context) : await copyHashing(input, context.check);
    const after = await lstat(input.from).catch(at(input.from));
    return { ...digest, changed: after.size !== before.size || after.mtimeMs !== before.mtimeMs || digest.bytes !== before.size };
  } catch (thrown) {
    if (!(thrown instanceof Failed)) throw thrown;
    return { bytes: 0, sha256: '', changed: false, fault: { path: thrown.path, code: thrown.code } };
  }
};

export default copy;
