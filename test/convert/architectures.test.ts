/** Every architecture and option against llama.cpp's converter, on checkpoints that are rebuilt from their tensor lists; and how a plugin adds one. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../src/convert/architectures/index.js';
import { llama } from '../../src/convert/architectures/llama.js';
import { knownArchitectures } from '../../src/convert/architectures/plugins.js';
import { planConvert, type ConvertInput } from '../../src/convert/plan-convert.js';
import { planSchema, type PlanWithBlobs } from '../../src/plan/schema.js';
import { fixtureNames, readFixture, rebuild, type ArchitectureFixture } from './architecture-fixtures.js';
import { runReference } from './executor.js';
import { manifestKv } from './manifest.js';
import { exactValues, temporaryFolder, tinyAdapter, writeJson } from './tiny.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STARCODER2 = new URL('../../examples/plugin-starcoder2/starcoder2.mjs', import.meta.url).href;
const plan = (base: string, type: string, more: Partial<ConvertInput> = {}): Promise<PlanWithBlobs> =>
  planConvert({ base, adapters: [], outputs: [{ id: 'out', path: null, type }], preTokenizer: 'gpt-2', architectures: [STARCODER2], ...more });
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'no error', (error: { code: string; message: string }) => error.code);

/** The reference gives floats with all digits of float32, we with those that were written. */
const single = (value: unknown): unknown => (typeof value === 'number' ? Math.fround(value) : value);

describe.each(fixtureNames())('%s', (name) => {
  const fixture = readFixture(name);
  const base = rebuild(folder, name, fixture);

  it('every tensor to the byte, in order', async () => {
    const tensors = await runReference((await plan(base, 'f32')).plan, 'out');
    expect(tensors.map((tensor) => [tensor.name, tensor.ne, tensor.sha256.slice(0, 16)])).toEqual(fixture.expected);
  });

  it('every key in type and value, in order', async () => {
    const entries = Object.entries(manifestKv(await plan(base, 'f32'), 'out')).filter(([key]) => !/^tokenizer\.|^general\.(name|size_label)$/.test(key));
    expect(entries.map(([key, { type, value }]) => [key, type[0]?.toLowerCase(), single(value)])).toEqual(Object.entries(fixture.keys).map(([key, [type, value]]) => [key, type, single(value)]));
  });
});

describe.each(fixtureNames())('an adapter on %s', (name) => {
  it('changes what the model computes with: merged in, or trained into the checkpoint, is the same', async () => {
    const { config, files, tensors } = readFixture(name);
    const fixture = { config, files, tensors: tensors.map(([tensor, shape]) => [tensor, shape, 'F32'] as const), keys: {}, expected: [] };
    const matrices = tensors.filter(([tensor, shape]) => shape.length === 2 && /\.0\./.test(tensor) && !tensor.includes('vision'));
    // GPT-2 stores its matrices as [inputs, outputs].
    const isTurned = config['model_type'] === 'gpt2';
    const modules = Object.fromEntries(matrices.map(([tensor, shape]): [string, [number, number]] => [tensor.replace('.weight', ''), (isTurned ? shape.toReversed() : shape) as [number, number]]));
    const adapter = tinyAdapter(folder, `adapter-${name}`, modules, 40);

    const added = new Map<string, (i: number) => number>(Object.entries(modules).map(([module, [out, inner]], index) => {
      const [a, b] = [exactValues(2 * inner, 40 + 2 * index), exactValues(2 * out, 41 + 2 * index)];
      const at = (row: number, col: number): number => 2 * ((b[2 * row] ?? 0) * (a[col] ?? 0) + (b[2 * row + 1] ?? 0) * (a[inner + col] ?? 0));
      return [`${module}.weight`, (i: number) => (isTurned ? at(i % out, Math.floor(i / out)) : at(Math.floor(i / inner), i % inner))] as const;
    }));
    const trained = rebuild(folder, `trained-${name}`, fixture, 1, (tensor, values) => {
      const delta = added.get(tensor);
      return delta ? values.map((value, i) => value + delta(i) / 2) : values;
    });
    const merged = await plan(rebuild(folder, `merged-${name}`, fixture), 'f32', { adapters: [{ dir: adapter, weight: 0.5 }] });
    const hashes = async ({ plan: planned }: PlanWithBlobs) => (await runReference(planned, 'out')).map((tensor) => [tensor.name, tensor.sha256]);
    expect(matrices.length).toBeGreaterThan(2);
    expect(await hashes(merged)).toEqual(await hashes(await plan(trained, 'f32')));
  });
});

describe('faults of a checkpoint', () => {
  let count = 0;
  const changed = (name: string, change: (fixture: ArchitectureFixture) => Partial<ArchitectureFixture>): string => {
    const fixture = readFixture(name);
    return rebuild(folder, `fault-${++count}`, { ...fixture, ...change(fixture) });
  };
  const tensors = (name: string, change: (all: ArchitectureFixture['tensors']) => ArchitectureFixture['tensors']): string => changed(name, (fixture) => ({ tensors: change(fixture.tensors) }));
  const config = (name: string, more: Readonly<Record<string, unknown>>): string => changed(name, (fixture) => ({ config: { ...fixture.config, ...more } }));

  it.each<[string, string, string]>([
    ['a bias that is missing', tensors('qwen2-yarn-transformers4', (all) => all.filter(([name]) => name !== 'model.layers.0.self_attn.k_proj.bias')), 'TARA_TENSOR_MISSING'],
    ['a norm that is missing', tensors('gemma2-transformers4', (all) => all.filter(([name]) => name !== 'model.layers.1.pre_feedforward_layernorm.weight')), 'TARA_TENSOR_MISSING'],
    ['the head of a model that is not tied', tensors('qwen3-untied-f16', (all) => all.filter(([name]) => name !== 'lm_head.weight')), 'TARA_TENSOR_MISSING'],
    ['a tensor under two names', tensors('gpt2-without-prefix', (all) => [...all, ['transformer.ln_f.weight', [32], 'F32']]), 'TARA_TENSOR_DUPLICATE'],
    ['a Conv1D that is stored as a linear layer', tensors('gpt2-without-prefix', (all) => all.map((tensor) => (tensor[0] === 'h.0.attn.c_attn.weight' ? [tensor[0], [96, 32], 'F32'] : tensor))), 'TARA_TENSOR_SHAPE'],
    ['a tensor of another architecture', tensors('bert-cls', (all) => [...all, ['encoder.layer.0.mlp.gate.weight', [32, 32], 'F32']]), 'TARA_TENSOR_UNKNOWN'],
    ['a vocabulary longer than the embedding', config('gemma2-transformers4', { vocab_size: 400 }), 'TARA_TENSOR_SHAPE'],
    ['a vocabulary shorter than the tokenizer', changed('gemma2-transformers4', ({ config: given, tensors: all }) => ({ config: { ...given, vocab_size: 64 }, tensors: all.map(([name, shape, dtype]) => [name, shape[0] === 320 ? [64, 64] : shape, dtype]) })), 'TARA_TOKENIZER_INVALID'],
    ['soft caps that the architecture does not have', config('gemma3-transformers4', { attn_logit_softcapping: 50 }), 'TARA_CONFIG_INVALID'],
    ['rotary factors of another length', config('phi3-su-transformers4', { rope_scaling: { type: 'su', short_factor: [1, 2], long_factor: [1, 2] } }), 'TARA_CONFIG_INVALID'],
    ['rotary scaling of another kind', config('phi3-su-transformers4', { rope_scaling: { type: 'dynamic', short_factor: new Array(8).fill(1), long_factor: new Array(8).fill(1) } }), 'TARA_CONFIG_INVALID'],
    ['a pooling that llama.cpp does not have', changed('bert-cls', ({ files }) => ({ files: { ...files, '1_Pooling/config.json': { pooling_mode_max_tokens: true } } })), 'TARA_CONFIG_INVALID'],
    ['a pooling module outside the folder', changed('bert-cls', () => ({ files: { 'modules.json': [{ type: 'Pooling', path: '..' }] } })), 'TARA_FILE_UNREADABLE'],
  ])('%s', async (_, base, expected) => {
    expect(await code(plan(base, 'f16'))).toBe(expected);
  });

  it('names what is missing and where', async () => {
    const base = tensors('qwen2-yarn-transformers4', (all) => all.filter(([name]) => name !== 'model.layers.0.self_attn.k_proj.bias'));
    await expect(plan(base, 'f16')).rejects.toThrow(`${base} has no tensor model.layers.0.self_attn.k_proj.bias`);
  });

  it('ignores attention masks of old checkpoints', async () => {
    const base = tensors('gpt2-without-prefix', (all) => [...all, ['h.0.attn.bias', [1, 1, 8, 8], 'F32'], ['h.0.attn.masked_bias', [], 'F32']]);
    expect((await plan(base, 'f32')).plan.tensors).toHaveLength(readFixture('gpt2-without-prefix').expected.length);
  });

  it('lists the tensors of shards as those of one file', async () => {
    const fixture = readFixture('qwen3-untied-f16');
    const base = rebuild(folder, 'sharded', fixture, 2);
    const whole = await runReference((await plan(rebuild(folder, 'whole', fixture), 'f16')).plan, 'out');
    const sharded = await runReference((await plan(base, 'f16')).plan, 'out');
    expect(sharded).toEqual(whole);
  });
});

/** The paths of all values in a configuration, objects and what is in them. */
const pathsOf = (value: object): string[][] => Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
  [key], ...(typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? pathsOf(inner).map((path) => [key, ...path]) : []),
]);

it('whatever stands in config.json, it is planned or refused in one line', async () => {
  const odd: unknown[] = [null, '7', -1, 0, 1.5, 1e12, 1e300, true, [], {}, [1], { a: 1 }, 'x\n'.repeat(9), 3, 511, 2 ** 31];
  const bases = new Map(fixtureNames().map((name) => [name, rebuild(folder, `odd-${name}`, readFixture(name))]));
  await fc.assert(fc.asyncProperty(fc.constantFrom(...bases), fc.nat(), fc.constantFrom(...odd), async ([name, base], pick, value) => {
    const config = structuredClone(readFixture(name).config) as Record<string, unknown>;
    const paths = [...pathsOf(config), ...['rope_parameters', 'rope_scaling', 'rope_theta', 'text_config', 'partial_rotary_factor', 'id2label', 'n_inner', 'rope_local_base_freq'].map((key) => [key])];
    const path = paths[pick % paths.length] ?? [];
    const owner = path.slice(0, -1).reduce((inner, key) => inner[key] as Record<string, unknown>, config);
    owner[path.at(-1) ?? ''] = value;
    writeJson(base, 'config.json', config);
    const outcome = await plan(base, 'f16').then(({ plan: planned }) => planSchema.safeParse(planned).success, (error: { code: string; message: string }) => `${error.code}: ${error.message}`);
    expect(String(outcome)).toMatch(/^(true|TARA_(?!INTERNAL)\w+: .*)$/);
  }), { numRuns: 150 });
});

describe('null switches off what is left out by default', () => {
  it('soft caps of Gemma 2', async () => {
    const fixture = readFixture('gemma2-transformers4');
    const keysOf = async (name: string, config: Readonly<Record<string, unknown>>) => Object.keys(manifestKv(await plan(rebuild(folder, name, { ...fixture, config }), 'f32'), 'out')).filter((key) => key.includes('softcapping'));
    const silent = Object.fromEntries(Object.entries(fixture.config).filter(([key]) => !key.includes('softcapping')));
    expect(await keysOf('caps-silent', silent)).toEqual(['gemma2.attn_logit_softcapping', 'gemma2.final_logit_softcapping']);
    expect(await keysOf('caps-null', { ...silent, attn_logit_softcapping: null })).toEqual(['gemma2.final_logit_softcapping']);
  });
});

describe('architectures of plugins', () => {
  const fixture = readFixture('starcoder2');
  const base = rebuild(folder, 'starcoder2-again', fixture);

  it('are unknown without their module', async () => {
    expect(await code(plan(base, 'f16', { architectures: [] }))).toBe('TARA_ARCHITECTURE_UNKNOWN');
  });

  it('come behind the built-in ones', async () => {
    expect((await knownArchitectures([STARCODER2])).map(({ name }) => name)).toEqual([...ARCHITECTURES.map(({ name }) => name), 'starcoder2']);
  });

  const module = (body: string): string => `data:text/javascript,${encodeURIComponent(body)}`;
  it.each<[string, string, RegExp]>([
    ['a module that is not there', new URL('nowhere.mjs', import.meta.url).href, /nowhere/],
    ['a module from elsewhere than a file', module('export default {}'), /file: URL/],
    ['a module that describes none', new URL('../../examples/plugin-starcoder2/tara.config.mjs', import.meta.url).href, /name: /],
  ])('%s', async (_, url, reason) => {
    await expect(knownArchitectures([url])).rejects.toMatchObject({ code: 'TARA_ARCHITECTURE_INVALID', message: expect.stringMatching(reason) as string });
  });

  it('cannot take a name that is built in', async () => {
    const path = join(folder, 'taken.mjs');
    const description = { ...llama, assumed: 0, dims: 0, layers: 0, metadata: 0, computed: 0, renamed: [], ignored: [] };
    writeFileSync(path, `const f = () => ({}); export default { ...${JSON.stringify(description)}, assumed: f, dims: f, layers: f, metadata: f, computed: f };`);
    await expect(knownArchitectures([pathToFileURL(path).href])).rejects.toThrow('LlamaForCausalLM is built in');
  });
});
