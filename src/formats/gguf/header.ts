/** Writes the header of a GGUF file (version 3) from plan entries, and turns read entries into plan entries. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { TaraError } from '../../errors.js';
import type { GgufEntry } from './file.js';
import { ARRAY_TYPE_ID, type GgufScalarType, ggufTypeBytes, ggufTypeId, isGgufArray, isGgufScalarType, stringBytes } from './array.js';
import { type GgmlTypeName, ggmlType } from './types.js';
import { oneLine } from '../one-line.js';

/** A plan's metadata entry: 64-bit integers as decimal strings, -0, infinities and NaN as text too, long arrays as a blob of encoded items. */
export interface HeaderEntry {
  readonly key: string;
  readonly type: GgufScalarType | 'array';
  readonly value:
    | number | string | boolean
    | { readonly of: string; readonly items: readonly (number | string | boolean)[] }
    | { readonly of: string; readonly length: number; readonly blob: string };
}

export interface HeaderTensor {
  readonly name: string;
  /** ggml order. */
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  /** Relative to the tensor data. */
  readonly offset: number;
}

export interface Header {
  readonly metadata: readonly HeaderEntry[];
  readonly tensors: readonly HeaderTensor[];
  readonly alignment: number;
}

const INTEGER_RANGES: Partial<Record<GgufScalarType, readonly [bigint, bigint]>> = {
  uint8: [0n, 0xffn], int8: [-0x80n, 0x7fn], uint16: [0n, 0xffffn], int16: [-0x8000n, 0x7fffn],
  uint32: [0n, 0xffffffffn], int32: [-0x80000000n, 0x7fffffffn],
  uint64: [0n, 2n ** 64n - 1n], int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Numbers that JSON has no form for, or another: they stand in a plan as text. */
const NO_JSON_NUMBER = /^(?:NaN|-?Infinity|-0)$/;

const jsonScalar = (value: number | bigint | string | boolean): number | string | boolean =>
  typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : Object.is(value, -0) ? '-0' : value;

/** Arrays up to this many bytes are listed in a plan; longer ones become blobs. */
const INLINE_BYTES = 1024;

/** A buffer that doubles. */
class Bytes {
  #buffer = Buffer.allocUnsafe(1 << 14);
  length = 0;

  reserve(bytes: number): { buffer: Buffer; at: number } {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.length, this.#buffer.length * 2));
      this.#buffer.copy(bigger, 0, 0, at);
      this.#buffer = bigger;
    }
    return { buffer: this.#buffer, at };
  }

  u32(value: number): void {
    const { buffer, at } = this.reserve(4);
    buffer.writeUInt32LE(value, at);
  }

  u64(value: bigint | number): void {
    const { buffer, at } = this.reserve(8);
    buffer.writeBigUInt64LE(BigInt(value), at);
  }

  bytes(value: Uint8Array): void {
    const { buffer, at } = this.reserve(value.length);
    buffer.set(value, at);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value);
    this.u64(length);
    const { buffer, at } = this.reserve(length);
    buffer.write(value, at, 'utf8');
  }

  /** The bytes, zero-padded to a multiple of `alignment`. */
  padded(alignment: number): Uint8Array {
    const end = Math.ceil(this.length / alignment) * alignment;
    const result = new Uint8Array(end);
    result.set(this.#buffer.subarray(0, this.length));
    return result;
  }
}

const refuse = (key: string, reason: string): TaraError => new TaraError('TARA_PLAN_INVALID', { reason: oneLine(`metadata ${key}: ${reason}`) });

/** An integer given as a number or decimal string, inside the range of its type. */
function integer(key: string, type: GgufScalarType, value: unknown, [low, high]: readonly [bigint, bigint]): bigint {
  const exact = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^-?\d{1,20}$/.test(value);
  if (!exact) throw refuse(key, `${JSON.stringify(value)} is no ${type}`);
  const whole = BigInt(value as number | string);
  if (whole < low || whole > high) throw refuse(key, `${whole} is outside ${type}`);
  return whole;
}

function writeScalar(out: Bytes, key: string, type: GgufScalarType, value: unknown): void {
  if (type === 'string') {
    if (typeof value !== 'string') throw refuse(key, 'the value is no string');
    out.string(value);
    return;
  }
  const { buffer, at } = out.reserve(ggufTypeBytes(type));
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw refuse(key, 'the value is no boolean');
    buffer.writeUInt8(value ? 1 : 0, at);
  } else if (type === 'float32' || type === 'float64') {
    const number = typeof value === 'string' && NO_JSON_NUMBER.test(value) ? Number(value) : value;
    if (typeof number !== 'number') throw refuse(key, 'the value is no number');
    if (type === 'float32') buffer.writeFloatLE(number, at);
    else buffer.writeDoubleLE(number, at);
  } else {
    const range = INTEGER_RANGES[type];
    if (range === undefined) throw refuse(key, `${type} is no integer type`);
    // Two's complement of the type's width, lowest byte first.
    let rest = BigInt.asUintN(64, integer(key, type, value, range));
    for (let index = 0; index < ggufTypeBytes(type); index++) {
      buffer[at + index] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }
}

/** Checks that a blob really is `length` encoded items. */
function checkBlob(key: string, of: GgufScalarType, length: number, blob: Buffer): void {
  const width = ggufTypeBytes(of);
  let at = 0;
  if (of !== 'string') at = length * width;
  else {
    for (let index = 0; index < length && at + 8 <= blob.length; index++) {
      if (blob.readUInt32LE(at + 4) !== 0) throw refuse(key, 'its blob holds a string that is too long');
      at += 8 + blob.readUInt32LE(at);
    }
    if (length * 8 > blob.length) at = Infinity;
  }
  if (at !== blob.length) throw refuse(key, `its blob of ${blob.length} bytes is not ${length} items of ${of}`);
}

function writeValue(out: Bytes, entry: HeaderEntry, blobs: ReadonlyMap<string, Uint8Array>): void {
  const { key, type, value } = entry;
  if (type !== 'array') {
    out.u32(ggufTypeId(type));
    writeScalar(out, key, type, value);
    return;
  }
  if (typeof value !== 'object' || !isGgufScalarType(value.of)) throw refuse(key, 'an array needs an item type');
  const of = value.of;
  out.u32(ARRAY_TYPE_ID);
  out.u32(ggufTypeId(of));
  if ('blob' in value) {
    const blob = blobs.get(value.blob);
    if (blob === undefined) throw refuse(key, `its blob ${value.blob} is not beside the plan`);
    checkBlob(key, of, value.length, Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength));
    out.u64(value.length);
    out.bytes(blob);
  } else {
    out.u64(value.items.length);
    for (const item of value.items) writeScalar(out, key, of, item);
  }
}

/**
 * The header bytes, zero-padded to the alignment so that tensor data can follow.
 * Throws TARA_PLAN_INVALID for a value that its type cannot hold, a doubled key, a missing blob.
 */
export function encodeHeader(header: Header, blobs: ReadonlyMap<string, Uint8Array> = new Map()): Uint8Array {
  const out = new Bytes();
  out.bytes(Buffer.from('GGUF'));
  out.u32(3);
  out.u64(header.tensors.length);
  out.u64(header.metadata.length);
  const keys = new Set<string>();
  for (const entry of header.metadata) {
    if (keys.has(entry.key)) throw refuse(entry.key, 'it occurs twice');
    keys.add(entry.key);
    out.string(entry.key);
    writeValue(out, entry, blobs);
  }
  for (const tensor of header.tensors) {
    out.string(tensor.name);
    out.u32(tensor.ne.length);
    for (const n of tensor.ne) out.u64(n);
    out.u32(ggmlType(tensor.type).id);
    out.u64(tensor.offset);
  }
  return out.padded(header.alignment);
}

/** A read entry as a plan's entry; the payload of a long array goes into `blobs` under its SHA-256. */
export function headerEntry(entry: GgufEntry, blobs: Map<string, Uint8Array>): HeaderEntry {
  const { key, type, value } = entry;
  if (!isGgufArray(value)) return { key, type, value: jsonScalar(value) };
  // What is listed must survive JSON: NaN, and text that is no UTF-8, have to stay bytes.
  const exact = value.bytes.length <= INLINE_BYTES && (value.of === 'string'
    ? [...stringBytes(value.bytes)].every((item) => isUtf8(item))
    : !value.of.startsWith('float'));
  if (exact) {
    return { key, type, value: { of: value.of, items: value.items().map((item) => (typeof item === 'bigint' ? String(item) : item)) } };
  }
  const blob = createHash('sha256').update(value.bytes).digest('hex');
  blobs.set(blob, value.bytes);
  return { key, type, value: { of: value.of, length: value.length, blob } };
}
