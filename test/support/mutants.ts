/** Hostile variants of sound files, made by following the format on our own: cuts at every boundary, hostile counts, types and offsets, flipped bits. */

export interface Mutant {
  readonly name: string;
  readonly bytes: Buffer;
  /** No correct reader takes it; otherwise either outcome is right. */
  readonly refused: boolean;
}

/** A number in a GGUF header: where it lies, how many bytes it has, what it is. */
interface Field {
  readonly at: number;
  readonly bytes: 4 | 8;
  readonly what: 'count' | 'length' | 'type' | 'dimensions' | 'size' | 'offset' | 'version';
}

const WIDTHS = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const [STRING, ARRAY] = [8, 9];

/** Every boundary between two things of a GGUF header, and the numbers that say how to go on. */
function ggufParts(bytes: Buffer): { readonly boundaries: readonly number[]; readonly fields: readonly Field[] } {
  const boundaries: number[] = [];
  const fields: Field[] = [];
  let at = 4;
  const number = (width: 4 | 8, what: Field['what']): number => {
    boundaries.push(at);
    fields.push({ at, bytes: width, what });
    at += width;
    return width === 4 ? bytes.readUInt32LE(at - 4) : Number(bytes.readBigUInt64LE(at - 8));
  };
  const string = (): void => {
    const length = number(8, 'length');
    boundaries.push(at);
    at += length;
  };
  const value = (type: number): void => {
    if (type === STRING) string();
    else if (type === ARRAY) {
      const of = number(4, 'type');
      const count = number(8, 'count');
      boundaries.push(at);
      if (of === STRING) for (let item = 0; item < count; item += 1) string();
      else at += count * (WIDTHS[of] ?? 0);
    } else at += WIDTHS[type] ?? 0;
  };
  number(4, 'version');
  const tensors = number(8, 'count');
  const keys = number(8, 'count');
  for (let key = 0; key < keys; key += 1) {
    string();
    value(number(4, 'type'));
  }
  for (let tensor = 0; tensor < tensors; tensor += 1) {
    string();
    const dimensions = number(4, 'dimensions');
    for (let index = 0; index < dimensions; index += 1) number(8, 'size');
    number(4, 'type');
    number(8, 'offset');
  }
  return { boundaries: [...boundaries, at], fields };
}

const withNumber = (bytes: Buffer, { at, bytes: width }: Field, value: bigint): Buffer => {
  const changed = Buffer.from(bytes);
  if (width === 4) changed.writeUInt32LE(Number(value & 0xffffffffn), at);
  else changed.writeBigUInt64LE(value, at);
  return changed;
};

const HOSTILE = [2n ** 31n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n];

/** A generator of numbers from a seed (mulberry32). */
export function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Evenly spread items of a long list. */
const some = <T>(items: readonly T[], most: number): T[] => items.filter((_, index) => index % Math.max(1, Math.ceil(items.length / most)) === 0);

/** Single bits of the first `length` bytes turned over, and short runs overwritten. */
export function* flipped(bytes: Buffer, length: number, count: number, seed: number): Generator<Mutant> {
  const next = random(seed);
  for (let index = 0; index < count; index += 1) {
    const changed = Buffer.from(bytes);
    const at = next(Math.min(length, bytes.length));
    if (index % 4 === 0) changed.fill([0, 0xff, 0x7f, 0x80][next(4)] ?? 0, at, at + 1 + next(12));
    else changed.writeUInt8(changed.readUInt8(at) ^ (1 << next(8)), at);
    yield { name: `change ${index} at byte ${at}`, bytes: changed, refused: false };
  }
}

/** Mutants of a sound GGUF file whose tensors reach its end. */
export function* ggufMutants(bytes: Buffer): Generator<Mutant> {
  const { boundaries, fields } = ggufParts(bytes);
  for (const at of new Set([0, 1, 3, ...some(boundaries, 60).flatMap((boundary) => [boundary - 1, boundary, boundary + 1]), bytes.length - 1])) {
    yield { name: `cut at byte ${at}`, bytes: bytes.subarray(0, at), refused: true };
  }
  for (const what of ['count', 'length', 'dimensions', 'size', 'offset', 'type', 'version'] as const) {
    for (const field of some(fields.filter((candidate) => candidate.what === what), 8)) {
      const values = field.bytes === 4 ? [0xffffffffn, 77n, 0x80000000n] : HOSTILE;
      for (const value of values) yield { name: `${what} at byte ${field.at} is ${value}`, bytes: withNumber(bytes, field, value), refused: true };
      // What is one off may still make sense.
      const now = field.bytes === 4 ? BigInt(bytes.readUInt32LE(field.at)) : bytes.readBigUInt64LE(field.at);
      for (const value of [0n, now + 1n]) yield { name: `${what} at byte ${field.at} is ${value}`, bytes: withNumber(bytes, field, value), refused: what === 'offset' && value === now + 1n };
    }
  }
  yield* flipped(bytes, boundaries.at(-1) ?? bytes.length, 200, 8);
}

/** A safetensors file of this header text and these data bytes. */
function safetensors(header: string, data: Buffer): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** Mutants of a sound safetensors file. */
export function* safetensorsMutants(bytes: Buffer): Generator<Mutant> {
  const start = 8 + Number(bytes.readBigUInt64LE());
  const [header, data] = [bytes.subarray(8, start).toString(), bytes.subarray(start)];
  for (const at of new Set([0, 4, 7, 8, 9, ...some(Array.from({ length: start - 8 }, (_, index) => 8 + index), 40), start - 1, start, start + 1, bytes.length - 1])) {
    yield { name: `cut at byte ${at}`, bytes: bytes.subarray(0, at), refused: true };
  }
  for (const length of [0n, BigInt(header.length - 1), BigInt(header.length + 1), ...HOSTILE]) {
    const changed = Buffer.from(bytes);
    changed.writeBigUInt64LE(length, 0);
    yield { name: `header length ${length}`, bytes: changed, refused: true };
  }
  const edits: readonly (readonly [name: string, from: RegExp, to: string])[] = [
    ['an unknown type', /"F32"/, '"F33"'], ['a type that is a number', /"F32"/, '32'], ['a negative size', /"shape":\[\d+/, '"shape":[-1'], ['a broken size', /"shape":\[\d+/, '"shape":[1.5'],
    ['a size without end', /"shape":\[\d+/, '"shape":[1e999'], ['a size beyond counting', /"shape":\[\d+/, '"shape":[9007199254740993'], ['a size in a list', /"shape":\[\d+/, '"shape":[[4]'],
    ['sizes whose product overflows', /"shape":\[\d+/, '"shape":[4294967296,4294967296,4294967296'], ['no shape', /"shape":\[[^\]]*\],?/, ''], ['offsets that go back', /"data_offsets":\[(\d+),(\d+)\]/, '"data_offsets":[$2,$1]'],
    ['an offset below nothing', /"data_offsets":\[\d+/, '"data_offsets":[-8'], ['offsets far away', /"data_offsets":\[\d+,\d+/, '"data_offsets":[4611686018427387904,4611686018427388000'], ['three offsets', /"data_offsets":\[/, '"data_offsets":[0,'],
    ['a byte order mark', /^/, '\uFEFF'], ['a list', /^.*$/s, '[]'], ['nothing after a value', /\}$/, '},'], ['two values', /$/, '{}'], ['a doubled name', /^\{/, '{"first":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},'],
    ['metadata that is no text', /^\{/, '{"__metadata__":{"a":1},'], ['metadata in a list', /^\{/, '{"__metadata__":[],'], ['a name without letters', /"first"/, '""'], ['deep nesting', /^\{/, `{"deep":${'['.repeat(5000)}${']'.repeat(5000)},`],
  ];
  for (const [name, from, to] of edits) yield { name, bytes: safetensors(header.replace(from, to), data), refused: true };
  yield { name: 'data behind the last tensor', bytes: Buffer.concat([bytes, Buffer.alloc(1)]), refused: true };
  yield* flipped(bytes, start, 150, 9);
}

/** A text cut after each of its tokens. */
export function* cutTexts(text: string, most: number): Generator<Mutant> {
  const ends = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)].map((match) => match.index + match[0].length);
  for (const at of some(ends.slice(0, -1), most)) yield { name: `cut at character ${at}`, bytes: Buffer.from(text.slice(0, at)), refused: true };
}
