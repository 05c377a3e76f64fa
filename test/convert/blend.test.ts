/** Two full models in one plan: what is blended with what, and every way in which two models do not fit. */
import { existsSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert, type ConvertInput } from '../../src/convert/plan-convert.js';
import { addonPaths } from '../../src/engine/loader.js';
import { readGguf } from '../../src/formats/gguf/file.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { codeOf, messageOf } from '../formats/helpers.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { exactValues, temporaryFolder, tinyCheckpoint, tinyTensors, tinyTokenizer, type Tensors } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/blend: the addon is not built; nothing is run natively');

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tiny tensors with other values. */
const others = (untied = false, seed = 60): Tensors =>
  Object.fromEntries(Object.entries(tinyTensors(untied)).map(([name, { shape, values }], index) => [name, { shape, values: exactValues(values.length, seed + index) }]));

const base = tinyCheckpoint(folder, 'base', { dtype: 'F32' });
const input = (other: string, more: Partial<ConvertInput> = {}): ConvertInput => ({
  base, adapters: [], blend: { with: other, method: 'linear', t: 0.25 }, outputs: [{ id: 'out', path: join(folder, 'out.gguf'), type: 'f32' }], preTokenizer: 'gpt-2', ...more,
});

/** Every tensor of a float32 file. */
async function values(path: string): Promise<Map<string, Float32Array>> {
  const bytes = await readFile(path);
  return new Map((await readGguf(path)).tensors.map(({ name, offset, bytes: size }) => [name, new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + size))]));
}

async function run(what: ConvertInput): Promise<Map<string, Float32Array>> {
  await runPlan(await lower(await planConvert(what)));
  return values(what.outputs[0]?.path ?? '');
}

describe('a plan of two models', () => {
  it('blends every tensor right after it is read, and takes all else from the first', async () => {
    const other = tinyCheckpoint(folder, 'other', { tensors: others(), dtype: 'BF16', config: { max_position_embeddings: 4096 }, tokenizerConfig: { chat_template: 'another' } });
    const alone = await planConvert(input(other, { blend: undefined }));
    const { plan } = await planConvert(input(other));
    expect(Object.keys(plan.sources)).toEqual(['base', 'with-base']);
    expect(plan.metadata).toEqual(alone.plan.metadata);
    for (const [index, { name, steps }] of plan.tensors.entries()) {
      const [read, ...rest] = alone.plan.tensors[index]?.steps ?? [];
      const tensor = read?.op === 'read' ? read.tensor : '';
      expect(steps, name).toEqual([read, { op: 'blend', method: 'linear', t: 0.25, with: { src: 'with-base', tensor } }, ...rest]);
    }
  });

  it('reads the second from its own shards and GGUF files from theirs', async () => {
    const [one, two] = await Promise.all([1, 2].map((seed) => writeTinyModel(join(folder, `tiny-${seed}.gguf`), { seed })));
    const { plan } = await planConvert(input(two ?? '', { base: one ?? '', blend: { with: two ?? '', method: 'slerp', t: 0.5 }, outputs: [{ id: 'out', path: null, type: 'auto' }] }));
    expect(plan.sources['with-base']).toMatchObject({ path: two, format: 'gguf' });
    expect(plan.tensors.every(({ steps }) => steps.some((step) => step.op === 'blend' && step.method === 'slerp'))).toBe(true);
  });
});

describe('two models that do not fit are refused, the difference named', () => {
  const renamed = JSON.parse(JSON.stringify(tinyTokenizer()).replaceAll('the', 'dhe')) as Record<string, unknown>;
  const wide = (tensors: Tensors): Tensors => Object.fromEntries(Object.entries(tensors).map(([name, { shape, values: given }]) => {
    const wider = shape.map((n) => (n === 96 ? 128 : n));
    return [name, { shape: wider, values: wider.some((n, at) => n !== shape[at]) ? exactValues(wider.reduce((product, n) => product * n, 1), 1) : given }];
  }));
  const cases: readonly (readonly [name: string, options: Parameters<typeof tinyCheckpoint>[2], reason: RegExp])[] = [
    ['untied', { tensors: others(true), config: { tie_word_embeddings: false } }, /the head of \S*base is tied to its embedding, the other's is not/],
    ['wider', { tensors: wide(tinyTensors()), config: { intermediate_size: 128 } }, /llama\.feed_forward_length is 96 in one, 128 in the other/],
    ['other heads', { config: { num_attention_heads: 2, num_key_value_heads: 1, head_dim: 32 } }, /llama\.attention\.head_count is 4 in one, 2 in the other/],
    ['another rotation', { config: { rope_parameters: { rope_type: 'default', rope_theta: 10000 } } }, /llama\.rope\.freq_base is 50000 in one, 10000 in the other/],
    ['another epsilon', { config: { rms_norm_eps: 1e-6 } }, /layer_norm_rms_epsilon is 0\.00001 in one, 0\.000001 in the other/],
    ['fewer layers', { config: { num_hidden_layers: 1 }, tensors: Object.fromEntries(Object.entries(tinyTensors()).filter(([name]) => !name.includes('layers.1.'))) }, /llama\.block_count is 2 in one, 1 in the other/],
    ['a bias more', { tensors: { ...tinyTensors(), 'model.layers.0.self_attn.q_proj.bias': { shape: [64], values: exactValues(64, 5) } } }, /\/base has no blk\.0\.attn_q\.bias/],
    ['other words', { tokenizer: renamed }, /entry 260 of tokenizer\.ggml\.tokens is "the" in one, "dhe" in the other/],
  ];
  it.each(cases)('%s', async (name, options, reason) => {
    const other = tinyCheckpoint(folder, name.replaceAll(' ', '_'), options);
    const message = await messageOf(() => planConvert(input(other)));
    expect(message).toMatch(/^\S*base and \S+ cannot be merged: /);
    expect(message).toMatch(reason);
    expect(await codeOf(() => planConvert(input(other)))).toBe('TARA_MERGE_MISMATCH');
  });

  it('a folder and a GGUF file, adapters beside a second model, a share that is none', async () => {
    const file = await writeTinyModel(join(folder, 'file.gguf'));
    const other = tinyCheckpoint(folder, 'second', { tensors: others() });
    expect(await messageOf(() => planConvert(input(file)))).toMatch(/one is a checkpoint folder, the other a GGUF file/);
    expect(await codeOf(() => planConvert(input(other, { adapters: [{ dir: 'x', weight: 1 }] })))).toBe('TARA_OPTION_INVALID');
    for (const t of [-0.1, 1.1, Number.NaN]) expect(await codeOf(() => planConvert(input(other, { blend: { with: other, method: 'slerp', t } })))).toBe('TARA_OPTION_INVALID');
    expect(await codeOf(() => planConvert(input(join(folder, 'nowhere'))))).toBe('TARA_FILE_NOT_FOUND');
    expect(await codeOf(() => planConvert(input(other, { outputs: [{ id: 'out', path: join(other, 'model.safetensors'), type: 'f32' }] })))).toBe('TARA_OUTPUT_IS_INPUT');
  });
});

describe.skipIf(!built)('the blended weights', () => {
  it('are (1 - t) first + t second, or the same along the arc between them', async () => {
    const other = tinyCheckpoint(folder, 'arc', { tensors: others(), dtype: 'F32' });
    const [first, second] = [await run(input(other, { blend: undefined })), await run(input(other, { base: other, blend: undefined }))];
    const [linear, slerp] = [await run(input(other)), await run(input(other, { blend: { with: other, method: 'slerp', t: 0.25 } }))];
    expect(linear.size).toBe(20);
    for (const [name, a] of first) {
      const b = second.get(name) ?? new Float32Array();
      const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0);
      const angle = Math.acos(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
      const most = Math.max(...a.map(Math.abs), ...b.map(Math.abs));
      const near = (got: Float32Array | undefined, [x, y]: [number, number]): void => {
        const worst = a.reduce((worst, value, at) => Math.max(worst, Math.abs((got?.[at] ?? Number.NaN) - (x * value + y * (b[at] ?? 0)))), 0);
        expect(worst / most, name).toBeLessThan(1e-6);
      };
      near(linear.get(name), [0.75, 0.25]);
      near(slerp.get(name), [Math.sin(0.75 * angle) / Math.sin(angle), Math.sin(0.25 * angle) / Math.sin(angle)]);
    }
  });

  it('of two GGUF files are those of their checkpoints', async () => {
    const other = tinyCheckpoint(folder, 'files', { tensors: others(), dtype: 'F32' });
    const out = (name: string): ConvertInput['outputs'] => [{ id: 'out', path: join(folder, `${name}.gguf`), type: 'f32' }];
    await run(input(other, { blend: undefined, outputs: out('first') }));
    await run(input(other, { base: other, blend: undefined, outputs: out('second') }));
    const direct = await run(input(other, { outputs: out('direct') }));
    const [one, two] = [join(folder, 'first.gguf'), join(folder, 'second.gguf')];
    const files = await run(input(two, { base: one, outputs: [{ id: 'out', path: join(folder, 'files.gguf'), type: 'auto' }] }));
    for (const [name, values] of direct) expect(files.get(name), name).toEqual(values);
  });
});
