/** A reference executor for small plans: whole tensors in memory, no native code. Floats only, and Q8_0. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { readGguf } from '../../src/formats/gguf/file.js';
import { readSafetensors } from '../../src/formats/safetensors.js';
import type { Plan, TensorRef, TensorType } from '../../src/plan/schema.js';
import { interleave } from '../../src/convert/rope.js';

interface Span { readonly path: string; readonly offset: number; readonly bytes: number; readonly type: string; readonly shape: readonly number[] }

/** A matrix in float32: `rows` x `cols`. */
interface Matrix { rows: number; cols: number; data: Float32Array }

async function spansOf(plan: Plan): Promise<Map<string, Span>> {
  const spans = new Map<string, Span>();
  for (const [id, { path, format }] of Object.entries(plan.sources)) {
    if (format === 'gguf') for (const t of (await readGguf(path)).tensors) spans.set(`${id}/${t.name}`, { path, offset: t.offset, bytes: t.bytes, type: t.type, shape: t.ne.toReversed() });
    else for (const t of (await readSafetensors(path)).tensors) spans.set(`${id}/${t.name}`, { path, offset: t.offset, bytes: t.bytes, type: t.dtype.toLowerCase(), shape: t.shape });
  }
  return spans;
}

function readSpan({ path, offset, bytes }: Span): DataView {
  const buffer = new Uint8Array(bytes);
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, bytes, offset);
  } finally {
    closeSync(file);
  }
  return new DataView(buffer.buffer);
}

const bits = new DataView(new ArrayBuffer(4));

export function halfToFloat(half: number): number {
  const [sign, exponent, mantissa] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Round to nearest, ties to even. */
export function floatToHalf(value: number): number {
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 112;
  if (exponent >= 31) throw new Error(`${value} is too large for f16 in a test`);
  const mantissa = (word & 0x7fffff) | 0x800000;
  // Below the smallest normal half, further bits of the mantissa fall away.
  const drop = 13 + Math.max(0, 1 - exponent);
  if (drop > 24) return sign;
  const [kept, rest, half] = [mantissa >>> drop, mantissa & ((1 << drop) - 1), 1 << (drop - 1)];
  const rounded = kept + (rest > half || (rest === half && kept % 2 === 1) ? 1 : 0);
  return sign | (rounded + (Math.max(exponent, 1) - 1) * 1024);
}

function floatToBf16(value: number): number {
  bits.setFloat32(0, value);
  const raw = bits.getUint32(0);
  return ((raw + 0x7fff + ((raw >>> 16) & 1)) >>> 16) & 0xffff;
}

function decode(span: Span): Matrix {
  const view = readSpan(span);
  const cols = span.shape.at(-1) ?? 1;
  const count = span.shape.reduce((product, n) => product * n, 1);
  const at = {
    f32: (i: number) => view.getFloat32(4 * i, true),
    f16: (i: number) => halfToFloat(view.getUint16(2 * i, true)),
    bf16: (i: number) => {
      bits.setUint32(0, view.getUint16(2 * i, true) << 16);
      return bits.getFloat32(0);
    },
  }[span.type];
  if (!at) throw new Error(`the test executor cannot read ${span.type}`);
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = at(i);
  return { rows: count / cols, cols, data };
}

export function encode(type: TensorType, { data }: Matrix): Uint8Array {
  if (type === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (type === 'f16' || type === 'bf16') {
    const round = type === 'f16' ? floatToHalf : floatToBf16;
    const out = new Uint16Array(data.length);
    for (let i = 0; i < data.length; i++) out[i] = round(data[i] ?? 0);
    return new Uint8Array(out.buffer);
  }
  if (type !== 'q8_0') throw new Error(`the test executor cannot write ${type}`);
  const out = new DataView(new ArrayBuffer((data.length / 32) * 34));
  for (let block = 0; block < data.length / 32; block++) {
    const values = data.subarray(block * 32, block * 32 + 32);
    const scale = Math.fround(values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    out.setUint16(block * 34, floatToHalf(scale), true);
    values.forEach((v, i) => {
      const scaled = Math.fround(v * inverse);
      out.setInt8(block * 34 + 2 + i, Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5));
    });
  }
  return new Uint8Array(out.buffer);
}

const takeRows = (matrix: Matrix, indices: readonly number[]): Matrix => {
  const data = new Float32Array(indices.length * matrix.cols);
  indices.forEach((from, to) => data.set(matrix.data.subarray(from * matrix.cols, (from + 1) * matrix.cols), to * matrix.cols));
  return { rows: indices.length, cols: matrix.cols, data };
};

const expand = (runs: readonly number[]): number[] => {
  const indices: number[] = [];
  for (let i = 0; i < runs.length; i += 2) for (let k = 0; k < (runs[i + 1] ?? 0); k++) indices.push((runs[i] ?? 0) + k);
  return indices;
};

/** Each tensor of output `out` as its bytes. */
export async function runReference(plan: Plan, out: string): Promise<{ name: string; ne: readonly number[]; type: TensorType; bytes: Uint8Array; sha256: string }[]> {
  const spans = await spansOf(plan);
  const read = ({ src, tensor }: TensorRef): Matrix => {
    const span = spans.get(`${src}/${tensor}`);
    if (!span) throw new Error(`no tensor ${src}/${tensor}`);
    return decode(span);
  };
  return plan.tensors.flatMap(({ name, ne, steps, to }) => {
    const write = to.find((target) => target.out === out);
    if (!write) return [];
    let matrix: Matrix = { rows: 0, cols: 0, data: new Float32Array(0) };
    for (const step of steps) {
      if (step.op === 'read') matrix = read(step);
      else if (step.op === 'values') matrix = { rows: 1, cols: step.values.length, data: Float32Array.from(step.values) };
      else if (step.op === 'rows') matrix = takeRows(matrix, 'table' in step.take ? expand(plan.tables[step.take.table] ?? []) : interleave(matrix.rows, step.take.ropeHeads));
      else if (step.op === 'cols') {
        const [{ data, rows, cols }, indices] = [matrix, expand(plan.tables[step.take.table] ?? [])];
        matrix = { rows, cols: indices.length, data: Float32Array.from({ length: rows * indices.length }, (_, i) => data[Math.floor(i / indices.length) * cols + (indices[i % indices.length] ?? 0)] ?? 0) };
      } else if (step.op === 'transpose') {
        const { rows, cols, data } = matrix;
        matrix = { rows: cols, cols: rows, data: Float32Array.from({ length: rows * cols }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)] ?? 0) };
      } else if (step.op === 'affine') {
        const { scale, offset, half } = step;
        matrix.data = matrix.data.map((value) => Math.fround(value * scale) + offset).map((value) => (half === true ? halfToFloat(floatToHalf(value)) : value));
      } else if (step.op === 'delta') {
        for (const term of step.terms) {
          if ('full' in term || step.method !== 'sum') throw new Error('the test executor only sums LoRA terms');
          const [a, b] = [read(term.a), read(term.b)];
          for (let row = 0; row < matrix.rows; row++) {
            for (let col = 0; col < matrix.cols; col++) {
              let sum = 0;
              for (let k = 0; k < a.rows; k++) sum += (b.data[row * b.cols + k] ?? 0) * (a.data[k * a.cols + col] ?? 0);
              const at = row * matrix.cols + col;
              matrix.data[at] = (matrix.data[at] ?? 0) + term.weight * term.scale * sum;
            }
          }
        }
      } else throw new Error(`the test executor has no step ${step.op}`);
    }
    if (matrix.data.length !== ne.reduce((product, n) => product * n, 1)) throw new Error(`${name} does not have the shape of the plan`);
    const bytes = encode(write.type, matrix);
    return [{ name, ne, type: write.type, bytes, sha256: createHash('sha256').update(bytes).digest('hex') }];
  });
}
