/** Checks a single model file, by what it is: GGUF or safetensors. */
import { open, stat } from 'node:fs/promises';
import { readSafetensors, scanFiles } from 'tara-gguf';
import { readError, TaraError, type CleanReport, type OnProgress } from 'tara-gguf/plugin';
import { checkGgufFile, type CheckedFile, type FileIssue } from './gguf.js';
import { notFinite } from './scan.js';
import { isPickle } from './pickle.js';
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

async function checkSafetensors(path: string, signal: AbortSignal | undefined): Promise<CheckedFile> {
  try {
    const { tensors } = await readSafetensors(path, { signal });
    return { issues: [], tensors };
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === 'TARA_SAFETENSORS_INVALID') return { issues: [await weightIssue(path, thrown)], tensors: [] };
    throw thrown;
  }
}

async function checkKind(path: string, signal: AbortSignal | undefined): Promise<CheckedFile & Pick<FileReport, 'kind'>> {
  if (/\.gguf$/i.test(path) || await startsWithMagic(path)) return { kind: 'gguf', ...await checkGgufFile(path, signal) };
  if (/\.safetensors$/i.test(path)) return { kind: 'unknown', ...await checkSafetensors(path, signal) };
  const issue: FileIssue = await isPickle(path)
    ? { code: 'PICKLE_FILE', message: 'it is a pickle, which can run any code when it is opened' }
    : { code: 'UNKNOWN_KIND', message: 'it is neither a GGUF nor a safetensors file' };
  return { kind: 'unknown', issues: [issue], tensors: [] };
}

/** What is wrong with a file that is meant to be a model. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_FILE_CHANGED, TARA_ABORTED. */
export async function checkFile(path: string, options: { readonly signal?: AbortSignal | undefined; readonly onProgress?: OnProgress | undefined } = {}): Promise<FileReport> {
  const { kind, issues, tensors } = await checkKind(path, options.signal);
  if (tensors.length === 0) return { kind, issues };
  const { size, mtimeMs } = await stat(path);
  const [scanned] = await scanFiles([{ path, bytes: size, mtimeMs, tensors }], { hash: false, signal: options.signal, onProgress: (bytes, total) => options.onProgress?.(bytes / total, path) });
  return { kind, issues: [...issues, ...notFinite(scanned?.nonFinite ?? [])] };
}
