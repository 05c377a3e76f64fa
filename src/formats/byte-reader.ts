/** A file's header read in chunks of at most 1 MiB: everything read so far stays in one buffer, so a span is two numbers. */
import { createHash } from 'node:crypto';
import { TaraError } from '../errors.js';

const CHUNK = 1 << 20;
const FIRST_CHUNK = 1 << 16;
const HASH_CHUNK = 1 << 18;

/** Lets timers and I/O run before a long loop goes on. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Where bytes come from: an open file, or a server. Gives at least one byte, fewer than asked if it likes, none at the end. */
export interface ByteSource {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

export interface ByteReaderOptions {
  readonly size: number;
  /** The header may not be longer, whatever the file's size. */
  readonly limit: number;
  /** Makes the error of the file's format. */
  readonly fail: (reason: string) => TaraError;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads little-endian values in order. Synchronous reads need their bytes in the buffer:
 * `has(n)` tells, `await fill(n)` gets them or throws the format's error at the end of the file.
 */
export class ByteReader {
  position = 0;
  readonly size: number;
  readonly #source: ByteSource;
  readonly #options: ByteReaderOptions;
  #buffer: Buffer;
  #filled = 0;

  constructor(source: ByteSource, options: ByteReaderOptions) {
    this.#source = source;
    this.#options = options;
    this.size = options.size;
    this.#buffer = Buffer.allocUnsafe(Math.min(options.size, FIRST_CHUNK));
  }

  fail(reason: string): TaraError {
    return this.#options.fail(reason);
  }

  /** Bytes between the position and the end of the file. */
  get remaining(): number {
    return this.size - this.position;
  }

  has(bytes: number): boolean {
    return this.position + bytes <= this.#filled;
  }

  async fill(bytes: number, what: string): Promise<void> {
    const end = this.position + bytes;
    if (end > this.size) throw this.fail(`${what} at byte ${this.position} ends outside the file`);
    if (end > this.#options.limit) throw this.fail(`the header is longer than ${this.#options.limit} bytes`);
    while (this.#filled < end) {
      if (this.#options.signal?.aborted) throw new TaraError('TARA_ABORTED');
      this.#grow();
      const wanted = Math.min(CHUNK, this.#buffer.length - this.#filled);
      const { bytesRead } = await this.#source.read(this.#buffer, this.#filled, wanted, this.#filled);
      if (bytesRead === 0) throw this.fail(`the file became shorter while it was read`);
      this.#filled += bytesRead;
    }
  }

  /** Room for at least one more byte: twice the size, so that copies stay in proportion. */
  #grow(): void {
    if (this.#filled < this.#buffer.length) return;
    const bigger = Buffer.allocUnsafe(Math.min(this.size, this.#buffer.length * 2));
    this.#buffer.copy(bigger, 0, 0, this.#filled);
    this.#buffer = bigger;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#take(8));
  }

  /** A 64-bit length or count as a number; too large for one becomes Infinity, which every bound refuses. */
  length64(): number {
    const at = this.#take(8);
    const high = this.#buffer.readUInt32LE(at + 4);
    return high > 0x1fffff ? Infinity : high * 2 ** 32 + this.#buffer.readUInt32LE(at);
  }

  /** A view of the next bytes; good only until the next `fill`. */
  view(bytes: number): Buffer {
    const at = this.#take(bytes);
    return this.#buffer.subarray(at, at + bytes);
  }

  /** Steps over strings, each behind its 64-bit length, as long as they lie in the buffer as a whole. */
  skipStrings(most: number): { count: number; longest: number } {
    let longest = 0;
    for (let count = 0; count < most; count++) {
      const at = this.position;
      if (at + 8 > this.#filled || this.#buffer.readUInt32LE(at + 4) !== 0) return { count, longest };
      const length = this.#buffer.readUInt32LE(at);
      if (at + 8 + length > this.#filled) return { count, longest };
      this.position = at + 8 + length;
      if (length > longest) longest = length;
    }
    return { count: most, longest };
  }

  #take(bytes: number): number {
    const at = this.position;
    this.position += bytes;
    return at;
  }

  /** The bytes before the position. */
  bytesRead(): Buffer {
    return this.#buffer.subarray(0, this.position);
  }
}

/** SHA-256 in hexadecimal, a chunk at a time. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += HASH_CHUNK) {
    if (at > 0) await breathe();
    hash.update(bytes.subarray(at, at + HASH_CHUNK));
  }
  return hash.digest('hex');
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, or undefined where they are not UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
