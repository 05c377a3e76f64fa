/** Float rows of many kinds, the same everywhere, and encoding them by any instruction set. */
import { nativeCall, startJob } from '../../src/engine/jobs.js';
import { ggmlType, type GgmlTypeName } from '../../src/formats/index.js';
import { random } from '../plan/synthetic.js';

/** Types that have kernels of our own. */
export const KERNEL_TYPES = ['q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'q2_k', 'q3_k', 'q4_k', 'q5_k', 'q6_k', 'iq4_nl', 'iq4_xs'] as const satisfies readonly GgmlTypeName[];

/** Instruction sets that run here, ggml's scalar code apart. */
export const isas = (): readonly string[] => (nativeCall('quant.isas') as { available: string[] }).available.filter((name) => name !== 'ggml');

const asBytes = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Rows of `cols` values as `isa` encodes them; `ggml` is the scalar code itself. */
export async function encode(isa: string, type: GgmlTypeName, values: Float32Array, cols: number, importance?: Float32Array): Promise<{ bytes: Uint8Array; seconds: number }> {
  const blobs = [asBytes(values), ...(importance === undefined ? [] : [asBytes(importance)])];
  const { data, blob } = await startJob('quant.encode', { isa, type: ggmlType(type).id, cols }, { blobs }).done;
  return { bytes: new Uint8Array(blob ?? new ArrayBuffer(0)), seconds: (data as { seconds: number }).seconds };
}

type Next = () => number;

/** Roughly normal. */
const bell = (next: Next): number => next() + next() + next() + next() + next() + next() - 3;
const sign = (next: Next): number => (next() < 0.5 ? -1 : 1);
const power = (next: Next, low: number, high: number): number => sign(next) * 10 ** (low + (high - low) * next());
const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);
const anyBits = (next: Next): number => {
  word[0] = next() * 2 ** 32;
  return asFloat[0] ?? 0;
};
const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

/** Values of one kind: a function of the position, drawn anew for each block of 16, 32 or 256 where that matters. */
export const KINDS: Readonly<Record<string, (next: Next) => (index: number) => number>> = {
  weights: (next) => () => 0.05 * bell(next),
  'weights with outliers': (next) => () => 0.05 * bell(next) * (next() < 0.003 ? 30 : 1),
  'bf16 weights': (next) => () => {
    asFloat[0] = 0.02 * bell(next);
    word[0] = (word[0] ?? 0) & 0xffff0000;
    return asFloat[0] ?? 0;
  },
  uniform: (next) => () => 2 * next() - 1,
  'one sign': (next) => () => 0.1 + next(),
  negative: (next) => () => -0.1 - next(),
  'few levels': (next) => () => Math.round(4 * bell(next)) / 2,
  'half steps to a fixed end': (next) => (index) => (index % 32 === 0 ? -127 : Math.round(254 * next() - 127) + (next() < 0.5 ? 0.5 : 0)),
  zeros: () => () => 0,
  'signed zeros': (next) => () => (next() < 0.5 ? 0 : -0),
  sparse: (next) => (index) => (Math.floor(index / 16) % 3 === 0 || next() < 0.9 ? 0 : bell(next)),
  constants: (next) => {
    let value = 0;
    return (index) => (index % 16 === 0 ? (value = next() < 0.3 ? 0 : bell(next)) : value);
  },
  'nearly constant': (next) => () => 1 + 1e-6 * bell(next),
  'scales far apart': (next) => {
    let scale = 1;
    return (index) => (index % 16 === 0 ? (scale = power(next, -6, 1)) : scale) * bell(next);
  },
  ramp: () => (index) => ((index % 256) - 100) / 77,
  denormal: (next) => () => power(next, -45, -38),
  tiny: (next) => () => 1e-30 * bell(next),
  'around the smallest scale': (next) => () => power(next, -17, -13),
  huge: (next) => () => 1e30 * bell(next),
  'beyond float16': (next) => () => 1e6 * bell(next),
  'every magnitude': (next) => () => power(next, -30, 30),
  'any finite bits': (next) => () => finite(anyBits(next)),
  'any bits': (next) => () => anyBits(next),
  'a NaN here and there': (next) => () => (next() < 0.002 ? Number.NaN : bell(next)),
  'an infinity here and there': (next) => () => (next() < 0.002 ? sign(next) * Infinity : bell(next)),
  'zeros and NaN': (next) => () => (next() < 0.05 ? Number.NaN : 0),
  'zeros and infinities': (next) => () => (next() < 0.02 ? sign(next) * Infinity : 0),
  'all NaN': () => () => Number.NaN,
};

export const IMPORTANCE: Readonly<Record<string, (next: Next) => (column: number) => number>> = {
  activations: (next) => () => bell(next) ** 2 + 1e-4,
  'zero columns': (next) => (column) => (Math.floor(column / 32) % 2 === 0 || next() < 0.5 ? 0 : next()),
  'all zero': () => () => 0,
  ones: () => () => 1,
  'every magnitude': (next) => () => Math.abs(power(next, -30, 30)),
  'any bits': (next) => () => anyBits(next),
};

export function values(kind: (next: Next) => (index: number) => number, count: number, seed: number): Float32Array {
  const at = kind(random(seed));
  return Float32Array.from({ length: count }, (_, index) => at(index));
}
