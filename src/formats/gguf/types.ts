/** ggml's tensor types: id in a GGUF file, elements in a block, bytes in a block. A test compares the table with the addon's. */
import { TaraError } from '../../errors.js';

export interface GgmlType {
  readonly id: number;
  readonly blockSize: number;
  readonly typeSize: number;
}

const TYPES = {
  f32: [0, 1, 4], f16: [1, 1, 2], q4_0: [2, 32, 18], q4_1: [3, 32, 20], q5_0: [6, 32, 22], q5_1: [7, 32, 24],
  q8_0: [8, 32, 34], q8_1: [9, 32, 36], q2_k: [10, 256, 84], q3_k: [11, 256, 110], q4_k: [12, 256, 144],
  q5_k: [13, 256, 176], q6_k: [14, 256, 210], q8_k: [15, 256, 292], iq2_xxs: [16, 256, 66], iq2_xs: [17, 256, 74],
  iq3_xxs: [18, 256, 98], iq1_s: [19, 256, 50], iq4_nl: [20, 32, 18], iq3_s: [21, 256, 110], iq2_s: [22, 256, 82],
  iq4_xs: [23, 256, 136], i8: [24, 1, 1], i16: [25, 1, 2], i32: [26, 1, 4], i64: [27, 1, 8], f64: [28, 1, 8],
  iq1_m: [29, 256, 56], bf16: [30, 1, 2], tq1_0: [34, 256, 54], tq2_0: [35, 256, 66], mxfp4: [39, 32, 17],
  nvfp4: [40, 64, 36], q1_0: [41, 128, 18], q2_0: [42, 64, 18],
} as const satisfies Record<string, readonly [number, number, number]>;

export type GgmlTypeName = keyof typeof TYPES;

export const GGML_TYPE_NAMES = Object.keys(TYPES) as [GgmlTypeName, ...GgmlTypeName[]];

const byId = new Map<number, GgmlTypeName>(GGML_TYPE_NAMES.map((name) => [TYPES[name][0], name]));

export function ggmlType(name: GgmlTypeName): GgmlType {
  const [id, blockSize, typeSize] = TYPES[name];
  return { id, blockSize, typeSize };
}

/** The name of a type id as a GGUF file stores it, or undefined for an id that no longer or never existed. */
export const ggmlTypeName = (id: number): GgmlTypeName | undefined => byId.get(id);

/** Bytes of a row of `length` elements. Throws TARA_PLAN_INVALID when the type's blocks do not divide the row. */
export function rowBytes(name: GgmlTypeName, length: number): number {
  const { blockSize, typeSize } = ggmlType(name);
  if (length % blockSize !== 0) {
    throw new TaraError('TARA_PLAN_INVALID', { reason: `a row of ${length} is no multiple of ${name}'s block of ${blockSize}` });
  }
  return (length / blockSize) * typeSize;
}

/** Bytes of a tensor of shape `ne` (ggml order). */
export const tensorBytes = (name: GgmlTypeName, ne: readonly number[]): number =>
  rowBytes(name, ne[0] ?? 1) * ne.slice(1).reduce((product, n) => product * n, 1);
