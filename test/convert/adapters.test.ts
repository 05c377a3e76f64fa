/** Adapters on checkpoints and on GGUF bases: the sum of their deltas, in each row order. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert } from '../../src/convert/plan-convert.js';
import { encodeHeader } from '../../src/formats/gguf-header.js';
import { readSafetensors } from '../../src/formats/safetensors.js';
import type { PlanWithBlobs } from '../../src/plan/schema.js';
import { readFileSync } from 'node:fs';
import { interleave } from '../../src/convert/rope.js';
import { runReference } from './executor.js';
import { manifestKv } from './manifest.js';
import { temporaryFolder, tinyAdapter, tinyCheckpoint, tinyTensors } from './tiny.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(FIXTURES, 'adapters-tiny'));
if (!present) console.log('test/convert/adapters: the adapters of the shared fixtures are not beside the repository; their tests are skipped');

const MODULES: Record<string, [number, number]> = {
  'model.layers.0.self_attn.q_proj': [64, 64],
  'model.layers.1.self_attn.k_proj': [32, 64],
  'model.layers.1.mlp.down_proj': [64, 96],
};
const base = tinyCheckpoint(folder, 'base', { dtype: 'F32' });
const one = tinyAdapter(folder, 'one', MODULES, 11);
const two = tinyAdapter(folder, 'two', { 'model.layers.0.self_attn.q_proj': [64, 64] }, 31);

const merge = (from: string, adapters: { dir: string; weight: number }[], type = 'f32'): Promise<PlanWithBlobs> =>
  planConvert({ base: from, adapters, outputs: [{ id: 'out', path: null, type }], preTokenizer: 'gpt-2' });
const code = (promise: Promise<unknown>): Promise<{ code: string; message: string }> =>
  promise.then(() => ({ code: 'no error', message: '' }), (error: { code: string; message: string }) => ({ code: error.code, message: error.message }));

/** Writes what the test executor makes of a plan as a GGUF file. */
async function writeGguf(path: string, planned: PlanWithBlobs, extra: PlanWithBlobs['plan']['metadata'] = []): Promise<void> {
  const tensors = await runReference(planned.plan, 'out');
  let offset = 0;
  const placed = tensors.map((tensor) => {
    const at = offset;
    offset += Math.ceil(tensor.bytes.length / 32) * 32;
    return { ...tensor, offset: at };
  });
  const header = encodeHeader({ metadata: [...planned.plan.metadata, ...extra], tensors: placed, alignment: 32 }, planned.blobs);
  writeFileSync(path, Buffer.concat([header, ...placed.map(({ bytes }) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]))]));
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

describe('adapters on a checkpoint', () => {
  it('adds weight * alpha/r * B A before the rows are permuted', async () => {
    const tensors = await runReference((await merge(base, [{ dir: one, weight: 0.5 }, { dir: two, weight: 0.25 }])).plan, 'out');
    const got = floats(tensors.find(({ name }) => name === 'blk.0.attn_q.weight')?.bytes ?? new Uint8Array());
    const expected = Float64Array.from(tinyTensors()['model.layers.0.self_attn.q_proj.weight']?.values ?? []);
    for (const [dir, weight] of [[one, 0.5], [two, 0.25]] as const) {
      const file = await readSafetensors(join(dir, 'adapter_model.safetensors'));
      const bytes = readFileSync(file.path);
      const of = (side: string) => {
        const tensor = file.tensors.find(({ name }) => name.includes(`0.self_attn.q_proj.lora_${side}`));
        return floats(bytes.subarray(tensor?.offset, (tensor?.offset ?? 0) + (tensor?.bytes ?? 0)));
      };
      const [a, b] = [of('A'), of('B')];
      for (let row = 0; row < 64; row++) for (let col = 0; col < 64; col++) for (let k = 0; k < 2; k++) expected[row * 64 + col]! += weight * 2 * b[row * 2 + k]! * a[k * 64 + col]!;
    }
    interleave(64, 4).forEach((from, to) => {
      for (let col = 0; col < 64; col++) expect(Math.abs(got[to * 64 + col]! - expected[from * 64 + col]!)).toBeLessThan(1e-5);
    });
  });

  it('leaves other tensors as they are, and a weight of 0 changes nothing', async () => {
    const merged = await merge(base, [{ dir: one, weight: 1 }]);
    const changed = merged.plan.tensors.filter(({ steps }) => steps.some(({ op }) => op === 'delta')).map(({ name }) => name);
    expect(changed).toEqual(['blk.0.attn_q.weight', 'blk.1.ffn_down.weight', 'blk.1.attn_k.weight']);
    const beside = await merge(base, [{ dir: one, weight: 1 }, { dir: two, weight: 0 }]);
    expect(beside.plan.tensors).toEqual(merged.plan.tensors);
  });

  it('refuses another shape, another architecture and no number, naming them', async () => {
    const wide = tinyAdapter(folder, 'wide', { 'model.layers.0.self_attn.q_proj': [64, 128] });
    const other = tinyAdapter(folder, 'other', { 'transformer.h.0.attn.c_attn': [192, 64] });
    const deep = tinyAdapter(folder, 'deep', { 'model.layers.9.self_attn.q_proj': [64, 64] });
    const head = tinyAdapter(folder, 'head', { lm_head: [320, 64] });
    const shape = await code(merge(base, [{ dir: wide, weight: 1 }]));
    expect(shape.code).toBe('TARA_ADAPTER_MISMATCH');
    expect(shape.message).toContain('model.layers.0.self_attn.q_proj is [64, 64] in the base, its factors are [64, 2] x [2, 128]');
    for (const dir of [other, deep, head]) expect((await code(merge(base, [{ dir, weight: 1 }]))).code).toBe('TARA_ADAPTER_MISMATCH');
    expect((await code(merge(base, [{ dir: one, weight: Number.NaN }]))).code).toBe('TARA_OPTION_INVALID');
  });
});

describe('a GGUF base', () => {
  const gguf = join(folder, 'base.gguf');
  it('merges into the permuted rows as into the checkpoint', async () => {
    await writeGguf(gguf, await merge(base, []));
    const adapters = [{ dir: one, weight: 0.5 }, { dir: two, weight: 0.25 }];
    const fromGguf = await runReference((await merge(gguf, adapters, 'auto')).plan, 'out');
    const fromCheckpoint = await runReference((await merge(base, adapters)).plan, 'out');
    expect(fromGguf.map(({ name, sha256 }) => [name, sha256])).toEqual(fromCheckpoint.map(({ name, sha256 }) => [name, sha256]));
  });

  it('copies the keys in order without those of a split, and sets the version', async () => {
    const source = await merge(base, []);
    const split = join(folder, 'split.gguf');
    await writeGguf(split, source, [{ key: 'split.count', type: 'uint16', value: 1 }, { key: 'split.no', type: 'uint16', value: 0 }]);
    const planned = await planConvert({ base: split, adapters: [], outputs: [{ id: 'out', path: null, type: 'auto' }], metadata: [{ key: 'tara.phase', type: 'uint32', value: 3 }] });
    const expected = manifestKv(source, 'out');
    const { 'general.quantization_version': version, ...rest } = expected;
    expect(manifestKv(planned, 'out')).toEqual({ ...expected, 'tara.phase': { type: ['UINT32'], value: 3 } });
    expect(Object.keys(manifestKv(planned, 'out'))).toEqual([...Object.keys(rest), 'tara.phase', 'general.quantization_version']);
    expect(version?.value).toBe(2);
  });

  it('refuses adapters that do not fit', async () => {
    const wide = tinyAdapter(folder, 'wide-gguf', { 'model.layers.0.self_attn.q_proj': [32, 64] });
    expect((await code(merge(gguf, [{ dir: wide, weight: 1 }], 'auto'))).code).toBe('TARA_ADAPTER_MISMATCH');
  });
});

describe.skipIf(!present)('PEFT\'s own merge', () => {
  const read = async (path: string, prefix = ''): Promise<Map<string, Float32Array>> => {
    const file = await readSafetensors(path);
    const bytes = readFileSync(path);
    return new Map(file.tensors.filter(({ name }) => name.startsWith(prefix)).map((t) => [t.name.slice(prefix.length), floats(bytes.subarray(t.offset, t.offset + t.bytes))]));
  };
  const permuted = (name: string, values: Float32Array): Float32Array => {
    if (!/[qk]_proj/.test(name)) return values;
    const cols = values.length / 256;
    return Float32Array.from(interleave(256, 8).flatMap((row) => [...values.subarray(row * cols, (row + 1) * cols)]));
  };
  const expectMerged = async (expected: Map<string, Float32Array>, adapters: { dir: string; weight: number }[]): Promise<void> => {
    const { plan } = await planConvert({ base: join(FIXTURES, 'hf/llama-spm-f32'), adapters, outputs: [{ id: 'out', path: null, type: 'f32' }] });
    const names = new Map(plan.tensors.flatMap(({ name, steps }) => steps.flatMap((step) => (step.op === 'read' ? [[step.tensor, name] as const] : []))));
    const tensors = new Map((await runReference(plan, 'out')).map(({ name, bytes }) => [name, floats(bytes)]));
    expect(expected.size).toBeGreaterThan(0);
    for (const [name, values] of expected) {
      const got = tensors.get(names.get(name) ?? '') ?? new Float32Array();
      const want = permuted(name, values);
      expect(got.length).toBe(want.length);
      const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const worst = got.reduce((most, v, i) => Math.max(most, Math.abs(v - (want[i] ?? 0))), 0);
      expect(worst / largest, name).toBeLessThanOrEqual(1e-6);
    }
  };

  it.each(['plain-r4', 'rslora-r4', 'patterns', 'second-r8'])('%s', async (name) => {
    const dir = join(FIXTURES, 'adapters-tiny', name);
    await expectMerged(await read(join(dir, 'expected-merged.safetensors')), [{ dir, weight: 1 }]);
  });

  it('two adapters, linear', async () => {
    const at = (name: string) => join(FIXTURES, 'adapters-tiny', name);
    await expectMerged(await read(at('expected-linear-ties.safetensors'), 'linear:'), [{ dir: at('plain-r4'), weight: 0.6 }, { dir: at('second-r8'), weight: 0.4 }]);
  });
});
