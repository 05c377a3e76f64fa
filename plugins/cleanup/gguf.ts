/** Checks one GGUF file: container and model; its tensors are looked at later, by the addon. */
import { checkModel, readGguf, type ScanTensor } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import type { IssueCode } from './codes.js';

export interface FileIssue {
  readonly code: IssueCode;
  readonly message: string;
}

export interface CheckedFile {
  /** Empty when the file can be used. */
  readonly issues: readonly FileIssue[];
  readonly tensors: readonly ScanTensor[];
}

/** What is wrong with the file, and its tensors. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_ABORTED. */
export async function checkGgufFile(path: string, signal?: AbortSignal): Promise<CheckedFile> {
  try {
    const file = await readGguf(path, { signal });
    checkModel(file);
    const tensors = file.tensors.map(({ name, type, offset, bytes }) => ({ name, dtype: type.toUpperCase(), offset, bytes }));
    return { issues: [], tensors: tensors.sort((a, b) => a.offset - b.offset) };
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === 'TARA_GGUF_INVALID') return { issues: [{ code: 'BAD_GGUF', message: String(thrown.fields.reason) }], tensors: [] };
    throw thrown;
  }
}
