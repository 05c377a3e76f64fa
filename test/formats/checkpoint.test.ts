import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCheckpoint, readJson } from '../../src/formats/index.js';
import { codeOf, floats, messageOf, scratch, sharedFixture } from './helpers.js';

const files = scratch();

/** A model folder with config.json and the given files. */
async function folder(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const dir = files.path(name);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'config.json'), '{"model_type":"llama"}');
  for (const [file, bytes] of Object.entries(contents)) await writeFile(join(dir, file), bytes);
  return dir;
}

const index = (map: Readonly<Record<string, unknown>>): string => JSON.stringify({ metadata: {}, weight_map: map });
const INDEX = 'model.safetensors.index.json';

describe('readCheckpoint', () => {
  it('reads one file', async () => {
    const checkpoint = await readCheckpoint(await folder('single', { 'model.safetensors': floats({ a: [2], b: [3, 2] }) }));
    expect(checkpoint.config).toEqual({ model_type: 'llama' });
    expect(checkpoint.tensors.get('b')).toMatchObject({ shard: 0, tensor: { shape: [3, 2] } });
  });

  it('reads shards', async () => {
    const dir = await folder('shards', { [INDEX]: index({ a: 'two.safetensors', b: 'one.safetensors' }), 'one.safetensors': floats({ b: [1] }), 'two.safetensors': floats({ a: [2] }) });
    const { shards, tensors } = await readCheckpoint(dir);
    expect([...tensors].map(([name, { shard }]) => [name, shards[shard]?.path])).toEqual([['b', join(dir, 'one.safetensors')], ['a', join(dir, 'two.safetensors')]]);
  });

  it.each(['../outside.safetensors', '/etc/passwd', 'sub/../../outside.safetensors', 'sub\\outside.safetensors', 'C:/x.safetensors', '', 7, 'shard.bin'])(
    'refuses an index that names %j', async (shard) => {
      await files.write('outside.safetensors', floats({ a: [1] }));
      expect(await codeOf(async () => readCheckpoint(await folder('escape', { [INDEX]: index({ a: shard }) })))).toBe('TARA_CONFIG_INVALID');
    });

  it('refuses a link that leads out of the folder, and follows one that stays', async () => {
    await files.write('outside.safetensors', floats({ a: [1] }));
    const out = await folder('link-out', {});
    await symlink('../outside.safetensors', join(out, 'model.safetensors'));
    expect(await messageOf(() => readCheckpoint(out))).toContain('leads out of its folder');
    const inner = await folder('link-in', { 'weights.safetensors': floats({ a: [1] }) });
    await symlink('weights.safetensors', join(inner, 'model.safetensors'));
    expect((await readCheckpoint(inner)).tensors.size).toBe(1);
  });

  it('refuses what is missing, doubled or elsewhere', async () => {
    const one = floats({ a: [1] });
    const cases: [string, Readonly<Record<string, Uint8Array | string>>, string][] = [
      ['no-weights', {}, 'TARA_MODEL_NOT_RECOGNISED'],
      ['no-shard', { [INDEX]: index({ a: 'one.safetensors' }) }, 'TARA_FILE_NOT_FOUND'],
      ['not-in-shard', { [INDEX]: index({ a: 'one.safetensors', b: 'one.safetensors' }), 'one.safetensors': one }, 'TARA_TENSOR_MISSING'],
      ['in-other-shard', { [INDEX]: index({ a: 'two.safetensors', b: 'one.safetensors' }), 'one.safetensors': one, 'two.safetensors': floats({ b: [1] }) }, 'TARA_TENSOR_MISSING'],
      ['twice', { [INDEX]: index({ a: 'one.safetensors', b: 'two.safetensors' }), 'one.safetensors': one, 'two.safetensors': floats({ a: [1], b: [1] }) }, 'TARA_SAFETENSORS_INVALID'],
      ['empty-index', { [INDEX]: index({}) }, 'TARA_CONFIG_INVALID'],
      ['doubled-key', { [INDEX]: '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}' }, 'TARA_CONFIG_INVALID'],
    ];
    for (const [name, contents, code] of cases) expect([name, await codeOf(async () => readCheckpoint(await folder(name, contents)))]).toEqual([name, code]);
    expect(await codeOf(() => readCheckpoint(files.path('nowhere')))).toBe('TARA_FILE_NOT_FOUND');
  });

  it('says that a pickle is never opened', async () => {
    expect(await messageOf(async () => readCheckpoint(await folder('pickle', { 'pytorch_model.bin': 'x' })))).toContain('pickle (pytorch_model.bin), which is never opened');
  });
});

describe('readJson', () => {
  it.each([
    ['{"a":1', 'no JSON'], ['{"a":1,"a":2}', 'occurs twice'], ['['.repeat(100), 'nested deeper'], [`"${'x'.repeat(100)}"`, '102 bytes, 100 are allowed'], ['{"a":"\ud800"', 'no JSON'],
  ])('refuses %j', async (content, reason) => {
    const path = await files.write('case.json', content);
    expect(await codeOf(() => readJson(path, 100))).toBe('TARA_CONFIG_INVALID');
    expect(await messageOf(() => readJson(path, 100))).toContain(reason);
  });

  it('is not led astray by brackets and quotes inside strings', async () => {
    const value = { 'a"{': ['\\', '\\"', '}]"[{'], 'b\\': { 'a"{': 1 } };
    expect(await readJson(await files.write('tricky.json', JSON.stringify(value)))).toEqual(value);
  });
});

const hf = sharedFixture('hf');
describe('checkpoints of the shared fixtures', () => {
  it.skipIf(hf === undefined).each([['llama-spm-f32', 1, 21], ['qwen3-sharded', 2, 35], ['gpt2-conv1d', 1, 28]] as const)('%s', async (name, shards, tensors) => {
    const checkpoint = await readCheckpoint(join(hf ?? '', name));
    expect([checkpoint.shards.length, checkpoint.tensors.size]).toEqual([shards, tensors]);
  });
});
