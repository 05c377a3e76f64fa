/** Checks one GGUF file: container, model, and the finiteness of tensors that are stored as floats. */
import { checkModel, readGguf } from 'tara-gguf';
import { TaraError } from 'tara-gguf/plugin';
import { isFloatType, nonFinite } from './finite.js';

export interface FileIssue {
  readonly code: string;
  readonly message: string;
}

/** What is wrong with the file; nothing when it can be used. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_ABORTED. */
export async function checkGgufFile(path: string, signal?: AbortSignal): Promise<FileIssue[]> {
  try {
    const file = await readGguf(path, { signal });
    checkModel(file);
    const floats = file.tensors.flatMap(({ name, type, offset, bytes }) => {
      const dtype = type.toUpperCase();
      return isFloatType(dtype) ? [{ name, dtype, offset, bytes }] : [];
    });
    const names = await nonFinite(path, floats, signal);
    return names.map((name) => ({ code: 'NAN_TENSOR', message: `tensor ${name} holds NaN or infinite values` }));
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === 'TARA_GGUF_INVALID') return [{ code: 'BAD_GGUF', message: String(thrown.fields.reason) }];
    throw thrown;
  }
}
