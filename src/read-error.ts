/** A failed read, as an error that names the file. */
import { TaraError } from './errors.js';

/** TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE of what a file operation threw; a TaraError stays itself. */
export function readError(path: string, thrown: unknown): TaraError {
  if (thrown instanceof TaraError) return thrown;
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new TaraError('TARA_FILE_NOT_FOUND', { path }, { cause: thrown });
  return new TaraError('TARA_FILE_UNREADABLE', { path, reason: code ?? (thrown instanceof Error ? thrown.message : String(thrown)) }, { cause: thrown });
}
