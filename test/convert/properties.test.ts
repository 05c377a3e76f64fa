/** What holds for every conversion, whatever the checkpoint looks like and however it is cut into files. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert, type ConvertInput } from '../../src/convert/plan-convert.js';
import { MERGE_METHODS } from '../../src/convert/adapters/merge.js';
import { addonPaths } from '../../src/engine/loader.js';
import { readGguf } from '../../src/formats/gguf/file.js';
import { lower, planSize, runPlan } from '../../src/plan/index.js';
import { tara } from '../cli/run.js';
import { exactValues, temporaryFolder, tinyAdapter, tinyCheckpoint, writeJson, writeSafetensors, type Tensors } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/properties: skipped, the addon is not built');

const root = temporaryFolder();
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = (): string => mkdtempSync(join(root, 'case-'));

interface Shape {
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly hidden: number;
  readonly inner: number;
  readonly tied: boolean;
  readonly dtype: 'F32' | 'BF16';
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  layers: fc.integer({ min: 1, max: 3 }), heads: fc.constantFrom(2, 4), kvHeads: fc.constantFrom(1, 2), headDim: fc.constantFrom(8, 16, 32),
  hidden: fc.constantFrom(32, 64, 96, 256), inner: fc.constantFrom(32, 80, 256), tied: fc.boolean(), dtype: fc.constantFrom('F32' as const, 'BF16' as const),
});

const modulesOf = ({ heads, kvHeads, headDim, hidden, inner }: Shape): Record<string, [number, number]> => ({
  'self_attn.q_proj': [heads * headDim, hidden], 'self_attn.k_proj': [kvHeads * headDim, hidden], 'self_attn.v_proj': [kvHeads * headDim, hidden], 'self_attn.o_proj': [hidden, heads * headDim],
  'mlp.gate_proj': [inner, hidden], 'mlp.up_proj': [inner, hidden], 'mlp.down_proj': [hidden, inner],
});

const layersOf = (shape: Shape): string[] => Array.from({ length: shape.layers }, (_, layer) => `model.layers.${layer}.`);

function tensorsOf(shape: Shape, seed = 0): Tensors {
  const sizes: [string, number[]][] = [
    ['model.embed_tokens.weight', [320, shape.hidden]], ...(shape.tied ? [] : [['lm_head.weight', [320, shape.hidden]] as [string, number[]]]),
    ...layersOf(shape).flatMap((at): [string, number[]][] => [
      [`${at}input_layernorm.weight`, [shape.hidden]], [`${at}post_attention_layernorm.weight`, [shape.hidden]],
      ...Object.entries(modulesOf(shape)).map(([name, size]): [string, number[]] => [`${at}${name}.weight`, size]),
    ]),
    ['model.norm.weight', [shape.hidden]],
  ];
  return Object.fromEntries(sizes.map(([name, size], index) => [name, { shape: size, values: exactValues(size.reduce((product, n) => product * n, 1), seed + index + 1).map((value) => value + 0) }]));
}

const configOf = ({ layers, heads, kvHeads, headDim, hidden, inner, tied }: Shape) => ({
  hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim, tie_word_embeddings: tied,
});

const checkpoint = (parent: string, shape: Shape, name = 'base', seed = 0): string =>
  tinyCheckpoint(parent, name, { config: configOf(shape), tensors: tensorsOf(shape, seed), dtype: shape.dtype });

/** Cuts a folder's weights into shards: `cut` gives the shard of a tensor, `order` sorts the index's lines. */
function shard(dir: string, shape: Shape, cut: readonly number[], order: readonly number[]): void {
  const names = Object.keys(tensorsOf(shape));
  const shardOf = (name: string): number => cut[names.indexOf(name) % cut.length] ?? 0;
  const used = [...new Set(names.map(shardOf))];
  const fileOf = (index: number): string => `model-0000${index + 1}-of-00009.safetensors`;
  for (const index of used) writeSafetensors(join(dir, fileOf(index)), Object.fromEntries(Object.entries(tensorsOf(shape)).filter(([name]) => shardOf(name) === index)), shape.dtype);
  const lines = names.map((name, index): [string, string, number] => [name, fileOf(shardOf(name)), order[index % order.length] ?? 0]).sort((a, b) => a[2] - b[2]);
  writeJson(dir, 'model.safetensors.index.json', { weight_map: Object.fromEntries(lines.map(([name, file]) => [name, file])) });
  rmSync(join(dir, 'model.safetensors'));
}

/** An adapter for some modules of a shape. */
function adapter(parent: string, name: string, shape: Shape, picked: readonly boolean[], seed: number): string {
  const all = layersOf(shape).flatMap((at) => Object.entries(modulesOf(shape)).map(([module, size]): [string, [number, number]] => [at + module, size]));
  const some = all.filter((_, index) => picked[index % picked.length]);
  return tinyAdapter(parent, name, Object.fromEntries(some.length > 0 ? some : all.slice(0, 1)), seed);
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

async function convert(input: Omit<ConvertInput, 'outputs'>, path: string, type: string, threads = 2): Promise<{ declared: number; planned: number }> {
  const planned = await planConvert({ preTokenizer: 'gpt-2', name: 'case', ...input, outputs: [{ id: 'out', path, type }] });
  const lowered = await lower(planned);
  await runPlan(lowered, { threads });
  return { declared: lowered.outputs[0]?.bytes ?? 0, planned: planSize(planned)[0]?.bytes ?? 0 };
}

/** Each tensor's bytes by name. */
async function contents(path: string): Promise<Record<string, string>> {
  const bytes = readFileSync(path);
  return Object.fromEntries((await readGguf(path)).tensors.map(({ name, type, offset, bytes: size }) => [name, `${type} ${createHash('sha256').update(bytes.subarray(offset, offset + size)).digest('hex')}`]));
}

const types = fc.constantFrom('f32', 'f16', 'bf16', 'q8_0', 'auto', 'Q4_0', 'Q4_K_M', 'Q6_K');
const settings = fc.record({ method: fc.constantFrom(...MERGE_METHODS) }).map(({ method }) => ({ method, ...(method.startsWith('dare') && { seed: 7 }) }));

describe.skipIf(!built)('every conversion', () => {
  it('has the size that its plan declares, and the same bytes each time', async () => {
    await fc.assert(fc.asyncProperty(shapes, types, async (shape, type) => {
      const dir = fresh();
      const base = checkpoint(dir, shape);
      const sizes = await convert({ base, adapters: [] }, join(dir, 'one.gguf'), type, 2);
      await convert({ base, adapters: [] }, join(dir, 'two.gguf'), type, 1);
      const { size } = statSync(join(dir, 'one.gguf'));
      expect(sizes).toEqual({ declared: size, planned: size });
      expect(sha256(join(dir, 'two.gguf'))).toBe(sha256(join(dir, 'one.gguf')));
      rmSync(dir, { recursive: true });
    }), { numRuns: 25 });
  });

  it('does not depend on how the checkpoint is cut into shards', async () => {
    const cuts = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 });
    const orders = fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 30 });
    await fc.assert(fc.asyncProperty(shapes, cuts, orders, orders, async (shape, cut, first, second) => {
      const dir = fresh();
      const whole = checkpoint(dir, shape, 'whole');
      const folders = [first, second].map((order, index) => {
        const folder = checkpoint(dir, shape, `cut-${index}`);
        shard(folder, shape, cut, order);
        return folder;
      });
      for (const [index, base] of [whole, ...folders].entries()) {
        await convert({ base, adapters: [] }, join(dir, `plain-${index}.gguf`), 'f16');
        await convert({ base, adapters: [] }, join(dir, `layers-${index}.gguf`), 'Q4_0');
      }
      for (const kind of ['plain', 'layers']) expect(new Set([0, 1, 2].map((index) => sha256(join(dir, `${kind}-${index}.gguf`)))).size).toBe(1);
      rmSync(dir, { recursive: true });
    }), { numRuns: 8 });
  });

  it('does not depend on the order of its adapters', async () => {
    const pick = fc.array(fc.boolean(), { minLength: 1, maxLength: 9 });
    const weights = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.05, max: 1.5, noNaN: true })));
    await fc.assert(fc.asyncProperty(shapes, fc.tuple(pick, pick, pick), weights, settings, async (shape, picks, shares, merge) => {
      const dir = fresh();
      const base = checkpoint(dir, shape);
      const adapters = picks.map((picked, index) => ({ dir: adapter(dir, `adapter-${index}`, shape, picked, 11 * index + 1), weight: shares[index] ?? 1 }));
      const orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0]].map((order) => order.flatMap((index) => adapters[index] ?? []));
      for (const [index, some] of orders.entries()) await convert({ base, adapters: some, merge }, join(dir, `${index}.gguf`), 'f32', 1 + (index % 2));
      expect(new Set(orders.map((_, index) => sha256(join(dir, `${index}.gguf`)))).size).toBe(1);
      rmSync(dir, { recursive: true });
    }), { numRuns: 12 });
  });

  it('with a second model gives one at 0, the other at 1, and the same bytes each time', async () => {
    await fc.assert(fc.asyncProperty(shapes, fc.constantFrom('linear' as const, 'slerp' as const), async (shape, method) => {
      const dir = fresh();
      const [base, other] = [checkpoint(dir, shape, 'base'), checkpoint(dir, shape, 'other', 50)];
      const at = async (t: number, name: string): Promise<Record<string, string>> => {
        await convert({ base, adapters: [], blend: { with: other, method, t } }, join(dir, name), 'f16');
        return contents(join(dir, name));
      };
      await convert({ base, adapters: [] }, join(dir, 'base.gguf'), 'f16');
      await convert({ base: other, adapters: [] }, join(dir, 'other.gguf'), 'f16');
      expect(await at(0, '0.gguf')).toEqual(await contents(join(dir, 'base.gguf')));
      expect(await at(1, '1.gguf')).toEqual(await contents(join(dir, 'other.gguf')));
      expect(await at(0.25, 'a.gguf')).toEqual(await at(0.25, 'b.gguf'));
      expect(sha256(join(dir, 'a.gguf'))).toBe(sha256(join(dir, 'b.gguf')));
      rmSync(dir, { recursive: true });
    }), { numRuns: 6 });
  });

  it('under --dry-run writes nothing and tells the size that the file then has', async () => {
    await fc.assert(fc.asyncProperty(shapes, types, settings, async (shape, type, { method }) => {
      const dir = fresh();
      checkpoint(dir, shape);
      mkdirSync(join(dir, 'empty'));
      adapter(dir, 'healthcare', shape, [true, false, true], 3);
      const before = readdirSync(dir, { recursive: true }).sort();
      const argv = ['merge', 'base', '--adapter', 'healthcare=0.5', '--method', method, '--output', 'out.gguf', '--type', type, '--pre-tokenizer', 'gpt-2', '--json'];
      const dry = await tara(dir, [...argv, '--dry-run']);
      expect([dry.code, dry.err]).toEqual([0, '']);
      expect(readdirSync(dir, { recursive: true }).sort()).toEqual(before);
      const told = dry.json<{ dryRun: boolean; outputs: { bytes: number }[] }>();
      const done = (await tara(dir, argv)).json<{ outputs: { bytes: number }[] }>();
      const { size } = statSync(join(dir, 'out.gguf'));
      expect([told.dryRun, told.outputs[0]?.bytes, done.outputs[0]?.bytes]).toEqual([true, size, size]);
      rmSync(dir, { recursive: true });
    }), { numRuns: 6 });
  });
});
