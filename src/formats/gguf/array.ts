/** The scalar types of GGUF metadata and arrays of them, kept as bytes and decoded on demand. */

/** Names in the order of their ids, 9 (array) apart. */
const TYPE_IDS = {
  uint8: 0, int8: 1, uint16: 2, int16: 3, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, uint64: 10, int64: 11, float64: 12,
} as const;

export type GgufScalarType = keyof typeof TYPE_IDS;

export const ARRAY_TYPE_ID = 9;

const byId = new Map<number, GgufScalarType>(
  (Object.keys(TYPE_IDS) as GgufScalarType[]).map((name) => [TYPE_IDS[name], name]),
);

export const ggufTypeId = (type: GgufScalarType): number => TYPE_IDS[type];
export const ggufTypeName = (id: number): GgufScalarType | undefined => byId.get(id);
export const isGgufScalarType = (name: string): name is GgufScalarType => Object.hasOwn(TYPE_IDS, name);

/** Bytes of one value; a string's are those of its length. */
export const ggufTypeBytes = (type: GgufScalarType): number => {
  switch (type) {
    case 'uint8': case 'int8': case 'bool': return 1;
    case 'uint16': case 'int16': return 2;
    case 'uint32': case 'int32': case 'float32': return 4;
    case 'uint64': case 'int64': case 'float64': case 'string': return 8;
  }
};

export type GgufScalar = number | string | boolean | bigint;

export interface GgufArray {
  readonly of: GgufScalarType;
  readonly length: number;
  /** Decodes the items, anew on every call; bytes of a string that are no UTF-8 become U+FFFD. */
  items(): GgufScalar[];
  /** The encoded payload, after type and count. */
  readonly bytes: Uint8Array;
  /** Of strings: bytes of the longest one. */
  readonly longest?: number;
  /** Of the token list: the first index whose token stood before, as llama.cpp compares them. */
  readonly repeat?: number;
}

/** One number or boolean at a byte of the payload. */
export function readScalar(view: DataView, type: Exclude<GgufScalarType, 'string'>, at: number): number | boolean | bigint {
  switch (type) {
    case 'uint8': return view.getUint8(at);
    case 'int8': return view.getInt8(at);
    case 'uint16': return view.getUint16(at, true);
    case 'int16': return view.getInt16(at, true);
    case 'uint32': return view.getUint32(at, true);
    case 'int32': return view.getInt32(at, true);
    case 'float32': return view.getFloat32(at, true);
    case 'float64': return view.getFloat64(at, true);
    case 'uint64': return view.getBigUint64(at, true);
    case 'int64': return view.getBigInt64(at, true);
    case 'bool': return view.getUint8(at) !== 0;
  }
}

/** Each string of a payload as a view of its bytes. The payload must have been checked. */
export function* stringBytes(payload: Uint8Array): Generator<Buffer> {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let at = 0; at < buffer.length;) {
    const length = buffer.readUInt32LE(at);
    at += 8;
    yield buffer.subarray(at, at + length);
    at += length;
  }
}

/** An array over a payload whose lengths were checked. */
export function ggufArray(of: GgufScalarType, length: number, bytes: Uint8Array, facts: { longest?: number; repeat?: number } = {}): GgufArray {
  const items = (): GgufScalar[] => {
    if (of === 'string') return Array.from(stringBytes(bytes), (item) => item.toString('utf8'));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const width = ggufTypeBytes(of);
    return Array.from({ length }, (_, index) => readScalar(view, of, index * width));
  };
  return { of, length, bytes, items, ...facts };
}

/** The items at ascending places. */
export function itemsAt({ of, bytes }: GgufArray, places: readonly number[]): GgufArray {
  if (of !== 'string') {
    const width = ggufTypeBytes(of);
    return ggufArray(of, places.length, Buffer.concat(places.map((place) => bytes.subarray(place * width, (place + 1) * width))));
  }
  const wanted = new Set(places);
  const parts: Uint8Array[] = [];
  let place = 0;
  for (const item of stringBytes(bytes)) {
    // With the eight bytes of its length before it.
    if (wanted.has(place)) parts.push(Buffer.from(item.buffer, item.byteOffset - 8, item.length + 8));
    place += 1;
  }
  return ggufArray('string', parts.length, Buffer.concat(parts));
}

/** An array of numbers in 32 bits. */
export const uint32Array = (values: readonly number[]): GgufArray => ggufArray('uint32', values.length, new Uint8Array(Uint32Array.from(values).buffer));

export const isGgufArray = (value: unknown): value is GgufArray => typeof value === 'object' && value !== null && 'of' in value;
