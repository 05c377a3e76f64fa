/** Writes an importance matrix as llama-imatrix does: a GGUF file of sums of squares and counts, sorted by name. */
import { TaraError } from '../errors.js';
import { writeWhole } from '../write-whole.js';
import { encodeHeader, type HeaderEntry, type HeaderTensor } from './gguf/header.js';
import type { ImatrixData } from './imatrix.js';
import { oneLine } from './one-line.js';

interface Placed extends HeaderTensor {
  readonly values: Float32Array;
}

const ALIGNMENT = 32;
/** ggml keeps names in 64 bytes. */
const NAME_BYTES = 63;

function placed(entries: ImatrixData['entries']): { tensors: Placed[]; bytes: number } {
  const tensors: Placed[] = [];
  let offset = 0;
  const add = (name: string, width: number, experts: number, values: Float32Array): void => {
    if (Buffer.byteLength(name) > NAME_BYTES) throw new TaraError('TARA_IMATRIX_INVALID', { path: oneLine(name), reason: `GGUF holds names of ${NAME_BYTES} bytes` });
    tensors.push({ name, ne: experts > 1 ? [width, experts] : [width], type: 'f32', offset, values });
    offset += Math.ceil(values.byteLength / ALIGNMENT) * ALIGNMENT;
  };
  for (const [name, { sums, counts }] of [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    add(`${name}.in_sum2`, sums.length / counts.length, counts.length, sums);
    add(`${name}.counts`, 1, counts.length, counts);
  }
  return { tensors, bytes: offset };
}

/** Its bytes: the same data give the same ones, and llama-imatrix's file gives itself. Throws TARA_IMATRIX_INVALID for names that GGUF cannot hold. */
export function encodeImatrix({ entries, datasets, chunks, chunkSize }: ImatrixData): Uint8Array {
  const { tensors, bytes } = placed(entries);
  const metadata: HeaderEntry[] = [
    { key: 'general.type', type: 'string', value: 'imatrix' },
    { key: 'imatrix.datasets', type: 'array', value: { of: 'string', items: datasets } },
    { key: 'imatrix.chunk_count', type: 'uint32', value: chunks },
    { key: 'imatrix.chunk_size', type: 'uint32', value: chunkSize },
  ];
  const data = new Float32Array(bytes / 4);
  for (const { offset, values } of tensors) data.set(values, offset / 4);
  return Buffer.concat([encodeHeader({ metadata, tensors, alignment: ALIGNMENT }), new Uint8Array(data.buffer)]);
}

/** The file appears whole or not at all. Throws TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_IMATRIX_INVALID. */
export async function writeImatrix(path: string, data: ImatrixData): Promise<{ readonly path: string; readonly bytes: number }> {
  const bytes = encodeImatrix(data);
  await writeWhole(path, bytes);
  return { path, bytes: bytes.length };
}
