/** Looks for NaN and infinities in tensors, a chunk at a time, so that the event loop keeps running. */
import { open } from 'node:fs/promises';
import { TaraError } from 'tara-gguf/plugin';

export type FloatType = 'F64' | 'F32' | 'F16' | 'BF16';

/** A tensor's bytes in a file. */
export interface Span {
  readonly name: string;
  readonly dtype: FloatType;
  readonly offset: number;
  readonly bytes: number;
}

/** A multiple of every element's size. */
const CHUNK = 1 << 20;

/** A number is finite unless all bits of its exponent are set. */
const EXPONENT = { F64: 0x7ff00000, F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const;

/** `chunk` holds whole elements and starts at an address that the element size divides. */
function hasNonFinite(chunk: ArrayBuffer, bytes: number, dtype: FloatType): boolean {
  const mask = EXPONENT[dtype];
  if (dtype === 'F16' || dtype === 'BF16') {
    const words = new Uint16Array(chunk, 0, bytes >> 1);
    for (let at = 0; at < words.length; at++) if (((words[at] ?? 0) & mask) === mask) return true;
    return false;
  }
  const words = new Uint32Array(chunk, 0, bytes >> 2);
  // The exponent of a float64 is in its second word.
  const [first, step] = dtype === 'F64' ? [1, 2] : [0, 1];
  for (let at = first; at < words.length; at += step) if (((words[at] ?? 0) & mask) === mask) return true;
  return false;
}

/** Names of the tensors that hold a NaN or an infinity. Throws TARA_FILE_CHANGED when the file ends early, TARA_ABORTED. */
export async function nonFinite(path: string | Buffer, spans: readonly Span[], signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  const file = await open(path, 'r');
  const chunk = new ArrayBuffer(CHUNK);
  try {
    for (const span of spans) {
      for (let at = 0; at < span.bytes;) {
        if (signal?.aborted) throw new TaraError('TARA_ABORTED');
        const wanted = Math.min(CHUNK, span.bytes - at);
        let filled = 0;
        while (filled < wanted) {
          const { bytesRead } = await file.read(new Uint8Array(chunk), filled, wanted - filled, span.offset + at + filled);
          if (bytesRead === 0) throw new TaraError('TARA_FILE_CHANGED', { path: path.toString() });
          filled += bytesRead;
        }
        if (hasNonFinite(chunk, wanted, span.dtype)) {
          found.push(span.name);
          break;
        }
        at += wanted;
      }
    }
  } finally {
    await file.close();
  }
  return found;
}

export const isFloatType = (dtype: string): dtype is FloatType => Object.hasOwn(EXPONENT, dtype);
