/** What types lose: against values read back from written files by decoders of the test's own. */
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { measureTypes, type MeasuredTensor, planConvert } from '../../src/convert/index.js';
import { TaraError } from '../../src/errors.js';
import { readGguf, readImatrix } from '../../src/formats/index.js';
import { writeImatrix } from '../../src/formats/imatrix-write.js';
import { layerOrder, lower, PLAN_FORMAT, runPlan, type Plan } from '../../src/plan/index.js';
import { inlinePool } from '../../src/workers/index.js';
import { bytesOf, hashFile, K_QUANTABLE, NARROW, random, scratch, weights, writeGguf, writeLlama } from './synthetic.js';

const at = scratch();
const TYPES = ['q8_0', 'q4_0', 'iq4_nl', 'f16', 'bf16', 'q4_k', 'f32'];
const KNOWN = 'blk.1.ffn_down.weight';
let importance = new Float32Array();

beforeAll(async () => {
  await writeLlama(at('wide.gguf'), K_QUANTABLE);
  await writeLlama(at('narrow.gguf'), NARROW);
  const next = random(5);
  importance = Float32Array.from({ length: K_QUANTABLE.ff }, () => (next() < 0.1 ? 0 : 10 * next() ** 3));
  const ones = new Float32Array(K_QUANTABLE.width).fill(1);
  const entries = Array.from({ length: K_QUANTABLE.layers }, (_, layer) => [`blk.${layer}.attn_q.weight`, ones] as const);
  await writeMatrix(at('imatrix.gguf'), [...entries, [KNOWN, importance]]);
});

const writeMatrix = (path: string, entries: readonly (readonly [string, Float32Array])[], experts = 1) => writeImatrix(path, {
  source: 'synthetic', entries: new Map(entries.map(([name, sums]) => [name, { sums, counts: new Float32Array(experts).fill(1) }])), datasets: ['x'], chunks: 1, chunkSize: 512,
});

const measure = (options: Partial<Parameters<typeof measureTypes>[0]> = {}) => measureTypes({ input: at('wide.gguf'), types: TYPES, pool: inlinePool, ...options });

async function failure(work: () => Promise<unknown>): Promise<TaraError> {
  const thrown = await work().then(() => undefined, (error: unknown) => error);
  if (thrown instanceof TaraError) return thrown;
  throw new Error(`expected a TaraError, got ${String(thrown)}`);
}

/** A copy of the model with one value of an f32 tensor changed. */
async function poke(name: string, value: number, path: string): Promise<void> {
  const tensor = (await readGguf(at('wide.gguf'))).tensors.find((one) => one.name === name && one.type === 'f32');
  const bytes = await readFile(at('wide.gguf'));
  bytes.writeFloatLE(value, (tensor?.offset ?? Number.NaN) + 20);
  await writeFile(path, bytes);
}

const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};
const NONLINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Decoders from the formats' descriptions. */
const DECODERS: Readonly<Record<string, (bytes: DataView, count: number) => number[]>> = {
  f32: (bytes, count) => Array.from({ length: count }, (_, i) => bytes.getFloat32(4 * i, true)),
  f16: (bytes, count) => Array.from({ length: count }, (_, i) => half(bytes.getUint16(2 * i, true))),
  bf16: (bytes, count) => Array.from({ length: count }, (_, i) => new Float32Array(Uint32Array.of(bytes.getUint16(2 * i, true) << 16).buffer)[0] ?? 0),
  q8_0: (bytes, count) => Array.from({ length: count }, (_, i) => {
    const block = 34 * Math.floor(i / 32);
    return Math.fround(half(bytes.getUint16(block, true)) * bytes.getInt8(block + 2 + (i % 32)));
  }),
  q4_0: (bytes, count) => nibbles(bytes, count, (quant) => quant - 8),
  iq4_nl: (bytes, count) => nibbles(bytes, count, (quant) => NONLINEAR[quant] ?? 0),
};

function nibbles(bytes: DataView, count: number, value: (quant: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const block = 18 * Math.floor(i / 32);
    const byte = bytes.getUint8(block + 2 + (i % 16));
    return Math.fround(half(bytes.getUint16(block, true)) * value(i % 32 < 16 ? byte & 15 : byte >> 4));
  });
}

async function read(path: string, name: string): Promise<number[]> {
  const { tensors } = await readGguf(path);
  const tensor = tensors.find((one) => one.name === name);
  const file = await readFile(path);
  if (!tensor) throw new Error(`${name} is not in ${path}`);
  return DECODERS[tensor.type]?.(new DataView(file.buffer, file.byteOffset + tensor.offset, tensor.bytes), tensor.ne.reduce((a, b) => a * b, 1)) ?? [];
}

/** Of one tensor written as a type: bytes, and the weighted error of what was written. */
async function written(type: string, name: string, w: ArrayLike<number> | undefined) {
  const path = at(`${type}.gguf`);
  const imatrix = w ? { imatrix: { path: at('imatrix.gguf'), name: 'imatrix' } } : {};
  await runPlan(await lower(await planConvert({ base: at('wide.gguf'), adapters: [], ...imatrix, outputs: [{ id: 'o', path, type: 'Q8_0', types: { [name]: type } }] })));
  const [before, after] = [await read(at('wide.gguf'), name), await read(path, name)];
  const cols = w?.length ?? 1;
  let [error, squares] = [0, 0];
  for (const [i, x] of before.entries()) {
    const weight = w?.[i % cols] ?? 1;
    error += weight * (x - (after[i] ?? 0)) ** 2;
    squares += weight * x ** 2;
  }
  return { error, squares, bytes: (await readGguf(path)).tensors.find((one) => one.name === name)?.bytes };
}

describe('measureTypes', () => {
  it.each([['without importance', 'blk.0.attn_q.weight', false], ['with importance', KNOWN, true]])('gives what written files lose, %s', async (_, name, weighted) => {
    const found = (await measure(weighted ? { imatrix: at('imatrix.gguf') } : {})).get(name);
    expect(found?.weighted).toBe(weighted);
    for (const type of ['q8_0', 'q4_0', 'iq4_nl', 'f16', 'bf16', 'f32']) {
      const expected = await written(type, name, weighted ? importance : undefined);
      const got = found?.types[type as keyof MeasuredTensor['types']];
      expect(got?.bytes, type).toBe(expected.bytes);
      expect(Math.abs((got?.error ?? NaN) - expected.error), type).toBeLessThanOrEqual(1e-6 * expected.error);
      expect(Math.abs((found?.squares ?? NaN) - expected.squares)).toBeLessThanOrEqual(1e-9 * expected.squares);
      expect(got?.nan).toBe(0);
    }
  });

  it('lists every tensor that presets quantize, in order, with the types that its rows can hold', async () => {
    const wide = await measure();
    expect([...wide.keys()].slice(0, 3)).toEqual(['token_embd.weight', 'output.weight', 'blk.0.attn_q.weight']);
    expect(wide.size).toBe(2 + 7 * K_QUANTABLE.layers);
    const narrow = await measure({ input: at('narrow.gguf') });
    expect(Object.keys(narrow.get('token_embd.weight')?.types ?? {}).sort()).toEqual(TYPES.filter((type) => type !== 'q4_k').sort());
    expect(narrow.get('token_embd.weight')?.ne).toEqual([NARROW.width, NARROW.vocab]);
    expect([...(await measure({ tensors: /attn_v|ffn_up/g })).keys()]).toEqual([0, 1, 2].flatMap((layer) => [`blk.${layer}.attn_v.weight`, `blk.${layer}.ffn_up.weight`]));
  });

  it('gives the same numbers with any number of threads, and beside outputs that are written', async () => {
    const [one, two] = [await measure({ threads: 1 }), await measure({ threads: 2 })];
    expect([...one]).toEqual([...two]);
    const { plan, blobs } = await planConvert({ base: at('wide.gguf'), adapters: [], outputs: [{ id: 'file', path: at('both.gguf'), type: 'Q4_0' }] });
    const both: Plan = {
      ...plan,
      outputs: { measured: { path: null, order: 'plan', set: [], remove: [], alignment: 32 }, ...plan.outputs },
      tensors: plan.tensors.map((tensor) => (tensor.ne.length < 2 ? tensor : { ...tensor, to: [{ out: 'measured', type: 'q8_0' as const }, ...tensor.to] })),
    };
    const { measured, outputs } = await runPlan(await lower({ plan: both, blobs }));
    await runPlan(await lower(await planConvert({ base: at('wide.gguf'), adapters: [], outputs: [{ id: 'file', path: at('alone.gguf'), type: 'Q4_0' }] })));
    expect(await hashFile(at('both.gguf'))).toBe(await hashFile(at('alone.gguf')));
    expect(outputs).toHaveLength(1);
    expect(measured.map(({ tensor, losses }) => [tensor, losses])).toEqual([...one].map(([name, { types }]) => [name, [{ output: 'measured', error: types.q8_0?.error, lost: 0 }]])
      .sort(([a], [b]) => plan.tensors.findIndex(({ name }) => name === a) - plan.tensors.findIndex(({ name }) => name === b)));
  });

  it('weighs each expert by its own importance', async () => {
    const [name, ne, bytes] = ['blk.0.ffn_up_exps.weight', [32, 4, 2], bytesOf(weights(256, random(9)), 'f32')];
    await writeGguf(at('experts.gguf'), [], [{ name, ne, type: 'f32', bytes }]);
    await writeMatrix(at('experts-imatrix.gguf'), [[name, Float32Array.from({ length: 64 }, (_, index) => (index < 32 ? 1 : 0))]], 2);
    const pinned = ({ path, size, mtimeMs, headerHash }: { path: string; size: number; mtimeMs: number; headerHash: string }) => ({ path, size, mtimeMs, headerHash });
    const plan: Plan = {
      format: PLAN_FORMAT, tables: {}, metadata: [], outputs: { m: { path: null, order: 'plan', set: [], remove: [], alignment: 32 } },
      sources: { s: { ...pinned(await readGguf(at('experts.gguf'))), format: 'gguf' }, i: { ...pinned(await readImatrix(at('experts-imatrix.gguf'))), format: 'imatrix' } },
      tensors: [{ name, ne, steps: [{ op: 'read', src: 's', tensor: name }], to: [{ out: 'm', type: 'q8_0', imatrix: { src: 'i', tensor: name } }] }],
    };
    const [found] = (await runPlan(await lower({ plan, blobs: new Map() }))).measured;
    const first = new Float32Array(bytes.buffer, bytes.byteOffset, 128).reduce((sum, x) => sum + x * x, 0);
    expect(Math.abs((found?.squares ?? NaN) - first)).toBeLessThan(1e-9 * first);
  });

  it('counts values that a type cannot hold, and refuses weights that are no numbers', async () => {
    const [name, tensors] = ['blk.0.attn_k.weight', /blk\.0\.attn_k/];
    const values = K_QUANTABLE.width * (K_QUANTABLE.width / K_QUANTABLE.heads) * K_QUANTABLE.kvHeads;
    await poke(name, 1e30, at('large.gguf'));
    const found = (await measure({ input: at('large.gguf'), tensors, types: ['f16', 'q8_0', 'f32', 'bf16'] })).get(name);
    expect(found?.types.f16).toMatchObject({ nan: values, error: 0 });
    expect(found?.types.q8_0?.nan).toBe(values);
    expect([found?.types.bf16?.nan, found?.types.f32?.nan]).toEqual([0, 0]);
    await poke(name, Number.NaN, at('nan.gguf'));
    const error = await failure(() => measure({ input: at('nan.gguf') }));
    expect([error.code, error.fields.tensor]).toEqual(['TARA_TENSOR_NOT_FINITE', name]);
  });

  it('refuses what it cannot do, and stops when it is told to', async () => {
    expect((await failure(() => measure({ types: ['q4_x'] }))).code).toBe('TARA_TYPE_UNKNOWN');
    expect((await failure(() => measure({ types: [] }))).code).toBe('TARA_OPTION_INVALID');
    expect((await failure(() => measure({ types: ['iq3_xxs'] }))).code).toBe('TARA_TYPE_NEEDS_IMATRIX');
    expect((await failure(() => measure({ tensors: /no such/ }))).code).toBe('TARA_OPTION_INVALID');
    expect((await failure(() => measure({ input: at('none.gguf') }))).code).toBe('TARA_FILE_NOT_FOUND');
    const abort = new AbortController();
    expect((await failure(() => measure({ types: ['iq3_s', 'q4_k', 'q2_k'], threads: 1, signal: abort.signal, onProgress: () => abort.abort() }))).code).toBe('TARA_ABORTED');
    const needy = await measure({ imatrix: at('imatrix.gguf'), types: ['iq3_xxs', 'q8_0'] });
    expect([...needy].filter(([, { types }]) => types.iq3_xxs !== undefined).map(([name]) => name)).toEqual(['blk.0.attn_q.weight', 'blk.1.attn_q.weight', KNOWN, 'blk.2.attn_q.weight'].sort(layerOrder));
  });
});
