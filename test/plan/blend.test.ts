/** Blends of two tensors: against the plain implementation, against torch, and what must not matter. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlendStep } from '../../src/plan/index.js';
import { linear, type Matrix, slerp, turn } from './naive.js';
import { read, ref, runOne, type Stored, writeTensors } from './one-tensor.js';
import { bytesOf, random, scratch, sha256, weights } from './synthetic.js';

const at = scratch();
const stored = ({ rows, cols, values }: Matrix): Stored => ({ shape: [rows, cols], values });
const hash = (values: Float32Array): string => sha256(bytesOf(values, 'f32'));
const bell = (rows: number, cols: number, seed: number): Matrix => ({ rows, cols, values: weights(rows * cols, random(seed)) });
const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const distance = (a: Float32Array, b: Float32Array): number => (a.length === b.length ? largest(a.map((x, i) => x - (b[i] ?? NaN))) : NaN);

async function blend(a: Stored, b: Stored, step: Omit<BlendStep, 'op' | 'with'>, threads = 2): Promise<Float32Array> {
  const path = await writeTensors(at('blend.safetensors'), { a, b });
  return runOne({ path, output: at('blend.gguf'), ne: [...a.shape].reverse(), steps: [read('a'), { op: 'blend', with: ref('b'), ...step }] }, { threads });
}

describe('blend', () => {
  it('linear and slerp give what the plain implementation gives', async () => {
    await fc.assert(fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom('linear' as const, 'slerp' as const), fc.boolean(), fc.nat(),
      async (rows, cols, t, method, transposed, seed) => {
        const [a, b] = [bell(rows, cols, seed), bell(rows, cols, seed + 1)];
        const got = await blend(stored(a), stored(transposed ? turn(b) : b), { method, t, transposed });
        const wanted = (method === 'linear' ? linear : slerp)(a, b, t).values;
        expect(distance(got, wanted)).toBeLessThanOrEqual(1e-6 * Math.max(largest(a.values), largest(b.values)));
      },
    ), { numRuns: 100 });
  });

  it('slerp: threads do not change a bit of a large tensor', async () => {
    const [a, b] = [bell(1500, 700, 1), bell(1500, 700, 2)];
    expect(hash(await blend(stored(a), stored(b), { method: 'slerp', t: 0.3 }, 1))).toBe(hash(await blend(stored(a), stored(b), { method: 'slerp', t: 0.3 }, 2)));
  });

  it('ends at the two tensors themselves', async () => {
    const [a, b] = [bell(20, 30, 3), bell(20, 30, 4)];
    for (const method of ['linear', 'slerp'] as const) {
      expect(hash(await blend(stored(a), stored(b), { method, t: 0 }))).toBe(hash(a.values));
      expect(hash(await blend(stored(a), stored(b), { method, t: 1 }))).toBe(hash(b.values));
    }
  });

  it('slerp is linear between tensors that are nearly parallel, opposite, or zero', async () => {
    const a = bell(20, 30, 5);
    for (const factor of [1.001, -3, 0]) {
      const b = { ...a, values: a.values.map((x) => x * factor) };
      expect(hash(await blend(stored(a), stored(b), { method: 'slerp', t: 0.25 })), String(factor)).toBe(hash(linear(a, b, 0.25).values));
    }
  });

  it('takes vectors', async () => {
    const [a, b] = [bell(1, 64, 6), bell(1, 64, 7)];
    const got = await blend({ shape: [64], values: a.values }, { shape: [64], values: b.values }, { method: 'slerp', t: 0.5 });
    expect(distance(got, slerp(a, b, 0.5).values)).toBeLessThan(1e-7);
  });

  it('slerp is what mergekit computes with torch', async () => {
    // Written by a script with torch: mergekit's formula over float32 tensors in double.
    const { a, b, shape, cases } = JSON.parse(await readFile(new URL('../fixtures/slerp-expected.json', import.meta.url), 'utf8')) as {
      a: number[]; b: number[]; shape: number[]; cases: { t: number; values: number[] }[];
    };
    for (const { t, values } of cases) {
      const got = await blend({ shape, values: Float32Array.from(a) }, { shape, values: Float32Array.from(b) }, { method: 'slerp', t });
      expect(distance(got, Float32Array.from(values)) / largest(Float32Array.from(values))).toBeLessThan(3e-7);
    }
  });
});
