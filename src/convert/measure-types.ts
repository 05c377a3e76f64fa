/** What each tensor of a GGUF file would lose as each of many types: one pass over the file, nothing written. */
import type { GgmlTypeName } from '../formats/gguf/types.js';
import { runPlan, type PlanProgress } from '../plan/run.js';
import { sharedPool, type Pool } from '../workers/index.js';
import type { PreparedMeasuring } from './measure-plan.js';

export interface MeasureTypesOptions {
  /** A GGUF file, best in F32, F16 or BF16: the weights that types are compared with. */
  readonly input: string;
  /** ggml types by name in any case: q4_K, iq4_nl, f16. */
  readonly types: readonly string[];
  /** An importance matrix, GGUF or .dat: types are encoded with it, and errors weighted by it. */
  readonly imatrix?: string | undefined;
  /** Factors for error feedback: types are rounded with it where they can be, and errors are e H e^T, summed over rows. */
  readonly feedback?: string | undefined;
  /** Tensors whose names match; all that llama-quantize would quantize when left out. */
  readonly tensors?: RegExp | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: PlanProgress) => void) | undefined;
  readonly pool?: Pool | undefined;
}

/** A tensor as one type. */
export interface TypeLoss {
  readonly bytes: number;
  /**
   * The sum over rows and columns of w_c (x - x')^2: x' is the value read back, w_c the importance of its column, 1 without.
   * Of a tensor with a feedback factor the sum over rows of e H e^T, with H its inputs' second moments.
   */
  readonly error: number;
  /** Values that the type cannot hold (a scale overflows); they are not in `error`. */
  readonly nan: number;
}

export interface MeasuredTensor {
  /** ggml order: the row length first. */
  readonly ne: readonly number[];
  /** As the file holds it. */
  readonly type: GgmlTypeName;
  /** Whether the matrix knows its columns. */
  readonly weighted: boolean;
  /** The sum over rows and columns of w_c x^2: what a relative error is relative to. */
  readonly squares: number;
  /** By type, at least one; those are left out that its rows, or a missing importance, forbid. */
  readonly types: Readonly<Partial<Record<GgmlTypeName, TypeLoss>>>;
}

/**
 * Encodes every tensor as every type and reads it back; those that no type can hold are left out. The same file, types and matrix
 * give the same numbers to the last bit, with any number of threads. Rejects with TARA_ABORTED, TARA_TYPE_UNKNOWN,
 * TARA_TYPE_NEEDS_IMATRIX, TARA_IMATRIX_INVALID, TARA_OPTION_INVALID, TARA_TENSOR_NOT_FINITE and what readGguf rejects with.
 */
export async function measureTypes({ input, types, imatrix, feedback, tensors, threads, signal, onProgress, pool = sharedPool() }: MeasureTypesOptions): Promise<Map<string, MeasuredTensor>> {
  const { lowered, facts } = await pool.run<PreparedMeasuring>('convert/measure-plan', { input, types, imatrix, feedback, tensors }, { signal });
  const { measured } = await runPlan(lowered, { threads, signal, onProgress });
  const found = new Map(measured.map((one) => [one.tensor, one]));
  return new Map(facts.map(({ name, ne, type, weighted, bytes }) => {
    const { squares, losses } = found.get(name) ?? { squares: 0, losses: [] };
    const byType = losses.map(({ output, error, lost }) => [output, { bytes: bytes[output] ?? 0, error, nan: lost }]);
    return [name, { ne, type, weighted, squares, types: Object.fromEntries(byType) as MeasuredTensor['types'] }];
  }));
}
