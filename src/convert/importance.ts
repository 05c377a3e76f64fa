/** An importance matrix in a plan: which tensors take it, and what a file keeps of it, as llama-quantize writes it. */
import { TaraError } from '../errors.js';
import { ggmlType, type GgmlTypeName } from '../formats/gguf/types.js';
import { foreignImatrix, importanceLength, type Shaped } from '../formats/imatrix-fit.js';
import { readImatrix, type Imatrix } from '../formats/imatrix.js';
import type { MetadataEntry, PlanSource, TensorRef } from '../plan/schema.js';
import { text, u32 } from './entries.js';
import { pinned } from './source.js';

export interface Importance {
  readonly file: Imatrix;
  readonly source: PlanSource;
  readonly set: readonly MetadataEntry[];
  /** Throws TARA_IMATRIX_INVALID where it is of another model than that of these tensors. */
  check(tensors: readonly Shaped[]): void;
  /** The importance of a tensor's columns; nothing for tensors that the file does not know. */
  weights(name: string, ne: readonly number[]): TensorRef | undefined;
  /** What a tensor written as `type` takes of it; nothing for types that are not quantized. */
  of(name: string, ne: readonly number[], type: GgmlTypeName): { imatrix?: TensorRef };
}

/** Its source in the plan. */
export const IMATRIX = 'imatrix';
/** Longer texts are cut: llama.cpp keeps them in 128 bytes. */
const TEXT_BYTES = 127;

const cut = (value: string): string => {
  const bytes = Buffer.from(value);
  return bytes.length <= TEXT_BYTES ? value : bytes.subarray(0, TEXT_BYTES).toString('utf8').replace(/\uFFFD+$/, '');
};

function entriesOf({ entries, datasets, chunks }: Imatrix, name: string): MetadataEntry[] {
  const [dataset] = datasets;
  return [
    text('quantize.imatrix.file', cut(name)),
    ...(dataset === undefined ? [] : [text('quantize.imatrix.dataset', cut(dataset))]),
    u32('quantize.imatrix.entries_count', entries.size),
    ...(chunks > 0 ? [u32('quantize.imatrix.chunks_count', chunks)] : []),
  ];
}

/** Throws what reading it throws. */
export async function loadImportance({ path, name }: { readonly path: string; readonly name: string }): Promise<Importance> {
  const imatrix = await readImatrix(path);
  const weights: Importance['weights'] = (tensor, ne) => {
    const entry = imatrix.entries.get(tensor);
    return entry?.length === importanceLength({ ne }) ? { src: IMATRIX, tensor } : undefined;
  };
  return {
    file: imatrix,
    source: pinned('imatrix', imatrix),
    set: entriesOf(imatrix, name),
    check(tensors) {
      const reason = foreignImatrix([...imatrix.entries].map(([tensor, { length }]) => [tensor, length] as const), tensors);
      if (reason !== undefined) throw new TaraError('TARA_IMATRIX_INVALID', { path, reason });
    },
    weights,
    of(tensor, ne, type) {
      const found = ggmlType(type).blockSize === 1 ? undefined : weights(tensor, ne);
      return found === undefined ? {} : { imatrix: found };
    },
  };
}
