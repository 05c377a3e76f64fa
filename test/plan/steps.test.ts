/** Each step against its definition, written plainly in JavaScript. */
import { describe, expect, it } from 'vitest';
import { ggmlType, type GgmlTypeName, readGguf } from '../../src/formats/index.js';
import { lower, type Plan, type PlanStep, runPlan } from '../../src/plan/index.js';
import { parsePlan } from '../../src/plan/parse.js';
import { floatToHalf, halfToFloat } from '../convert/executor.js';
import { bytesOf, floatsOf, random, scratch, sha256, type SyntheticTensor, tensorHashes, weights, writeGguf } from './synthetic.js';

const at = scratch();

interface Matrix { readonly rows: number; readonly cols: number; readonly values: Float32Array }

const matrix = (rows: number, cols: number, seed: number, scale = 1): Matrix => ({ rows, cols, values: weights(rows * cols, random(seed), scale) });
const take = ({ cols, values }: Matrix, rows: readonly number[]): Float32Array => Float32Array.from(rows.flatMap((row) => [...values.subarray(row * cols, (row + 1) * cols)]));
const expand = (runs: readonly number[]): number[] => Array.from({ length: runs.length / 2 }, (_, i) => Array.from({ length: runs[2 * i + 1] ?? 0 }, (_, j) => (runs[2 * i] ?? 0) + j)).flat();

/** Runs one tensor through `steps` into f32 and gives its values. */
async function run(inputs: Record<string, Matrix>, ne: number[], steps: PlanStep[], options: { tables?: Record<string, number[]>; threads?: number; type?: GgmlTypeName } = {}): Promise<Float32Array> {
  const source = await writeGguf(at('in.gguf'), [], Object.entries(inputs).map(([name, { rows, cols, values }]): SyntheticTensor => ({
    name, ne: rows === 0 ? [cols] : [cols, rows], type: 'f32', bytes: bytesOf(values, 'f32'),
  })));
  const { size, mtimeMs, headerHash } = await readGguf(source);
  const plan: Plan = parsePlan({
    format: 1, sources: { s: { path: source, format: 'gguf', size, mtimeMs, headerHash } }, tables: options.tables ?? {}, metadata: [],
    outputs: { o: { path: at('out.gguf'), order: 'plan' } },
    tensors: [{ name: 't', ne, steps, to: [{ out: 'o', type: options.type ?? 'f32' }] }],
  });
  await runPlan(await lower({ plan, blobs: new Map() }), { threads: options.threads });
  return floatsOf(at('out.gguf'), 't');
}

/** Hashes first: comparing long arrays item by item takes seconds. */
const expectSame = (got: Float32Array, wanted: Float32Array): void => {
  expect(got.length).toBe(wanted.length);
  expect(sha256(bytesOf(got, 'f32'))).toBe(sha256(bytesOf(wanted, 'f32')));
};

const read = (tensor: string): PlanStep => ({ op: 'read', src: 's', tensor });

describe('steps', () => {
  it('rows by a table: any order, repeated, across blocks', async () => {
    const m = matrix(700, 300, 1);
    const runs = [650, 50, 0, 3, 0, 3, 100, 500, 699, 1];
    const rows = expand(runs);
    const got = await run({ m }, [300, rows.length], [read('m'), { op: 'rows', take: { table: 'r' } }], { tables: { r: runs } });
    expectSame(got, take(m, rows));
    // A repetition that spans as many rows as are wanted looks like a run.
    expectSame(await run({ m }, [300, 3], [read('m'), { op: 'rows', take: { table: 'r' } }], { tables: { r: [5, 1, 5, 1, 7, 1] } }), take(m, [5, 5, 7]));
  });

  it('rows of rotary heads: the two halves of each head are interleaved', async () => {
    const m = matrix(768, 320, 2);
    const heads = 12;
    const width = m.rows / heads;
    // As convert_hf_to_gguf's permute: reshape(heads, 2, width / 2, cols).swapaxes(1, 2).
    const rows = Array.from({ length: m.rows }, (_, row) => Math.floor(row / width) * width + (row % 2) * (width / 2) + Math.floor((row % width) / 2));
    const got = await run({ m }, [320, 768], [read('m'), { op: 'rows', take: { ropeHeads: heads } }]);
    expectSame(got, take(m, rows));
    const vector = matrix(0, 768, 3);
    const bias = { ...vector, values: weights(768, random(3)) };
    const gotBias = await run({ m: bias }, [768], [read('m'), { op: 'rows', take: { ropeHeads: heads } }]);
    expectSame(gotBias, take({ ...bias, cols: 1, rows: 768 }, rows));
  });

  it('a row table undoes the rotary permutation', async () => {
    const m = matrix(64, 32, 4);
    const inverse = Array.from({ length: 64 }, (_, row) => Math.floor(row / 16) * 16 + 2 * (row % 8) + Math.floor((row % 16) / 8));
    const got = await run({ m }, [32, 64], [read('m'), { op: 'rows', take: { table: 'r' } }, { op: 'rows', take: { ropeHeads: 4 } }], { tables: { r: inverse.flatMap((row) => [row, 1]) } });
    expectSame(got, m.values);
  });

  it('transpose, also of a stack and before a row selection', async () => {
    const m = matrix(130, 70, 5);
    const turned = Float32Array.from({ length: 130 * 70 }, (_, i) => m.values[(i % 130) * 70 + Math.floor(i / 130)] ?? NaN);
    expectSame(await run({ m }, [130, 70], [read('m'), { op: 'transpose' }]), turned);
    const picked = await run({ m }, [130, 2], [read('m'), { op: 'transpose' }, { op: 'rows', take: { table: 'r' } }], { tables: { r: [69, 1, 0, 1] } });
    expectSame(picked, take({ rows: 70, cols: 130, values: turned }, [69, 0]));
    const [a, b] = [matrix(65, 70, 6), matrix(65, 70, 7)];
    const stacked = await run({ a, b }, [130, 70], [{ op: 'stack', parts: [{ src: 's', tensor: 'a' }, { src: 's', tensor: 'b' }] }, { op: 'transpose' }]);
    const both = [...a.values, ...b.values];
    expectSame(stacked, Float32Array.from({ length: 130 * 70 }, (_, i) => both[(i % 130) * 70 + Math.floor(i / 130)] ?? NaN));
  });

  it('stack, cols, affine and values', async () => {
    const [a, b] = [matrix(400, 200, 8), matrix(300, 200, 9)];
    const parts = [{ src: 's', tensor: 'a' }, { src: 's', tensor: 'b' }];
    expectSame(await run({ a, b }, [200, 700], [{ op: 'stack', parts }]), Float32Array.from([...a.values, ...b.values]));
    const cols = [199, 1, 5, 90, 5, 1];
    const expected = Array.from({ length: 400 }, (_, row) => expand(cols).map((col) => Math.fround(Math.fround((a.values[row * 200 + col] ?? NaN) * 2) + 1))).flat();
    expectSame(await run({ a }, [92, 400], [read('a'), { op: 'cols', take: { table: 'c' } }, { op: 'affine', scale: 2, offset: 1 }], { tables: { c: cols } }), Float32Array.from(expected));
    const halves = a.values.map((value) => halfToFloat(floatToHalf(Math.fround(Math.fround(value * 3) + 0.25))));
    expectSame(await run({ a }, [200, 400], [read('a'), { op: 'affine', scale: 3, offset: 0.25, half: true }]), halves);
    expectSame(await run({}, [3], [{ op: 'values', values: [1, 0.1, -3] }]), Float32Array.from([1, 0.1, -3]));
  });

  it('deltas are summed and added within 1e-6 of the largest value, the same for any number of threads', async () => {
    const [rows, cols] = [200, 700]; // three blocks
    const m = matrix(rows, cols, 10);
    const terms = [{ r: 5, weight: 0.6, scale: 2, transposed: false }, { r: 64, weight: -0.4, scale: 0.25, transposed: true }];
    const inputs: Record<string, Matrix> = { m };
    terms.forEach(({ r, transposed }, i) => {
      inputs[`a${i}`] = matrix(r, transposed ? rows : cols, 11 + i, 0.1);
      inputs[`b${i}`] = matrix(transposed ? cols : rows, r, 21 + i, 0.1);
    });
    const step: PlanStep = {
      op: 'delta', method: 'sum',
      terms: terms.map(({ weight, scale, transposed }, i) => ({ weight, scale, transposed, a: { src: 's', tensor: `a${i}` }, b: { src: 's', tensor: `b${i}` } })),
    };
    const one = await run(inputs, [cols, rows], [read('m'), step], { threads: 1 });
    const two = await run(inputs, [cols, rows], [read('m'), step], { threads: 2 });
    expectSame(one, two);
    let worst = 0;
    let largest = 0;
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) {
        let exact = m.values[row * cols + col] ?? NaN;
        terms.forEach(({ r, weight, scale, transposed }, i) => {
          const [x, y] = transposed ? [col, row] : [row, col];
          const width = inputs[`a${i}`]?.cols ?? 0;
          for (let k = 0; k < r; k++) exact += weight * scale * (inputs[`b${i}`]?.values[x * r + k] ?? NaN) * (inputs[`a${i}`]?.values[k * width + y] ?? NaN);
        });
        worst = Math.max(worst, Math.abs(exact - (one[row * cols + col] ?? NaN)));
        largest = Math.max(largest, Math.abs(exact));
      }
    }
    expect(worst / largest).toBeLessThan(1e-6);
  });

  it('reads and copies every type whose bytes it can write', async () => {
    const cases: GgmlTypeName[] = ['f16', 'bf16', 'q8_0', 'q4_0', 'q5_1', 'q4_k', 'q6_k', 'iq4_nl', 'iq3_s', 'tq2_0', 'mxfp4'];
    const values = matrix(40, 512, 30);
    for (const type of cases) {
      const source = await writeGguf(at('t.gguf'), [], [{ name: 'm', ne: [512, 40], type: 'f32', bytes: bytesOf(values.values, 'f32') }]);
      const plan = async (path: string, to: { out: string; type: GgmlTypeName }[]): Promise<Plan> => {
        const { size, mtimeMs, headerHash } = await readGguf(path);
        return parsePlan({
          format: 1, sources: { s: { path, format: 'gguf', size, mtimeMs, headerHash } }, metadata: [],
          outputs: Object.fromEntries(to.map(({ out }) => [out, { path: at(`${out}.gguf`), order: 'plan' }])),
          tensors: [{ name: 'm', ne: [512, 40], steps: [read('m')], to }],
        });
      };
      await runPlan(await lower({ plan: await plan(source, [{ out: 'typed', type }]), blobs: new Map() }));
      await runPlan(await lower({ plan: await plan(at('typed.gguf'), [{ out: 'copied', type }, { out: 'plain', type: 'f32' }]), blobs: new Map() }));
      expect(await tensorHashes(at('copied.gguf')), type).toEqual(await tensorHashes(at('typed.gguf')));
      const plain = await floatsOf(at('plain.gguf'), 'm');
      const error = plain.reduce((sum, x, i) => sum + (x - (values.values[i] ?? NaN)) ** 2, 0) / values.values.reduce((sum, x) => sum + x * x, 0);
      expect(error, `${type} (${ggmlType(type).typeSize} bytes a block)`).toBeLessThan(type === 'tq2_0' ? 0.9 : 0.05);
    }
  });
});
