/** An importance matrix in a plan: which tensors take it, and what a file keeps of it, as llama-quantize writes it. */
import { TaraError } from '../errors.js';
import { ggmlType, type GgmlTypeName } from '../formats/gguf/types.js';
import { readImatrix, type Imatrix } from '../formats/imatrix.js';
import type { MetadataEntry, PlanSource, TensorRef } from '../plan/schema.js';
import { text, u32 } from './entries.js';
import { pinned } from './source.js';

export interface Importance {
  readonly source: PlanSource;
  readonly set: readonly MetadataEntry[];
  /** What a tensor written as `type` takes; nothing for types that are not quantized and tensors that the file does not know. */
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

/** Throws what reading it throws, and TARA_IMATRIX_INVALID, when a tensor is asked for, for one of another width. */
export async function loadImportance({ path, name }: { readonly path: string; readonly name: string }): Promise<Importance> {
  const imatrix = await readImatrix(path);
  return {
    source: pinned('imatrix', imatrix),
    set: entriesOf(imatrix, name),
    of(tensor, ne, type) {
      const entry = imatrix.entries.get(tensor);
      if (ggmlType(type).blockSize === 1 || entry === undefined) return {};
      const wanted = (ne[0] ?? 1) * (ne[2] ?? 1);
      if (entry.length === wanted) return { imatrix: { src: IMATRIX, tensor } };
      if (tensor === 'token_embd.weight' || tensor === 'per_layer_token_embd.weight') return {};
      throw new TaraError('TARA_IMATRIX_INVALID', { path, reason: `${tensor} has ${entry.length} values, the model needs ${wanted}` });
    },
  };
}
