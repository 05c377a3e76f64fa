/** Deltas: every method against the plain implementation, PEFT's own merges, and what must not matter. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/index.js';
import { type DeltaStep, type DeltaTerm, type PlanStep, runPlan } from '../../src/plan/index.js';
import { sharedFixture } from '../formats/helpers.js';
import { dora, drop, get, matrix, type Matrix, merge, product, threshold, turn } from './naive.js';
import { lowerOne, read, ref, runOne, type Stored, writeTensors } from './one-tensor.js';
import { bytesOf, floatsOf, random, scratch, sha256, weights } from './synthetic.js';

const at = scratch();

/** Multiples of 1/64 below 1 and of 1/8 up to 1: sums of their products are exact in float32, whatever their order. */
const grid = (rows: number, cols: number, next: () => number): Matrix => matrix(rows, cols, () => Math.floor(next() * 127 - 63) / 64);
const factor = (rows: number, cols: number, next: () => number): Matrix => matrix(rows, cols, () => Math.floor(next() * 17 - 8) / 8);

const stored = ({ rows, cols, values }: Matrix, dtype: Stored['dtype'] = 'F32'): Stored => ({ shape: [rows, cols], values, dtype });
const hash = (values: Float32Array): string => sha256(bytesOf(values, 'f32'));
const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const distance = (a: Float32Array, b: Float32Array): number => (a.length === b.length ? largest(a.map((x, i) => x - (b[i] ?? NaN))) : NaN);

interface Case {
  readonly w: Matrix;
  readonly inputs: Record<string, Stored>;
  readonly terms: DeltaTerm[];
  readonly deltas: Matrix[];
  readonly weights: number[];
}

type Kind = 'low-rank' | 'low-rank transposed' | 'full' | 'full transposed';
interface TermShape { readonly kind: Kind; readonly rank: number; readonly weight: number; readonly scale: number; readonly dtype: NonNullable<Stored['dtype']> }

function build(rows: number, cols: number, shapes: readonly TermShape[], seed: number): Case {
  const next = random(seed);
  const w = grid(rows, cols, next);
  const inputs: Record<string, Stored> = { w: stored(w) };
  const built = shapes.map(({ kind, rank, weight, scale, dtype }, i): { term: DeltaTerm; delta: Matrix } => {
    const transposed = kind.endsWith('transposed');
    if (kind.startsWith('full')) {
      const full = grid(rows, cols, next);
      inputs[`f${i}`] = stored(transposed ? turn(full) : full, dtype);
      return { term: { weight, full: ref(`f${i}`), transposed }, delta: matrix(rows, cols, (row, col) => get(full, row, col) - get(w, row, col)) };
    }
    const [b, a] = [factor(transposed ? cols : rows, rank, next), factor(rank, transposed ? rows : cols, next)];
    inputs[`a${i}`] = stored(a, dtype);
    inputs[`b${i}`] = stored(b, dtype);
    const delta = product(b, a, scale);
    return { term: { weight, scale, a: ref(`a${i}`), b: ref(`b${i}`), transposed }, delta: transposed ? turn(delta) : delta };
  });
  return { w, inputs, terms: built.map(({ term }) => term), deltas: built.map(({ delta }) => delta), weights: shapes.map(({ weight }) => weight) };
}

const settingsOf = (method: DeltaStep['method'], density: number, seed: number): Partial<DeltaStep> => ({
  ...(method === 'sum' ? {} : { density }), ...(method.startsWith('dare') ? { seed } : {}),
});

const termShape = fc.record({
  kind: fc.constantFrom<Kind>('low-rank', 'low-rank transposed', 'full', 'full transposed'),
  rank: fc.integer({ min: 1, max: 5 }),
  weight: fc.integer({ min: -4, max: 8 }).filter((n) => n !== 0).map((n) => n / 8),
  scale: fc.constantFrom(0.5, 1, 2),
  dtype: fc.constantFrom('F64' as const, 'F32' as const, 'F16' as const, 'BF16' as const),
});

describe('merging', () => {
  it('gives what the plain implementation gives, to the bit: any method, terms, shapes and types', async () => {
    await fc.assert(fc.asyncProperty(
      fc.integer({ min: 1, max: 13 }), fc.integer({ min: 1, max: 40 }), fc.array(termShape, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('sum' as const, 'ties' as const, 'dare' as const, 'dare-ties' as const),
      fc.constantFrom(0.05, 0.25, 0.5, 0.73, 1), fc.constantFrom(0.5, 1, 2), fc.nat({ max: 0xffffffff }), fc.integer(),
      async (rows, cols, shapes, method, density, scale, seed, values) => {
        const { w, inputs, terms, deltas, weights: by } = build(rows, cols, shapes, values);
        const path = await writeTensors(at('case.safetensors'), inputs);
        const step: PlanStep = { op: 'delta', method, scale, terms, ...settingsOf(method, density, seed) };
        const got = await runOne({ path, output: at('case.gguf'), ne: [cols, rows], steps: [read('w'), step] });
        expect([...got]).toEqual([...merge(w, deltas, by, { method, density, scale, seed, name: 't' }).values]);
      },
    ), { numRuns: 200 });
  });

  const big: readonly TermShape[] = [
    { kind: 'low-rank', rank: 3, weight: 0.5, scale: 2, dtype: 'F32' },
    { kind: 'full', rank: 1, weight: 0.25, scale: 1, dtype: 'BF16' },
    { kind: 'low-rank transposed', rank: 2, weight: 1, scale: 0.5, dtype: 'F16' },
  ];

  for (const method of ['sum', 'ties', 'dare', 'dare-ties'] as const) {
    it(`${method}: neither threads nor blocks change a bit of a large tensor`, async () => {
      const [rows, cols] = [750, 700]; // a dozen blocks, two items of the statistic
      const { w, inputs, terms, deltas, weights: by } = build(rows, cols, big, 5);
      const path = await writeTensors(at('big.safetensors'), inputs);
      const step: PlanStep = { op: 'delta', method, scale: 0.5, terms, ...settingsOf(method, 0.3, 77) };
      const lowered = await lowerOne({ path, output: at('big.gguf'), ne: [cols, rows], steps: [read('w'), step] });
      expect((await runPlan(lowered, { threads: 1 })).peakScratchBytes).toBeLessThanOrEqual(lowered.memoryBytes);
      const one = await floatsOf(at('big.gguf'), 't');
      const two = await runOne({ path, output: at('big.gguf'), ne: [cols, rows], steps: [read('w'), step] }, { threads: 2 });
      expect(hash(two)).toBe(hash(one));
      expect(hash(merge(w, deltas, by, { method, density: 0.3, scale: 0.5, seed: 77, name: 't' }).values)).toBe(hash(one));
      // Other rows come together in other blocks.
      const tables = { r: [600, 100, 3, 1, 200, 400, 3, 1] };
      const wanted = [...Array.from({ length: 100 }, (_, i) => 600 + i), 3, ...Array.from({ length: 400 }, (_, i) => 200 + i), 3];
      const picked = await runOne({ path, output: at('big.gguf'), ne: [cols, wanted.length], steps: [read('w'), step, { op: 'rows', take: { table: 'r' } }], tables });
      expect(hash(picked)).toBe(hash(Float32Array.from(wanted.flatMap((row) => [...one.subarray(row * cols, (row + 1) * cols)]))));
    });
  }

  it('comes after a transpose, on the turned matrix', async () => {
    const { w, inputs, terms, deltas, weights: by } = build(90, 50, big, 8);
    const path = await writeTensors(at('turned.safetensors'), { ...inputs, w: stored(turn(w)) });
    for (const method of ['ties', 'dare-ties'] as const) {
      const step: PlanStep = { op: 'delta', method, terms, ...settingsOf(method, 0.5, 1) };
      const got = await runOne({ path, output: at('turned.gguf'), ne: [50, 90], steps: [read('w'), { op: 'transpose' }, step] });
      expect(hash(got), method).toBe(hash(merge(w, deltas, by, { method, density: 0.5, scale: 1, seed: 1, name: 't' }).values));
    }
  });

  it('takes vectors and columns: a norm, and a bias whose elements are rows', async () => {
    const [w, f] = [grid(1, 48, random(1)), grid(1, 48, random(2))];
    const path = await writeTensors(at('vector.safetensors'), { w: { shape: [48], values: w.values }, f: { shape: [48], values: f.values } });
    const half: PlanStep = { op: 'delta', method: 'sum', terms: [{ weight: 0.5, full: ref('f') }] };
    const middle = merge(w, [matrix(1, 48, (row, col) => get(f, row, col) - get(w, row, col))], [0.5], { method: 'sum', density: 1, scale: 1, seed: 0, name: 't' });
    expect([...(await runOne({ path, output: at('vector.gguf'), ne: [48], steps: [read('w'), half] }))]).toEqual([...middle.values]);
    const reversed = Array.from({ length: 48 }, (_, i) => [47 - i, 1]).flat();
    const column = await runOne({ path, output: at('vector.gguf'), ne: [48], steps: [read('w'), half, { op: 'rows', take: { table: 'r' } }], tables: { r: reversed } });
    expect([...column]).toEqual([...middle.values].reverse());
  });

  it('a full tensor that stands alone is taken as it is, though W + (F - W) is not F', async () => {
    const [w, f] = [{ rows: 30, cols: 40, values: weights(1200, random(3), 100) }, { rows: 30, cols: 40, values: weights(1200, random(4), 1e-3) }];
    expect(hash(f.values)).not.toBe(hash(w.values.map((x, i) => x + Math.fround((f.values[i] ?? NaN) - x))));
    const path = await writeTensors(at('alone.safetensors'), { w: stored(w), f: stored(f), turned: stored(turn(f)) });
    for (const term of [{ weight: 1, full: ref('f') }, { weight: 1, full: ref('turned'), transposed: true }]) {
      const got = await runOne({ path, output: at('alone.gguf'), ne: [40, 30], steps: [read('w'), { op: 'delta', method: 'sum', terms: [term] }] });
      expect(hash(got)).toBe(hash(f.values));
    }
  });

  it('terms in any order give nearly the same sum, in the same order the same bytes', async () => {
    const next = random(12);
    const random3 = [4, 3, 8].map((rank) => ({ b: { rows: 60, cols: rank, values: weights(60 * rank, next) }, a: { rows: rank, cols: 80, values: weights(rank * 80, next) } }));
    const w = { rows: 60, cols: 80, values: weights(4800, next) };
    const inputs = Object.fromEntries(random3.flatMap(({ a, b }, i) => [[`a${i}`, stored(a)], [`b${i}`, stored(b)]]));
    const path = await writeTensors(at('order.safetensors'), { w: stored(w), ...inputs });
    const terms = random3.map((_, i): DeltaTerm => ({ weight: 0.3 + i, scale: 1.5, a: ref(`a${i}`), b: ref(`b${i}`) }));
    const run = (list: DeltaTerm[]) => runOne({ path, output: at('order.gguf'), ne: [80, 60], steps: [read('w'), { op: 'delta', method: 'sum', terms: list }] });
    const [forward, again, backward] = [await run(terms), await run(terms), await run(terms.toReversed())];
    expect(hash(again)).toBe(hash(forward));
    expect(distance(forward, backward) / largest(forward)).toBeLessThan(1e-6);
  });
});

describe('TIES', () => {
  it('keeps the k largest magnitudes of each term, with all that equal the k-th', async () => {
    const w = matrix(4, 8, () => 0);
    const f = matrix(4, 8, (row, col) => (row === 0 ? col + 1 : row === 1 ? -1 : 0) / 8);
    const path = await writeTensors(at('keep.safetensors'), { w: stored(w), f: stored(f) });
    const keep = async (density: number) => (await runOne({ path, output: at('keep.gguf'), ne: [8, 4], steps: [read('w'), { op: 'delta', method: 'ties', density, terms: [{ weight: 1, full: ref('f') }] }] })).filter((x) => x !== 0).length;
    expect(await keep(1 / 32)).toBe(1);
    expect(await keep(7 / 32)).toBe(7);
    expect(await keep(8 / 32)).toBe(16); // 1/8 stands once in the first row and eight times in the second
    expect(await keep(1)).toBe(16);
    expect(threshold(f, 8 / 32)).toBe(1 / 8);
    expect(await keep(1e-9)).toBe(1); // never none
  });

  it('finds the threshold among magnitudes that share their upper bits, and among subnormal ones', async () => {
    for (const scale of [1, 2 ** -130]) {
      const f = matrix(70, 90, (row, col) => (1 + ((row * 90 + col) * 7919 % 6300) * 2 ** -20) * scale * (col % 2 === 0 ? 1 : -1));
      const w = matrix(70, 90, () => 0);
      const path = await writeTensors(at('near.safetensors'), { w: stored(w), f: stored(f) });
      const got = await runOne({ path, output: at('near.gguf'), ne: [90, 70], steps: [read('w'), { op: 'delta', method: 'ties', density: 0.37, terms: [{ weight: 1, full: ref('f') }] }] });
      expect(hash(got)).toBe(hash(merge(w, [f], [1], { method: 'ties', density: 0.37, scale: 1, seed: 0, name: 't' }).values));
    }
  });
});

describe('DARE', () => {
  it('keeps the density, keeps the mean, and draws anew for each seed, tensor and term', async () => {
    const ones = matrix(200, 300, () => 1);
    const w = matrix(200, 300, () => 0);
    const path = await writeTensors(at('dare.safetensors'), { w: stored(w), f: stored(ones) });
    const draw = (seed: number, weights: number[] = [1]) => runOne({
      path, output: at('dare.gguf'), ne: [300, 200],
      steps: [read('w'), { op: 'delta', method: 'dare', density: 0.3, seed, terms: weights.map((weight) => ({ weight, full: ref('f') })) }],
    });
    const [one, two] = [await draw(1), await draw(2)];
    // Of 60000 draws with p = 0.3: four standard deviations are 450.
    expect(Math.abs(one.filter((x) => x !== 0).length - 18_000)).toBeLessThan(450);
    expect(new Set(one)).toEqual(new Set([0, Math.fround(1 / Math.fround(0.3))]));
    const both = one.filter((x, i) => x !== 0 && two[i] !== 0).length;
    expect(Math.abs(both - 5400)).toBeLessThan(4 * Math.sqrt(60_000 * 0.09 * 0.91));
    // The second term's mask is its own: weights 1 and 2 give all four sums.
    expect(new Set(await draw(1, [1, 2])).size).toBe(4);
    expect(hash(drop(ones, 0.3, { seed: 1, name: 't', term: 0 }).values)).toBe(hash(one));
    expect(hash(drop(ones, 0.3, { seed: 1, name: 'u', term: 0 }).values)).not.toBe(hash(one));
  });
});

describe('DoRA', () => {
  it('stretches each row to its magnitude; a row of zeros stays', async () => {
    const next = random(9);
    const w = { rows: 130, cols: 600, values: weights(130 * 600, next) };
    w.values.fill(0, 600, 1200);
    const [b, a] = [{ rows: 130, cols: 4, values: weights(520, next) }, { rows: 4, cols: 600, values: weights(2400, next) }];
    b.values.fill(0, 4, 8);
    const magnitude = Float32Array.from({ length: 130 }, () => next() + 0.5);
    const path = await writeTensors(at('dora.safetensors'), { w: stored(w), a: stored(a), b: stored(b), m: { shape: [130], values: magnitude } });
    const run = (weight: number, threads: number) => runOne({
      path, output: at('dora.gguf'), ne: [600, 130],
      steps: [read('w'), { op: 'delta', method: 'sum', terms: [{ weight, scale: 2, a: ref('a'), b: ref('b'), magnitude: ref('m') }] }],
    }, { threads });
    const full = dora(w, product(b, a, 2), magnitude);
    const whole = await run(1, 1);
    expect(distance(whole, full.values) / largest(full.values)).toBeLessThan(1e-6);
    expect(largest(whole.subarray(600, 1200))).toBe(0);
    expect(hash(await run(1, 2))).toBe(hash(whole));
    const half = w.values.map((x, i) => x + 0.5 * ((full.values[i] ?? NaN) - x));
    expect(distance(await run(0.5, 2), half) / largest(half)).toBeLessThan(1e-6);
  });
});

const PEFT = 'adapters-tiny/expected-linear-ties.safetensors';
const base = sharedFixture('hf/llama-spm-f32/model.safetensors');
const merges = sharedFixture(PEFT);
describe.runIf(base !== undefined && merges !== undefined)('merges that were made with PEFT and torch', () => {
  async function tensors(name: string): Promise<Record<string, Stored>> {
    const path = sharedFixture(name) ?? '';
    const bytes = await readFile(path);
    const { tensors: all } = await readSafetensors(path);
    return Object.fromEntries(all.map(({ name: tensor, shape, offset, bytes: size, dtype }) => {
      expect(dtype).toBe('F32');
      return [tensor, { shape, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + size)) }];
    }));
  }

  async function expectMerged(weight: string, expected: Stored, adapters: readonly Record<string, Stored>[], step: (terms: DeltaTerm[]) => DeltaStep, scales: readonly { weight: number; scale: number }[]): Promise<void> {
    const w = (await tensors('hf/llama-spm-f32/model.safetensors'))[weight];
    if (w === undefined) throw new Error(`${weight} is not in the base`);
    const inputs: Record<string, Stored> = { w };
    const terms = adapters.flatMap((adapter, i): DeltaTerm[] => {
      const at = `base_model.model.${weight.replace(/\.weight$/, '')}.lora`;
      const [a, b, m] = [adapter[`${at}_A.weight`], adapter[`${at}_B.weight`], adapter[`${at}_magnitude_vector`]];
      if (a === undefined || b === undefined) return [];
      Object.assign(inputs, { [`a${i}`]: a, [`b${i}`]: b }, m === undefined ? {} : { [`m${i}`]: m });
      const { weight: by = NaN, scale = NaN } = scales[i] ?? {};
      return [{ weight: by, scale, a: ref(`a${i}`), b: ref(`b${i}`), ...(m === undefined ? {} : { magnitude: ref(`m${i}`) }) }];
    });
    const path = await writeTensors(at('peft.safetensors'), inputs);
    const got = await runOne({ path, output: at('peft.gguf'), ne: [...expected.shape].reverse(), steps: [read('w'), ...(terms.length === 0 ? [] : [step(terms)])] });
    expect(distance(got, expected.values) / largest(expected.values), weight).toBeLessThanOrEqual(1e-6);
  }

  // lora_alpha / r of plain-r4 and second-r8, as their adapter_config.json say.
  const SCALES = [{ weight: 0.6, scale: 2 }, { weight: 0.4, scale: 1 }];

  it('linear and TIES of two adapters', async () => {
    const adapters = [await tensors('adapters-tiny/plain-r4/adapter_model.safetensors'), await tensors('adapters-tiny/second-r8/adapter_model.safetensors')];
    for (const [key, expected] of Object.entries(await tensors(PEFT))) {
      const [method = '', weight = ''] = key.split(':');
      await expectMerged(weight, expected, adapters, (terms) => ({ op: 'delta', terms, ...(method === 'ties' ? { method: 'ties', density: 0.5 } : { method: 'sum' }) }), SCALES);
    }
  });

  it('DoRA', async () => {
    const adapter = await tensors('adapters-tiny/dora-r4/adapter_model.safetensors');
    const expected = Object.entries(await tensors('adapters-tiny/dora-r4/expected-merged.safetensors'));
    expect(expected.length).toBeGreaterThan(3);
    for (const [weight, values] of expected) {
      await expectMerged(weight, values, [adapter], (terms) => ({ op: 'delta', method: 'sum', terms }), [{ weight: 1, scale: 2 }]);
    }
  });
});
