/** Finds a token that a vocabulary lists twice, in one pass over the encoded bytes. */
import { randomInt } from 'node:crypto';
import { breathe } from '../byte-reader.js';

/** Bytes between two breaths: about a millisecond. */
const BREATH_BYTES = 1 << 17;
const EMPTY_NAME = /^\[EMPTY_(0|[1-9]\d*)\]$/;
const EMPTY_START = 0x5b;

const sameBytes = (bytes: Uint8Array, a: number, b: number, length: number): boolean => {
  for (let at = 0; at < length; at++) {
    if (bytes[a + at] !== bytes[b + at]) return false;
  }
  return true;
};

/** Offsets of the distinct strings seen so far, by seeded hash with linear probing at most half full. */
class StringTable {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #seed = randomInt(2 ** 31);

  constructor(readonly payload: Buffer, count: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** False where the same bytes were added before. `at` is where the string's length stands. */
  add(at: number, length: number): boolean {
    let hash = this.#seed ^ length;
    for (let byte = at + 8; byte < at + 8 + length; byte++) {
      hash = Math.imul(hash ^ (this.payload[byte] ?? 0), 0x5bd1e995);
      hash ^= hash >>> 15;
    }
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      // Zero marks a free slot, so offsets are stored from one.
      const other = (this.#slots[slot] ?? 0) - 1;
      if (other < 0) {
        this.#slots[slot] = at + 1;
        return true;
      }
      if (this.payload.readUInt32LE(other) === length && sameBytes(this.payload, other + 8, at + 8, length)) return false;
    }
  }
}

/**
 * The index of the first string of a checked payload that stood before, or undefined. llama.cpp aborts
 * on one, and reads an empty token as `[EMPTY_index]`, which may then stand in the list as well.
 */
export async function firstRepeat(bytes: Uint8Array, count: number): Promise<number | undefined> {
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = new StringTable(payload, count);
  const empty = new Set<number>();
  const named = new Set<number>();
  let breathed = 0;
  for (let index = 0, at = 0; index < count; index++) {
    if (at - breathed > BREATH_BYTES) {
      breathed = at;
      await breathe();
    }
    const length = payload.readUInt32LE(at);
    if (length === 0) empty.add(index);
    else if (!table.add(at, length)) return index;
    if (length > 8 && length < 24 && payload[at + 8] === EMPTY_START) {
      const [, number] = EMPTY_NAME.exec(payload.toString('latin1', at + 8, at + 8 + length)) ?? [];
      if (number !== undefined) named.add(Number(number));
    }
    at += 8 + length;
  }
  return [...empty].find((index) => named.has(index));
}
