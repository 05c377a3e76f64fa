/** Checks a single model file, by what it is: GGUF or safetensors. */
import { open } from 'node:fs/promises';
import { readSafetensors } from 'tara-gguf';
import { TaraError, type CleanReport } from 'tara-gguf/plugin';
import { isFloatType, nonFinite } from './finite.js';
import { checkGgufFile, type FileIssue } from './gguf.js';
import { isPickle } from './pickle.js';
import { readError } from './tree.js';
import { weightIssue } from './weights.js';

export interface FileReport {
  readonly kind: CleanReport['kind'];
  readonly issues: readonly FileIssue[];
}

async function startsWithMagic(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((thrown: unknown) => { throw readError(path, thrown); });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead).toString('latin1') === 'GGUF';
  } finally {
    await file.close();
  }
}

async function checkSafetensors(path: string, signal: AbortSignal | undefined): Promise<FileIssue[]> {
  try {
    const { tensors } = await readSafetensors(path, { signal });
    const floats = tensors.flatMap(({ name, dtype, offset, bytes }) => (isFloatType(dtype) ? [{ name, dtype, offset, bytes }] : []));
    return (await nonFinite(path, floats, signal)).map((name) => ({ code: 'NAN_TENSOR', message: `tensor ${name} holds NaN or infinite values` }));
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === 'TARA_SAFETENSORS_INVALID') return [await weightIssue(path, thrown)];
    throw thrown;
  }
}

/** What is wrong with a file that is meant to be a model. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_ABORTED. */
export async function checkFile(path: string, signal?: AbortSignal): Promise<FileReport> {
  if (/\.gguf$/i.test(path) || await startsWithMagic(path)) return { kind: 'gguf', issues: await checkGgufFile(path, signal) };
  if (/\.safetensors$/i.test(path)) return { kind: 'unknown', issues: await checkSafetensors(path, signal) };
  if (await isPickle(path)) return { kind: 'unknown', issues: [{ code: 'PICKLE_FILE', message: 'it is a pickle, which can run any code when it is opened' }] };
  return { kind: 'unknown', issues: [{ code: 'UNKNOWN_KIND', message: 'it is neither a GGUF nor a safetensors file' }] };
}
