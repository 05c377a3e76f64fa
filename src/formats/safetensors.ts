/** Reads and checks the header of a safetensors file, as strictly as the reference crate; weights stay on disk. */
import { TaraError } from '../errors.js';
import { ByteReader, breathe, sha256, utf8 } from './byte-reader.js';
import { withFile } from './files.js';
import { isJsonObject, parseJson } from './json.js';
import { oneLine } from './one-line.js';

/** Bytes of an element. */
const DTYPES = {
  F64: 8, F32: 4, F16: 2, BF16: 2, F8_E5M2: 1, F8_E4M3: 1, F8_E8M0: 1, C64: 8,
  I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1,
} as const;

export type SafetensorsDtype = keyof typeof DTYPES;

export interface SafetensorsTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  /** Slowest dimension first; [] is a scalar. */
  readonly shape: readonly number[];
  /** Absolute in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256 of the bytes before the tensor data. */
  readonly headerHash: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes. */
  readonly tensors: readonly SafetensorsTensor[];
}

/** About 100 000 tensors; the reference crate stops at 100 MB. */
const HEADER_LIMIT = 16 << 20;
/** The header object, a tensor, its shape. */
const DEPTH = 3;
const BREATH = 1024;

type Fail = (reason: string) => TaraError;

export const isDtype = (name: unknown): name is SafetensorsDtype => typeof name === 'string' && Object.hasOwn(DTYPES, name);
export const dtypeBytes = (dtype: SafetensorsDtype): number => DTYPES[dtype];

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw fail('__metadata__ is no object');
  return Object.fromEntries(Object.entries(value).map(([key, text]) => {
    if (typeof text !== 'string') throw fail(`__metadata__.${key} is no string`);
    return [key, text];
  }));
}

/** One tensor of the header; `offset` is still relative to the data. */
function checkTensor(name: string, value: unknown, fail: Fail): SafetensorsTensor {
  if (name.length === 0 || /[\0\p{Surrogate}]/u.test(name)) throw fail(`${JSON.stringify(name)} is no tensor name`);
  if (!isJsonObject(value)) throw fail(`tensor ${name} is no object`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw fail(`tensor ${name} has the unknown field ${extra}`);
  if (!isDtype(dtype)) throw fail(`tensor ${name} has the unknown or unsupported dtype ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isCount)) throw fail(`tensor ${name} has no proper shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) throw fail(`tensor ${name} has no proper data_offsets`);
  const [start = 0, end = 0] = offsets;
  const bytes = shape.reduce((product, n) => product * n, 1) * DTYPES[dtype];
  if (!Number.isSafeInteger(bytes)) throw fail(`tensor ${name} has more bytes than can be counted`);
  if (end - start !== bytes) throw fail(`tensor ${name}: ${dtype} [${shape.join(', ')}] takes ${bytes} bytes, its span has ${end - start}`);
  return { name, dtype, shape, offset: start, bytes };
}

/** The spans cover the data exactly: no overlap, no hole, nothing behind. */
function checkSpans(tensors: readonly SafetensorsTensor[], dataBytes: number, fail: Fail): void {
  let end = 0;
  for (const tensor of tensors) {
    if (tensor.offset < end) throw fail(`tensor ${tensor.name} shares bytes with another`);
    if (tensor.offset > end) throw fail(`there is a hole of ${tensor.offset - end} bytes before tensor ${tensor.name}`);
    end += tensor.bytes;
    if (end > dataBytes) throw fail(`tensor ${tensor.name} ends outside the file`);
  }
  if (end !== dataBytes) throw fail(`${dataBytes - end} bytes behind the last tensor belong to none`);
}

/**
 * The header of a safetensors file. Throws TARA_SAFETENSORS_INVALID, TARA_FILE_NOT_FOUND,
 * TARA_FILE_UNREADABLE or TARA_ABORTED.
 */
export async function readSafetensors(path: string, options: { signal?: AbortSignal | undefined } = {}): Promise<SafetensorsFile> {
  return withFile(path, async (handle, identity) => {
    const fail: Fail = (reason) => new TaraError('TARA_SAFETENSORS_INVALID', { path, reason: oneLine(reason) });
    const reader = new ByteReader(handle, { size: identity.size, limit: HEADER_LIMIT, fail, signal: options.signal });
    await reader.fill(8, 'the header length');
    const length = reader.length64();
    if (length > reader.remaining) throw fail('the header is longer than the file');
    await reader.fill(length, 'the header');
    const text = utf8(reader.view(length));
    if (text === undefined) throw fail('the header is not UTF-8');
    if (!text.startsWith('{')) throw fail('the header is no JSON object');
    const header = await parseJson(text, { depth: DEPTH, fail: (reason) => fail(`the header is wrong: ${reason}`) });
    if (!isJsonObject(header)) throw fail('the header is no JSON object');

    const dataOffset = reader.position;
    const tensors: SafetensorsTensor[] = [];
    for (const [name, value] of Object.entries(header)) {
      if (tensors.length % BREATH === BREATH - 1) await breathe();
      if (name !== '__metadata__') tensors.push(checkTensor(name, value, fail));
    }
    // An empty tensor starts where the next one does and comes first.
    tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
    checkSpans(tensors, identity.size - dataOffset, fail);
    return {
      path, ...identity, headerHash: await sha256(reader.bytesRead()),
      metadata: checkMetadata(Object.hasOwn(header, '__metadata__') ? header['__metadata__'] : undefined, fail),
      tensors: tensors.map((tensor) => ({ ...tensor, offset: dataOffset + tensor.offset })),
    };
  });
}
