/** Writes a safetensors file: each tensor's bytes from memory, from a place in another file, or made when their turn comes. */
import { TaraError } from '../errors.js';
import { writeWhole } from '../write-whole.js';
import { withFile } from './files.js';
import type { SafetensorsDtype } from './safetensors.js';

export interface NewTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array | { readonly path: string; readonly offset: number; readonly bytes: number } | { readonly bytes: number; readonly make: () => Promise<Uint8Array> };
}

const PIECE = 1 << 20;
const sizeOf = ({ data }: NewTensor): number => (data instanceof Uint8Array ? data.length : data.bytes);

/** The bytes of a part of a file. Throws TARA_FILE_CHANGED where it has become shorter, and what opening throws. */
export const readPart = (path: string, offset: number, bytes: number): Promise<Uint8Array> =>
  withFile(path, async (handle) => {
    const part = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      const { bytesRead } = await handle.read(part, at, Math.min(PIECE, bytes - at), offset + at);
      if (bytesRead === 0) throw new TaraError('TARA_FILE_CHANGED', { path });
      at += bytesRead;
    }
    return part;
  });

function headerOf(tensors: readonly NewTensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let end = 0;
  const entries = tensors.map((tensor) => [tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [end, (end += sizeOf(tensor))] }] as const);
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  return padded;
}

async function* piecesOf(tensors: readonly NewTensor[], header: Uint8Array): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { data: given } of tensors) {
    const data = 'make' in given ? await given.make() : given;
    if (data instanceof Uint8Array) yield data;
    else for (let at = 0; at < data.bytes; at += PIECE) yield await readPart(data.path, data.offset + at, Math.min(PIECE, data.bytes - at));
  }
}

/** The file appears whole or not at all. Throws TARA_ABORTED, TARA_WRITE_FAILED, TARA_DISK_FULL and what reading throws. */
export async function writeSafetensors(path: string, tensors: readonly NewTensor[], { metadata = {}, signal }: { metadata?: Readonly<Record<string, string>>; signal?: AbortSignal | undefined } = {}): Promise<void> {
  const header = headerOf(tensors, metadata);
  await writeWhole(path, piecesOf(tensors, header), { bytes: tensors.reduce((sum, tensor) => sum + sizeOf(tensor), header.length), signal });
}
