/** Merging written plainly: whole matrices, one element after the other. Rounded to float32 where the executor rounds. */
import type { DeltaStep } from '../../src/plan/index.js';

const f32 = Math.fround;

export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

export const matrix = (rows: number, cols: number, at: (row: number, col: number) => number): Matrix => ({
  rows, cols, values: Float32Array.from({ length: rows * cols }, (_, i) => at(Math.floor(i / cols), i % cols)),
});

export const get = ({ cols, values }: Matrix, row: number, col: number): number => values[row * cols + col] ?? NaN;
export const turn = (m: Matrix): Matrix => matrix(m.cols, m.rows, (row, col) => get(m, col, row));

/** scale * left right */
export const product = (left: Matrix, right: Matrix, scale = 1): Matrix => matrix(left.rows, right.cols, (row, col) => {
  let sum = 0;
  for (let k = 0; k < left.cols; k++) sum += get(left, row, k) * get(right, k, col);
  return scale * sum;
});

/** The k-th largest magnitude, k being `density` of all elements. */
export function threshold({ values }: Matrix, density: number): number {
  const sorted = values.map(Math.abs).sort();
  return sorted[sorted.length - Math.max(1, Math.floor(density * sorted.length))] ?? 0;
}

export const trim = (m: Matrix, density: number): Matrix => {
  const least = threshold(m, density);
  return { ...m, values: m.values.map((x) => (Math.abs(x) >= least ? x : 0)) };
};

const MASK = (1n << 64n) - 1n;
const GAMMA = 0x9e3779b97f4a7c15n;

function splitMix(state: bigint): bigint {
  let z = state & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

const nameHash = (name: string): bigint => [...Buffer.from(name)].reduce((hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK, 0xcbf29ce484222325n);

/** DARE's mask: a function of seed, tensor name, term and element alone. */
export function drop(m: Matrix, density: number, { seed, name, term }: { seed: number; name: string; term: number }): Matrix {
  const key = splitMix(splitMix(nameHash(name) + BigInt(seed) * GAMMA) + BigInt(term + 1) * GAMMA);
  const below = BigInt(Math.floor(density * 2 ** 32));
  const rescale = f32(1 / density);
  return { ...m, values: m.values.map((x, i) => ((splitMix(key + BigInt(i) * GAMMA) >> 32n) < below ? x * rescale : 0)) };
}

/** The weighted mean of those whose weighted sign is the weighted sum's. */
function elect(parts: readonly number[], weights: readonly number[]): number {
  const vote = Math.sign(parts.reduce((sum, part) => f32(sum + part), 0));
  const agree = (part: number): boolean => vote !== 0 && Math.sign(part) === vote;
  const mass = weights.reduce((sum, weight, i) => (agree(parts[i] ?? 0) ? f32(sum + Math.abs(weight)) : sum), 0);
  const sum = parts.reduce((total, part) => (agree(part) ? f32(total + part) : total), 0);
  return mass > 0 ? f32(sum / mass) : 0;
}

type Settings = Pick<DeltaStep, 'method'> & { readonly density: number; readonly scale: number; readonly seed: number; readonly name: string };

/** W + scale * merge(deltas). */
export function merge(w: Matrix, deltas: readonly Matrix[], weights: readonly number[], { method, density, scale, seed, name }: Settings): Matrix {
  const thinned = deltas.map((delta, term) => (method === 'sum' ? delta : method === 'ties' ? trim(delta, density) : drop(delta, density, { seed, name, term })));
  return matrix(w.rows, w.cols, (row, col) => {
    const parts = thinned.map((delta, i) => f32((weights[i] ?? 0) * get(delta, row, col)));
    const merged = method.endsWith('ties') ? elect(parts, weights) : parts.reduce((sum, part) => f32(sum + part), 0);
    return get(w, row, col) + f32(scale * merged);
  });
}

/** magnitude * V / ||V|| with V = W + delta, by rows: a row of zeros stays. */
export function dora(w: Matrix, delta: Matrix, magnitude: Float32Array): Matrix {
  const norms = Array.from({ length: w.rows }, (_, row) => Math.sqrt(Array.from({ length: w.cols }, (_, col) => (get(w, row, col) + get(delta, row, col)) ** 2).reduce((a, b) => a + b, 0)));
  return matrix(w.rows, w.cols, (row, col) => {
    const value = get(w, row, col) + get(delta, row, col);
    const norm = norms[row] ?? 0;
    return norm > 0 ? ((magnitude[row] ?? NaN) / norm) * value : value;
  });
}

export const linear = (a: Matrix, b: Matrix, t: number): Matrix => matrix(a.rows, a.cols, (row, col) => f32(f32(1 - t) * get(a, row, col)) + f32(f32(t) * get(b, row, col)));

export function slerp(a: Matrix, b: Matrix, t: number): Matrix {
  const dot = (x: Matrix, y: Matrix): number => x.values.reduce((sum, value, i) => sum + value * (y.values[i] ?? NaN), 0);
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  if (!(Math.abs(cosine) <= 0.9995)) return linear(a, b, t);
  const angle = Math.acos(cosine);
  const [left, right] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return matrix(a.rows, a.cols, (row, col) => left * get(a, row, col) + right * get(b, row, col));
}
