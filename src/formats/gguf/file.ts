/** Reads and checks the header of a GGUF file (versions 2 and 3, little-endian); weights stay on disk. */
import { TaraError } from '../../errors.js';
import { ByteReader, type ByteSource, breathe, sha256, utf8 } from '../byte-reader.js';
import { type FileIdentity, withFile } from '../files.js';
import { oneLine } from '../one-line.js';
import {
  ARRAY_TYPE_ID, type GgufArray, type GgufScalarType, ggufArray, ggufTypeBytes, ggufTypeName, readScalar,
} from './array.js';
import { firstRepeat } from './repeat.js';
import { type GgmlTypeName, ggmlType, ggmlTypeName } from './types.js';

export type { GgufArray, GgufScalarType } from './array.js';

export interface GgufEntry {
  readonly key: string;
  readonly type: GgufScalarType | 'array';
  /** uint64 and int64 as bigint. */
  readonly value: number | string | boolean | bigint | GgufArray;
}

export interface GgufTensor {
  readonly name: string;
  /** ggml order: ne[0] is the row length; as many entries as the file gives. */
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  /** Absolute in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 of the bytes before the tensor data, padding left out. */
  readonly headerHash: string;
  readonly version: 2 | 3;
  readonly alignment: number;
  /** Absolute position of the tensor data. */
  readonly dataOffset: number;
  readonly metadata: readonly GgufEntry[];
  readonly tensors: readonly GgufTensor[];
}

/** A header this long (256 MiB) is no vocabulary. */
const HEADER_LIMIT = 2 ** 28;
const DEFAULT_ALIGNMENT = 32;
const KEY_LIMIT = 65535;
const NAME_LIMIT = 63;
/** Smallest encodings: key length, one byte of key, type, one byte of value; name length, n_dims, one dimension, type, offset. */
const MIN_ENTRY = 8 + 1 + 4 + 1;
const MIN_TENSOR = 8 + 4 + 8 + 4 + 8;
const TOKENS_KEY = 'tokenizer.ggml.tokens';
const BREATH = 1024;

/** An array's place in the header; views are made when the buffer no longer grows. */
interface ArraySpan {
  readonly key: string;
  readonly of: GgufScalarType;
  readonly length: number;
  readonly start: number;
  readonly end: number;
  readonly longest: number;
}

interface TensorInfo {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  /** Relative to the tensor data. */
  readonly offset: number;
  readonly bytes: number;
}

/** Refuses a length that cannot fit before anything is read or allocated for it. */
function bounded(reader: ByteReader, length: number, itemBytes: number, what: string): number {
  if (length > reader.remaining / itemBytes) throw reader.fail(`${what} announces more than the file holds`);
  return length;
}

async function readString(reader: ByteReader, what: string): Promise<string> {
  if (!reader.has(8)) await reader.fill(8, what);
  const length = bounded(reader, reader.length64(), 1, what);
  if (!reader.has(length)) await reader.fill(length, what);
  const text = utf8(reader.view(length));
  if (text === undefined) throw reader.fail(`${what} is not UTF-8`);
  return text;
}

/** Steps over the strings of an array and gives the length of the longest. */
async function skipStrings(reader: ByteReader, count: number, what: string): Promise<number> {
  let longest = 0;
  for (let done = 0; ;) {
    const skipped = reader.skipStrings(count - done);
    done += skipped.count;
    longest = Math.max(longest, skipped.longest);
    if (done === count) return longest;
    await reader.fill(8, what);
    const length = reader.length64();
    bounded(reader, length, 1, what);
    reader.position -= 8;
    await reader.fill(8 + length, what);
  }
}

async function readArray(reader: ByteReader, key: string): Promise<ArraySpan> {
  const what = `array ${key}`;
  await reader.fill(12, what);
  const id = reader.u32();
  const of = ggufTypeName(id);
  if (of === undefined) {
    throw reader.fail(id === ARRAY_TYPE_ID ? `${what} holds arrays, which GGUF readers do not take` : `${what} has the unknown item type ${id}`);
  }
  const width = ggufTypeBytes(of);
  const length = bounded(reader, reader.length64(), width, what);
  const start = reader.position;
  let longest = 0;
  if (of === 'string') {
    longest = await skipStrings(reader, length, what);
  } else {
    await reader.fill(length * width, what);
    reader.position += length * width;
  }
  return { key, of, length, start, end: reader.position, longest };
}

async function readValue(reader: ByteReader, key: string): Promise<GgufEntry | ArraySpan> {
  const what = `key ${key}`;
  if (!reader.has(4)) await reader.fill(4, what);
  const id = reader.u32();
  if (id === ARRAY_TYPE_ID) return readArray(reader, key);
  const type = ggufTypeName(id);
  if (type === undefined) throw reader.fail(`${what} has the unknown type ${id}`);
  if (type === 'string') return { key, type, value: await readString(reader, what) };
  const width = ggufTypeBytes(type);
  if (!reader.has(width)) await reader.fill(width, what);
  const bytes = reader.view(width);
  return { key, type, value: readScalar(new DataView(bytes.buffer, bytes.byteOffset, width), type, 0) };
}

async function readMetadata(reader: ByteReader, count: number): Promise<(GgufEntry | ArraySpan)[]> {
  const entries: (GgufEntry | ArraySpan)[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    if (index % BREATH === BREATH - 1) await breathe();
    const key = await readString(reader, `metadata key ${index}`);
    if (key.length === 0 || key.length > KEY_LIMIT) throw reader.fail(`metadata key ${index} has ${key.length} characters`);
    if (key.includes('\0')) throw reader.fail(`metadata key ${index} holds a NUL character`);
    if (seen.has(key)) throw reader.fail(`key ${key} occurs twice`);
    seen.add(key);
    entries.push(await readValue(reader, key));
  }
  return entries;
}

function checkedAlignment(reader: ByteReader, entries: readonly (GgufEntry | ArraySpan)[]): number {
  const entry = entries.find((candidate) => candidate.key === 'general.alignment');
  if (entry === undefined) return DEFAULT_ALIGNMENT;
  if (!('type' in entry) || entry.type !== 'uint32' || typeof entry.value !== 'number') throw reader.fail('general.alignment is no uint32');
  const alignment = entry.value;
  if (alignment < 8 || (alignment & (alignment - 1)) !== 0 || alignment > 2 ** 30) {
    throw reader.fail(`general.alignment is ${alignment}, which is no power of two from 8`);
  }
  return alignment;
}

/** Elements of a shape, or undefined beyond what a number holds exactly. */
function elements(ne: readonly number[]): number | undefined {
  const product = ne.reduce((total, n) => total * n, 1);
  return Number.isSafeInteger(product) ? product : undefined;
}

async function readTensorInfo(reader: ByteReader, index: number): Promise<TensorInfo> {
  const name = await readString(reader, `name of tensor ${index}`);
  if (name.length === 0 || Buffer.byteLength(name) > NAME_LIMIT) throw reader.fail(`the name of tensor ${index} has ${Buffer.byteLength(name)} bytes; 1 to ${NAME_LIMIT} are allowed`);
  if (name.includes('\0')) throw reader.fail(`the name of tensor ${index} holds a NUL character`);
  const what = `tensor ${name}`;
  if (!reader.has(4)) await reader.fill(4, what);
  const dims = reader.u32();
  if (dims < 1 || dims > 4) throw reader.fail(`${what} has ${dims} dimensions; 1 to 4 are allowed`);
  const rest = dims * 8 + 12;
  if (!reader.has(rest)) await reader.fill(rest, what);
  const ne = Array.from({ length: dims }, () => reader.length64());
  if (ne.some((n) => n === 0)) throw reader.fail(`${what} has a dimension of 0`);
  const count = elements(ne);
  if (count === undefined) throw reader.fail(`${what} has more elements than can be counted`);
  const id = reader.u32();
  const type = ggmlTypeName(id);
  if (type === undefined) throw reader.fail(`${what} has the unknown type ${id}`);
  const { blockSize, typeSize } = ggmlType(type);
  const row = ne[0] ?? 0;
  if (row % blockSize !== 0) throw reader.fail(`${what}: rows of ${row} are no multiple of ${type}'s block of ${blockSize}`);
  const bytes = (count / blockSize) * typeSize;
  if (!Number.isSafeInteger(bytes)) throw reader.fail(`${what} has more bytes than can be counted`);
  return { name, ne, type, offset: reader.length64(), bytes };
}

async function readTensorInfos(reader: ByteReader, count: number, alignment: number): Promise<TensorInfo[]> {
  const tensors: TensorInfo[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    if (index % BREATH === BREATH - 1) await breathe();
    const tensor = await readTensorInfo(reader, index);
    if (seen.has(tensor.name)) throw reader.fail(`tensor ${tensor.name} occurs twice`);
    seen.add(tensor.name);
    if (tensor.offset % alignment !== 0) throw reader.fail(`tensor ${tensor.name} starts at ${tensor.offset}, which is no multiple of the alignment ${alignment}`);
    tensors.push(tensor);
  }
  return tensors;
}

/** Every span lies in the file and no two share bytes; gaps are allowed. */
function checkSpans(reader: ByteReader, tensors: readonly TensorInfo[], dataOffset: number): void {
  let end = 0;
  let previous = '';
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset)) {
    if (tensor.offset > reader.size || dataOffset + tensor.offset + tensor.bytes > reader.size) {
      throw reader.fail(`tensor ${tensor.name} (${tensor.bytes} bytes at ${tensor.offset}) ends outside the file`);
    }
    if (tensor.offset < end) throw reader.fail(`tensors ${previous} and ${tensor.name} share bytes`);
    end = tensor.offset + tensor.bytes;
    previous = tensor.name;
  }
}

async function arrayOf(span: ArraySpan, header: Buffer): Promise<GgufEntry> {
  const bytes = header.subarray(span.start, span.end);
  const repeat = span.key === TOKENS_KEY && span.of === 'string' ? await firstRepeat(bytes, span.length) : undefined;
  const facts = { ...(span.of === 'string' && { longest: span.longest }), ...(repeat !== undefined && { repeat }) };
  return { key: span.key, type: 'array', value: ggufArray(span.of, span.length, bytes, facts) };
}

/** `readGguf` on any source; `file` says what it is called and how long it is. */
export async function readGgufFrom(source: ByteSource, file: FileIdentity & { readonly path: string }, options: { signal?: AbortSignal | undefined } = {}): Promise<GgufFile> {
  const { path, size, mtimeMs } = file;
  const fail = (reason: string) => new TaraError('TARA_GGUF_INVALID', { path, reason: oneLine(reason) });
  const reader = new ByteReader(source, { size, limit: HEADER_LIMIT, fail, signal: options.signal });

  await reader.fill(4, 'the magic');
  if (reader.view(4).toString('latin1') !== 'GGUF') throw fail('it does not start with GGUF');
  await reader.fill(20, 'the file header');
  const version = reader.u32();
  if (version !== 2 && version !== 3) throw fail((version & 0xffff) === 0 ? 'it is big-endian' : `version ${version} is not supported, only 2 and 3`);
  const tensorCount = bounded(reader, reader.length64(), MIN_TENSOR, 'the tensor count');
  const entryCount = bounded(reader, reader.length64(), MIN_ENTRY, 'the metadata count');

  const entries = await readMetadata(reader, entryCount);
  const alignment = checkedAlignment(reader, entries);
  const infos = await readTensorInfos(reader, tensorCount, alignment);
  const header = reader.bytesRead();
  const dataOffset = Math.ceil(header.length / alignment) * alignment;
  checkSpans(reader, infos, dataOffset);

  const metadata: GgufEntry[] = [];
  for (const entry of entries) metadata.push('start' in entry ? await arrayOf(entry, header) : entry);
  return {
    path, size, mtimeMs, headerHash: await sha256(header), version, alignment, dataOffset, metadata,
    tensors: infos.map((info) => ({ ...info, offset: dataOffset + info.offset })),
  };
}

/**
 * The header of a GGUF file. Memory follows the header, not the weights, and the event loop
 * breathes. Throws TARA_GGUF_INVALID, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE or TARA_ABORTED.
 */
export const readGguf = (path: string, options: { signal?: AbortSignal | undefined } = {}): Promise<GgufFile> =>
  withFile(path, (handle, identity) => readGgufFrom(handle, { path, ...identity }, options));

export interface GgufMetadata {
  get(key: string): GgufEntry['value'] | undefined;
  /** A number, or a 64-bit integer that a number holds exactly. */
  number(key: string): number | undefined;
  string(key: string): string | undefined;
}

/** Look-up by key; a value of another type reads as absent. */
export function metadataOf(file: { readonly metadata: readonly GgufEntry[] }): GgufMetadata {
  const values = new Map(file.metadata.map((entry) => [entry.key, entry.value]));
  return {
    get: (key) => values.get(key),
    number(key) {
      const value = values.get(key);
      if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
      return typeof value === 'number' ? value : undefined;
    },
    string(key) {
      const value = values.get(key);
      return typeof value === 'string' ? value : undefined;
    },
  };
}
