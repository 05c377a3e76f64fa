/** Adapters on checkpoints and on GGUF bases: the sum of their deltas, in each row order. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { changes, EMBEDDING, HEAD, loadAdapters, type Tie } from '../../src/convert/adapters/adapters.js';
import type { MergeSettings } from '../../src/convert/adapters/merge.js';
import { planConvert } from '../../src/convert/plan-convert.js';
import { encodeHeader } from '../../src/formats/gguf/header.js';
import { readSafetensors } from '../../src/formats/safetensors.js';
import type { PlanWithBlobs } from '../../src/plan/schema.js';
import { interleave } from '../../src/convert/rope.js';
import { runReference } from './executor.js';
import { manifestKv } from './manifest.js';
import { exactValues, temporaryFolder, tinyAdapter, tinyCheckpoint, tinyTensors, writeJson, writeSafetensors } from './tiny.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODULES: Record<string, [number, number]> = {
  'model.layers.0.self_attn.q_proj': [64, 64],
  'model.layers.1.self_attn.k_proj': [32, 64],
  'model.layers.1.mlp.down_proj': [64, 96],
};
const base = tinyCheckpoint(folder, 'base', { dtype: 'F32' });
const one = tinyAdapter(folder, 'one', MODULES, 11);
const two = tinyAdapter(folder, 'two', { 'model.layers.0.self_attn.q_proj': [64, 64] }, 31);

const merge = (from: string, adapters: { dir: string; weight: number }[], type = 'f32', settings?: MergeSettings): Promise<PlanWithBlobs> =>
  planConvert({ base: from, adapters, merge: settings, outputs: [{ id: 'out', path: null, type }], preTokenizer: 'gpt-2' });
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
    const head = tinyAdapter(folder, 'head', { lm_head: [321, 64] });
    const shape = await code(merge(base, [{ dir: wide, weight: 1 }]));
    expect(shape.code).toBe('TARA_ADAPTER_MISMATCH');
    expect(shape.message).toContain('model.layers.0.self_attn.q_proj is [64, 64] in the base, its factors are [64, 2] x [2, 128]');
    for (const dir of [other, deep, head]) expect((await code(merge(base, [{ dir, weight: 1 }]))).code).toBe('TARA_ADAPTER_MISMATCH');
    expect((await code(merge(base, [{ dir: one, weight: Number.NaN }]))).code).toBe('TARA_OPTION_INVALID');
  });
});

describe('the steps of a changed tensor', () => {
  const stepsOf = ({ plan }: PlanWithBlobs, name: string) => plan.tensors.find((tensor) => tensor.name === name)?.steps;

  it('name the adapters in the order of their paths, each with its weight', async () => {
    const [forth, back] = [[{ dir: one, weight: 0.5 }, { dir: two, weight: 0.25 }], [{ dir: two, weight: 0.25 }, { dir: one, weight: 0.5 }]];
    expect((await merge(base, back)).plan).toEqual((await merge(base, forth)).plan);
    const [, delta] = stepsOf(await merge(base, back), 'blk.0.attn_q.weight') ?? [];
    expect(delta?.op === 'delta' && delta.terms.map(({ weight }) => weight)).toEqual([0.5, 0.25]);
  });

  it('hold the method with its settings', async () => {
    const [, delta] = stepsOf(await merge(base, [{ dir: one, weight: 1 }, { dir: two, weight: 1 }], 'f32', { method: 'dare-ties', density: 0.3, seed: 9 }), 'blk.0.attn_q.weight') ?? [];
    expect(delta).toMatchObject({ op: 'delta', method: 'dare-ties', density: 0.3, seed: 9 });
    expect(await code(merge(base, [{ dir: one, weight: 1 }], 'f32', { method: 'ties', density: 2 }))).toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('make a head of the tied embedding when adapters part the two, and only then', async () => {
    const head = tinyAdapter(folder, 'parted', { lm_head: [320, 64] });
    const parted = await merge(base, [{ dir: head, weight: 1 }]);
    expect(stepsOf(parted, 'output.weight')).toMatchObject([{ op: 'read', src: 'base', tensor: 'model.embed_tokens.weight' }, { op: 'delta' }]);
    expect(stepsOf(parted, 'token_embd.weight')).toMatchObject([{ op: 'read' }]);
    expect(stepsOf(await merge(base, [{ dir: one, weight: 1 }]), 'output.weight')).toBeUndefined();
  });

  it('refuse a parted head where llama.cpp takes none', async () => {
    const dir = join(folder, 'embedding');
    tinyAdapter(folder, 'embedding', {});
    const named: [string, number[]][] = [['base_model.model.model.embed_tokens.lora_embedding_A', [2, 320]], ['base_model.model.model.embed_tokens.lora_embedding_B', [64, 2]]];
    writeSafetensors(join(dir, 'adapter_model.safetensors'), Object.fromEntries(named.map(([name, shape]) => [name, { shape, values: exactValues((shape[0] ?? 1) * (shape[1] ?? 1), 3) }])));
    const adapters = await loadAdapters([{ dir, weight: 1 }], {});
    const tied = (tie: Tie) => () => changes(adapters, { name: 'gemma', tie, find: (name) => (name === 'model.embed_tokens.weight' ? { target: EMBEDDING, ne: [64, 320] } : undefined) }, undefined);
    expect(tied('fixed')).toThrow(expect.objectContaining({ code: 'TARA_ADAPTER_UNSUPPORTED' }));
    expect([...tied('loose')().keys()]).toEqual([EMBEDDING, HEAD]);
    expect([...tied('none')().keys()]).toEqual([EMBEDDING]);
  });

  it('read a tensor trained as a whole in place of the base\'s, or weigh it', async () => {
    const dir = tinyAdapter(folder, 'whole', MODULES);
    const shape = { 'model.layers.0.self_attn.k_proj.weight': [32, 64], 'model.norm.weight': [64] };
    const factors = { 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight': [2, 64], 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight': [64, 2] };
    const named = Object.entries({ ...factors, ...Object.fromEntries(Object.entries(shape).map(([name, size]) => [`base_model.model.${name}`, size])) });
    writeSafetensors(join(dir, 'adapter_model.safetensors'), Object.fromEntries(named.map(([name, size], index) => [name, { shape: size, values: exactValues(size.reduce((product, n) => product * n, 1), index + 1) }])));
    const whole = await merge(base, [{ dir, weight: 1 }]);
    expect(stepsOf(whole, 'output_norm.weight')).toEqual([{ op: 'read', src: 'adapter-1', tensor: 'base_model.model.model.norm.weight' }]);
    expect(stepsOf(whole, 'blk.0.attn_k.weight')).toEqual([{ op: 'read', src: 'adapter-1', tensor: 'base_model.model.model.layers.0.self_attn.k_proj.weight' }, { op: 'rows', take: { ropeHeads: 2 } }]);
    expect(stepsOf(await merge(base, [{ dir, weight: 0.5 }]), 'output_norm.weight')).toMatchObject([{ op: 'read', src: 'base' }, { op: 'delta', terms: [{ weight: 0.5, full: { src: 'adapter-1' } }] }]);
    writeSafetensors(join(dir, 'adapter_model.safetensors'), Object.fromEntries([...named.filter(([name]) => name.includes('lora')), ['base_model.model.model.embed_tokens.weight', [323, 64]] as const].map(([name, size]) => [name, { shape: [...size], values: exactValues((size[0] ?? 1) * (size[1] ?? 1), 1) }])));
    const resized = await code(merge(base, [{ dir, weight: 1 }]));
    expect(resized.code).toBe('TARA_ADAPTER_MISMATCH');
    expect(resized.message).toContain('model.embed_tokens.weight is [320, 64] in the base, the adapter trained [323, 64]');
  });

  it('are refused with the name of the base that the adapter was trained on', async () => {
    const dir = tinyAdapter(folder, 'elsewhere', { 'model.layers.9.self_attn.q_proj': [64, 64] });
    writeJson(dir, 'adapter_config.json', { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj'], base_model_name_or_path: 'org/other-7b' });
    expect((await code(merge(base, [{ dir, weight: 1 }]))).message).toContain('it adapts model.layers.9.self_attn.q_proj, which the base does not have (it names org/other-7b as its base, this is base)');
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
