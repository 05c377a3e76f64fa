/**
 * Importance matrices: for each weight how much each of its columns matters, as llama-imatrix writes them and llama-quantize reads
 * them, in a GGUF file (sums of squared activations and counts) or in the older .dat.
 */
import type { FileHandle } from 'node:fs/promises';
import { TaraError } from '../errors.js';
import { sha256 } from './byte-reader.js';
import { withFile } from './files.js';
import { isGgufArray } from './gguf/array.js';
import { type GgufFile, type GgufTensor, metadataOf, readGguf } from './gguf/file.js';
import { oneLine } from './one-line.js';

/** What one weight was multiplied by. */
export interface ImatrixEntry {
  /** Sums of squares of each column, of each expert in turn. */
  readonly sums: Float32Array;
  /** Inputs that were summed: one number for the whole weight, or one for each expert. */
  readonly counts: Float32Array;
}

/** An importance matrix as it is collected, merged and written. */
export interface ImatrixData {
  /** The file or model that it comes from, for messages. */
  readonly source: string;
  /** By tensor name; all numbers are finite. */
  readonly entries: ReadonlyMap<string, ImatrixEntry>;
  readonly datasets: readonly string[];
  /** Chunks of `chunkSize` tokens that were read. */
  readonly chunks: number;
  readonly chunkSize: number;
}

/** An importance matrix as it is quantized with. */
export interface Imatrix {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 of the GGUF header, or of the whole older file. */
  readonly headerHash: string;
  /** By tensor name: the importance of each column, of each expert in turn. Finite. */
  readonly entries: ReadonlyMap<string, Float32Array>;
  /** What it was computed on, as far as the file tells. */
  readonly datasets: readonly string[];
  readonly chunks: number;
}

/** The older format holds means times calls, and counts calls. */
type Stored = Omit<ImatrixData, 'source'> & { readonly legacy: boolean };
type Fail = (reason: string) => TaraError;

const SUMS = '.in_sum2';
const COUNTS = '.counts';
const KEYS = ['imatrix.datasets', 'imatrix.chunk_count', 'imatrix.chunk_size'] as const;
/** A larger one is no importance matrix: a value for each column, not for each weight. */
const LEGACY_LIMIT = 2 ** 30;
const ENTRY_LIMIT = 2 ** 28;
/** Tokens of a call in the older format, which does not say. */
const LEGACY_CHUNK = 512;

const isGguf = async (handle: FileHandle): Promise<boolean> => {
  const magic = Buffer.alloc(4);
  await handle.read(magic, 0, 4, 0);
  return magic.toString('latin1') === 'GGUF';
};

async function floats(handle: FileHandle, { name, type, offset, bytes }: GgufTensor, fail: Fail): Promise<Float32Array> {
  if (type !== 'f32') throw fail(`${name} is not f32`);
  if (bytes > ENTRY_LIMIT) throw fail(`${name} is too large`);
  const values = new Float32Array(bytes / 4);
  const { bytesRead } = await handle.read(new Uint8Array(values.buffer), 0, bytes, offset);
  if (bytesRead !== bytes) throw fail('it became shorter while it was read');
  return values;
}

/** Half away from zero, as lround. */
const rounded = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

/** Sums over counts; the columns of an expert that was never used count alike. */
function means({ sums, counts }: ImatrixEntry, legacy: boolean): Float32Array {
  const width = sums.length / counts.length;
  return sums.map((sum, index) => {
    const count = Math.fround(rounded(counts[Math.floor(index / width)] ?? 0));
    return count > 0 ? sum / count : legacy ? sum : 1;
  });
}

async function fromGguf(handle: FileHandle, file: GgufFile, fail: Fail): Promise<Stored> {
  const metadata = metadataOf(file);
  const missing = KEYS.find((key) => metadata.get(key) === undefined);
  if (missing !== undefined) throw fail(`it has no ${missing}: it is no importance matrix`);
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const entries = new Map<string, ImatrixEntry>();
  for (const tensor of file.tensors) {
    const name = tensor.name.endsWith(SUMS) ? tensor.name.slice(0, -SUMS.length) : tensor.name.endsWith(COUNTS) ? tensor.name.slice(0, -COUNTS.length) : undefined;
    if (name === undefined || entries.has(name)) continue;
    const [sums, counts] = [tensors.get(name + SUMS), tensors.get(name + COUNTS)];
    if (!sums || !counts) throw fail(`${name} has ${sums ? 'no counts' : 'no sums'}`);
    const entry = { sums: await floats(handle, sums, fail), counts: await floats(handle, counts, fail) };
    if (entry.sums.length % entry.counts.length !== 0) throw fail(`${name} has ${entry.sums.length} sums for ${entry.counts.length} counts`);
    entries.set(name, entry);
  }
  const datasets = metadata.get('imatrix.datasets');
  return {
    entries,
    datasets: isGgufArray(datasets) && datasets.of === 'string' ? datasets.items().map(String) : [],
    chunks: metadata.number('imatrix.chunk_count') ?? 0,
    chunkSize: metadata.number('imatrix.chunk_size') ?? 0,
    legacy: false,
  };
}

/** int32 count; for each entry int32 length, name, int32 calls, int32 count, floats; then perhaps int32 chunks, int32 length, dataset. */
function fromLegacy(bytes: Buffer, fail: Fail): Stored {
  let at = 0;
  const take = (length: number): number => {
    if (length < 0 || at + length > bytes.length) throw fail('it ends too early: it is no importance matrix');
    at += length;
    return at - length;
  };
  const int32 = (): number => bytes.readInt32LE(take(4));
  const text = (): string => {
    const length = int32();
    const start = take(length);
    return bytes.toString('utf8', start, start + length).split('\0')[0] ?? '';
  };
  const entries = new Map<string, ImatrixEntry>();
  const count = int32();
  if (count < 1) throw fail('it holds nothing');
  for (let index = 0; index < count; index++) {
    const name = text();
    const calls = int32();
    const length = int32();
    if (length < 1 || length > ENTRY_LIMIT) throw fail(`${oneLine(name)} has ${length} values`);
    const start = take(4 * length);
    entries.set(name, { sums: Float32Array.from({ length }, (_, i) => bytes.readFloatLE(start + 4 * i)), counts: Float32Array.of(calls) });
  }
  const hasChunks = bytes.length - at >= 4;
  const chunks = hasChunks ? int32() : 0;
  const hasDataset = hasChunks && bytes.length - at >= 4 && bytes.readInt32LE(at) > 0 && bytes.readInt32LE(at) <= bytes.length - at - 4;
  return { entries, chunks, datasets: hasDataset ? [text()] : [], chunkSize: LEGACY_CHUNK, legacy: true };
}

/** Reads all of it, whichever format it has. */
async function readStored(path: string): Promise<Stored & Pick<Imatrix, 'size' | 'mtimeMs' | 'headerHash'>> {
  const fail: Fail = (reason) => new TaraError('TARA_IMATRIX_INVALID', { path, reason });
  return withFile(path, async (handle, { size, mtimeMs }) => {
    let stored: Stored;
    let headerHash: string;
    if (await isGguf(handle)) {
      const file = await readGguf(path);
      headerHash = file.headerHash;
      stored = await fromGguf(handle, file, fail);
    } else {
      if (size > LEGACY_LIMIT) throw fail('it is too large: it is no importance matrix');
      const bytes = await handle.readFile();
      headerHash = await sha256(bytes);
      stored = fromLegacy(bytes, fail);
    }
    if (stored.entries.size === 0) throw fail('it holds nothing');
    for (const [name, { sums, counts }] of stored.entries) {
      if (!sums.every(Number.isFinite) || !counts.every(Number.isFinite)) throw fail(`${oneLine(name)} holds NaN or infinity`);
    }
    return { size, mtimeMs, headerHash, ...stored };
  });
}

/** For quantizing. Throws TARA_IMATRIX_INVALID, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_GGUF_INVALID. */
export async function readImatrix(path: string): Promise<Imatrix> {
  const { size, mtimeMs, headerHash, entries, datasets, chunks, legacy } = await readStored(path);
  return { path, size, mtimeMs, headerHash, datasets, chunks, entries: new Map([...entries].map(([name, entry]) => [name, means(entry, legacy)])) };
}

/** For merging: a file of the older format as if each of its calls were a chunk of 512 tokens, as llama-imatrix takes it. Throws as readImatrix. */
export async function readImatrixData(path: string): Promise<ImatrixData> {
  const { entries, datasets, chunks, chunkSize, legacy } = await readStored(path);
  const scaled = (values: Float32Array): Float32Array => values.map((value) => value * LEGACY_CHUNK);
  const whole = legacy ? new Map([...entries].map(([name, { sums, counts }]) => [name, { sums: scaled(sums), counts: scaled(counts) }])) : entries;
  return { source: path, entries: whole, datasets, chunks, chunkSize };
}
