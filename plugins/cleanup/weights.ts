/** Safetensors files of a folder: read, told apart when broken, and put down for the search for NaN and infinities. */
import { open } from 'node:fs/promises';
import { readSafetensors, type SafetensorsTensor } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import type { IssueCode } from './codes.js';
import { fileAt, openable, type Folder } from './folder.js';

export interface WeightFile {
  readonly path: string;
  readonly tensors: readonly SafetensorsTensor[];
}

/** A header longer than this is nonsense, not the start of a longer file. */
const MOST_HEADER = 100_000_000;
/** Types that are read and checked, but that `convert` does not take. */
const NOT_CONVERTED = /^(F8|C64|U16|U32|U64)/;
/** Types of the format that no reader here knows; a file that has them is sound. */
const FOREIGN_TYPE = /unknown or unsupported dtype "(F6_E2M3|F6_E3M2|F4)"/;

/** Whether the file ends before what its header announces, as an interrupted download does. */
async function isTruncated(path: string, reason: string): Promise<boolean> {
  if (/ends outside the file|became shorter/.test(reason)) return true;
  if (!reason.includes('longer than the file')) return false;
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return bytesRead < 8 || buffer.readBigUInt64LE() <= MOST_HEADER;
  } finally {
    await file.close();
  }
}

/** The issue of a file that the reader refused. */
export async function weightIssue(path: string, error: TaraError): Promise<{ code: IssueCode; message: string }> {
  if (error.code !== 'TARA_SAFETENSORS_INVALID') return { code: 'UNREADABLE_FILE', message: error.message };
  const message = String(error.fields.reason);
  return { code: await isTruncated(path, message) ? 'TRUNCATED_SAFETENSORS' : 'BAD_SAFETENSORS', message };
}

/** Reads one file; a broken one is lost. Undefined when it cannot be used. */
export async function readWeights(folder: Folder, path: string): Promise<WeightFile | undefined> {
  const { findings, signal } = folder;
  const entry = fileAt(folder, path);
  if (entry === undefined) return undefined;
  const place = openable(folder, entry).toString();
  try {
    const { tensors } = await readSafetensors(place, { signal });
    const odd = tensors.find(({ dtype }) => NOT_CONVERTED.test(dtype));
    if (odd) findings.report('UNSUPPORTED_DTYPE', path, 'warning', `tensor ${odd.name} is of type ${odd.dtype}, which cannot be converted`);
    folder.weights.push({ path, file: entry.path, severity: 'error', tensors: tensors.map(({ name, dtype, offset, bytes }) => ({ name, dtype, offset, bytes })) });
    return { path, tensors };
  } catch (thrown) {
    if (!(thrown instanceof TaraError)) throw thrown;
    if (thrown.code === 'TARA_ABORTED') throw thrown;
    const type = FOREIGN_TYPE.exec(String(thrown.fields.reason))?.[1];
    if (type !== undefined) {
      findings.report('UNSUPPORTED_DTYPE', path, 'error', `it holds tensors of type ${type}, which cannot be converted`);
      return undefined;
    }
    const { code, message } = await weightIssue(place, thrown);
    findings.lose(code, path, message);
    if (entry.path !== path) findings.dropped.add(entry.path);
    return undefined;
  }
}
