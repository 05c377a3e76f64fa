/**
 * Factors for rounding with error feedback: a safetensors file of [n, n] matrices, D on the diagonal and M above it, each named
 * after the first weight that reads the input; its metadata names the factor of every weight.
 */
import { TaraError } from '../errors.js';
import { oneLine } from './one-line.js';
import { readSafetensors, type SafetensorsFile } from './safetensors.js';

export const FEEDBACK_FORMAT = 'tara-feedback-1';
/** Rows must be whole blocks. */
const BLOCK = 32;

/** Whether a weight's columns can be rounded one after the other: one matrix with rows of whole blocks. */
export const takesFeedback = ({ ne }: { readonly ne: readonly number[] }): boolean => {
  const [cols = 1, rows = 1, ...slices] = ne;
  return cols % BLOCK === 0 && rows > 1 && slices.every((n) => n === 1);
};

export interface Feedback {
  readonly file: SafetensorsFile;
  /** The factor's name and size, by weight. */
  readonly factors: ReadonlyMap<string, { readonly tensor: string; readonly size: number }>;
}

/** Throws TARA_FEEDBACK_INVALID and what reading throws. */
export async function readFeedback(path: string): Promise<Feedback> {
  const file = await readSafetensors(path);
  const { format, ...readers } = file.metadata;
  const fail = (reason: string): TaraError => new TaraError('TARA_FEEDBACK_INVALID', { path, reason });
  if (format !== FEEDBACK_FORMAT) throw fail(`its format is not ${FEEDBACK_FORMAT}`);
  const sizes = new Map(file.tensors.map(({ name, dtype, shape: [rows, cols, ...more] }) => {
    if (dtype !== 'F32' || rows === undefined || rows !== cols || more.length > 0) throw fail(`${oneLine(name)} is no square matrix in F32`);
    return [name, rows];
  }));
  const factors = new Map(Object.entries(readers).map(([weight, tensor]) => {
    const size = sizes.get(tensor);
    if (size === undefined) throw fail(`there is no ${oneLine(tensor)}`);
    return [weight, { tensor, size }];
  }));
  return { file, factors };
}
