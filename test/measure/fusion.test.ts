/** Moments and factors against a computation by hand, on models whose inputs are known. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import { readPart } from '../../src/formats/index.js';
import { readGguf } from '../../src/formats/gguf/file.js';
import { Fusion, type FusedFactor, type FusedMatrix } from '../../src/measure/index.js';
import { CHAIN_WIDTH, VOCABULARY_SIZE, writeChainModel, writeTinyModel } from '../support/tiny-model.js';

const WIDTH = 64;
const EPSILON = 1e-5;
const LIMIT = 1 << 20;

type Vector = readonly number[];

const folder = mkdtempSync(join(tmpdir(), 'tara-fusion-'));
const engine = createEngine();
let embeddings: Float32Array;
let model: Model;

beforeAll(async () => {
  const path = await writeTinyModel(join(folder, 'tiny.gguf'));
  const file = await readGguf(path);
  const table = file.tensors.find(({ name }) => name === 'token_embd.weight');
  if (!table) throw new Error('the tiny model has no embeddings');
  const bytes = await readPart(path, table.offset, WIDTH * VOCABULARY_SIZE * 4);
  embeddings = new Float32Array(bytes.buffer);
  model = await engine.load(path, { slots: 1, threads: 2 });
});

afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const normed = (x: Vector): Vector => {
  const root = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + EPSILON);
  return x.map((value) => value / root);
};

/** What query, key and value of the first layer get for a token. */
const inputOf = (token: number): Vector => normed([...embeddings.subarray(token * WIDTH, (token + 1) * WIDTH)]);

/** Mean of x x^T, off the diagonal times `shrink`. */
function moments(inputs: readonly Vector[], shrink: number): number[][] {
  const size = inputs[0]?.length ?? 0;
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (i === j ? 1 : shrink) * inputs.reduce((sum, x) => sum + (x[i] ?? 0) * (x[j] ?? 0), 0) / inputs.length));
}

/** x of M x = y by elimination with pivots. */
function solved(m: readonly Vector[], y: Vector): number[] {
  const rows = m.map((row, i) => [...row, y[i] ?? 0]);
  for (let i = 0; i < rows.length; i++) {
    const best = rows.findIndex((row, k) => k >= i && Math.abs(row[i] ?? 0) === Math.max(...rows.slice(i).map((other) => Math.abs(other[i] ?? 0))));
    [rows[i], rows[best]] = [rows[best] ?? [], rows[i] ?? []];
    const pivot = rows[i] ?? [];
    for (const [k, row] of rows.entries()) {
      if (k === i) continue;
      const factor = (row[i] ?? 0) / (pivot[i] ?? 1);
      for (let j = i; j < row.length; j++) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0);
    }
  }
  return rows.map((row, i) => (row.at(-1) ?? 0) / (row[i] ?? 1));
}

/** A_d G_d (sum_e G_e)^-1 for each domain, as the paper has it. */
function naive(domains: readonly { readonly a: readonly Vector[]; readonly inputs: readonly Vector[] }[], shrink: number): number[] {
  const all = domains.map(({ inputs }) => moments(inputs, shrink));
  const total = (all[0] ?? []).map((row, i) => row.map((_, j) => all.reduce((sum, g) => sum + (g[i]?.[j] ?? 0), 0)));
  const mean = total.reduce((sum, row, i) => sum + (row[i] ?? 0), 0) / total.length;
  total.forEach((row, i) => (row[i] = (row[i] ?? 0) + 1e-6 * mean));
  return domains.flatMap(({ a }, d) => a.flatMap((row) => solved(total, (all[d] ?? []).map((g) => g.reduce((sum, value, j) => sum + value * (row[j] ?? 0), 0)))));
}

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

interface Domain {
  readonly texts: readonly Int32Array[];
  /** [rank][size] */
  readonly a: readonly Vector[];
}

async function fused(with_: Model, matrices: readonly FusedMatrix[], domains: readonly Domain[], shrink: number, of: readonly number[] = [0], threads = 2): Promise<FusedFactor[]> {
  using fusion = new Fusion(matrices, domains.length, LIMIT);
  for (const [domain, { texts, a }] of domains.entries()) {
    const factors = of.map((matrix) => ({ matrix, rank: a.length, dtype: 'F32' as const, bytes: bytesOf(Float32Array.from(a.flat())) }));
    const tokens = await fusion.observe(with_, { domain, weight: 1, sequences: texts, factors });
    expect(tokens).toBe(texts.reduce((sum, { length }) => sum + length, 0));
  }
  return (await fusion.solve(shrink, { threads })).factors;
}

const token = fc.integer({ min: 3, max: VOCABULARY_SIZE - 1 });
const domainOf = (size: number) => fc.record({
  texts: fc.array(fc.array(token, { minLength: 1, maxLength: 200 }).map((ids) => Int32Array.from(ids)), { minLength: 1, maxLength: 3 }),
  a: fc.array(fc.array(fc.integer({ min: -64, max: 64 }).map((n) => n / 64), { minLength: size, maxLength: size }), { minLength: 1, maxLength: 4 }),
});

const QKV: readonly FusedMatrix[] = ['attn_q', 'attn_k', 'attn_v'].map((name) => ({ tensor: `blk.0.${name}.weight`, size: WIDTH }));

describe('a fusion', () => {
  it('gives what the formula gives by hand', async () => {
    await fc.assert(fc.asyncProperty(fc.array(domainOf(WIDTH), { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 0.5, 0.9), async (domains, shrink) => {
      const got = (await fused(model, QKV, domains, shrink)).flatMap(({ a }) => [...a]);
      const read = domains.map(({ texts, a }) => ({ a, inputs: texts.flatMap((ids) => [...ids].map(inputOf)) }));
      const expected = naive(read, shrink);
      expect(got).toHaveLength(expected.length);
      // What differs counts as much as the input that it is multiplied with: one near 0 tells little of its factor.
      const all = read.flatMap(({ inputs }) => inputs);
      const sizes = Array.from({ length: WIDTH }, (_, j) => Math.sqrt(all.reduce((sum, x) => sum + (x[j] ?? 0) ** 2, 0) / all.length));
      const worst = Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? NaN)) * (sizes[i % WIDTH] ?? 0)));
      expect(worst).toBeLessThan(1e-4);
    }), { numRuns: 10 });
  });

  it('gives matrices that read the same tensor the same factor, whichever of them is changed', async () => {
    const [first, second] = fc.sample(domainOf(WIDTH), { numRuns: 2, seed: 5 });
    if (!first || !second) throw new Error('no sample');
    const all = await fused(model, QKV, [first, second], 0.9, [0, 1, 2]);
    expect(all.map(({ matrix, domain }) => [matrix, domain])).toEqual([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]);
    expect(all.filter(({ matrix }) => matrix === 2).map(({ a }) => a)).toEqual(all.filter(({ matrix }) => matrix === 0).map(({ a }) => a));
    expect((await fused(model, QKV, [first, second], 0.9, [1])).map(({ a }) => a)).toEqual(all.filter(({ matrix }) => matrix === 1).map(({ a }) => a));
  });

  it('is the same with one thread and with two', async () => {
    await using single = await engine.load(join(folder, 'tiny.gguf'), { slots: 1, threads: 1 });
    const layers: FusedMatrix[] = ['blk.0.ffn_down', 'blk.1.attn_output', 'blk.1.ffn_up'].map((name) => ({ tensor: `${name}.weight`, size: name.endsWith('down') ? 128 : WIDTH }));
    const domains = fc.sample(domainOf(128), { numRuns: 2, seed: 9 });
    expect(await fused(single, layers, domains, 0.9, [0], 1)).toEqual(await fused(model, layers, domains, 0.9, [0], 2));
  });

  it('sees every token in the last layer too', async () => {
    // Its layers are empty and its embeddings one-hot: token t is a multiple of the unit vector t everywhere.
    await using chain = await engine.load(await writeChainModel(join(folder, 'chain.gguf'), 'abc'), { slots: 1 });
    const row = Array.from({ length: CHAIN_WIDTH }, () => 1);
    const domains = [{ texts: [Int32Array.of(10, 11, 12, 13)], a: [row] }, { texts: [Int32Array.of(10, 20)], a: [row] }];
    const [one, two] = await fused(chain, [{ tensor: 'blk.0.ffn_gate.weight', size: CHAIN_WIDTH }], domains, 1);
    const at = (factor: FusedFactor | undefined, id: number): number => factor?.a[id] ?? NaN;
    // Token 10 is a quarter of the first text and half of the second, the others are in one alone.
    expect([at(one, 10), at(one, 11), at(one, 13), at(one, 20), at(one, 30)].map((value) => Number(value.toFixed(3)))).toEqual([0.333, 1, 1, 0, 0]);
    expect([at(two, 10), at(two, 11), at(two, 20)].map((value) => Number(value.toFixed(3)))).toEqual([0.667, 0, 1]);
  });

  it('names tensors that no model multiplies by', async () => {
    using fusion = new Fusion([{ tensor: 'blk.9.attn_q.weight', size: WIDTH }], 1, LIMIT);
    await fusion.observe(model, { domain: 0, weight: 1, sequences: [Int32Array.of(5, 6)], factors: [] });
    expect(await fusion.solve(0.9)).toEqual({ factors: [], unseen: ['blk.9.attn_q.weight'] });
  });

  it('refuses more memory than it may take, a text that is none, tokens that are none, and a model that is gone', async () => {
    const reading = { domain: 0, weight: 1, sequences: [Int32Array.of(5, 6)], factors: [] };
    using small = new Fusion(QKV, 1, 100);
    await expect(small.observe(model, reading)).rejects.toMatchObject({ code: 'TARA_OUT_OF_MEMORY', fields: { reason: expect.stringContaining('blk.0.attn_q.weight') as unknown } });
    using fusion = new Fusion(QKV, 1, LIMIT);
    await expect(fusion.observe(model, { ...reading, sequences: [] })).rejects.toMatchObject({ code: 'TARA_PROMPT_EMPTY' });
    await expect(fusion.observe(model, { ...reading, sequences: [Int32Array.of(99_999)] })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(fusion.observe(model, { ...reading, sequences: [new Int32Array(5000).fill(5)] })).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL' });
    const gone = await engine.load(join(folder, 'tiny.gguf'), { slots: 1 });
    await gone.dispose();
    await expect(fusion.observe(gone, reading)).rejects.toMatchObject({ code: 'TARA_DISPOSED' });
  });

  it('ends when it is aborted or its model is closed, and the model goes on answering', async () => {
    const long = Array.from({ length: 200 }, () => new Int32Array(1000).fill(7));
    using fusion = new Fusion(QKV, 1, LIMIT);
    const abort = new AbortController();
    const reading = fusion.observe(model, { domain: 0, weight: 1, sequences: long, factors: [] }, { signal: abort.signal, onProgress: () => abort.abort() });
    await expect(reading).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect((await model.score(Int32Array.of(5, 6, 7))).scored).toBe(2);
    const closing = await engine.load(join(folder, 'tiny.gguf'), { slots: 1 });
    using other = new Fusion(QKV, 1, LIMIT);
    const read = other.observe(closing, { domain: 0, weight: 1, sequences: long, factors: [] }, { onProgress: () => void closing.dispose() });
    await expect(read).rejects.toMatchObject({ code: 'TARA_DISPOSED' });
  });
});
