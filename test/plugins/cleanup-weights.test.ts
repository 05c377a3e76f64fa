import { lstatSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { check, copyOf, errors, makeModel, readJson, readTensors, shard, write, writeTensors } from './cleanup-model.js';

describe('pickles', () => {
  test('content decides, not the name', async () => {
    const root = makeModel();
    write(root, 'table.bin', 'plain text');
    write(root, 'other.BIN', Buffer.from('\x80\x02}q\x00.', 'latin1'));
    const report = await copyOf(root);
    expect(report.valid).toBe(true);
    expect(report.removed).toEqual(['other.BIN']);
    expect(report.issues).toMatchObject([{ code: 'PICKLE_FILE', path: 'other.BIN', severity: 'warning' }]);
  });

  test('the only weights of a model are an error, the training state beside them is not', async () => {
    const root = makeModel();
    rmSync(join(root, 'model.safetensors'));
    for (const name of ['pytorch_model.bin', 'optimizer.pt']) write(root, name, Buffer.from('\x80\x02}q\x00.', 'latin1'));
    const report = await check(root);
    expect(errors(report)).toEqual(['PICKLE_FILE pytorch_model.bin']);
  });
});

describe('weights', () => {
  test('a file cut short is told apart from nonsense', async () => {
    const root = makeModel();
    truncateSync(join(root, 'model.safetensors'), 5000);
    write(root, 'extra.safetensors', '\xff\xff\xff\xff\xff\xff\xff\x7fgarbage');
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['TRUNCATED_SAFETENSORS model.safetensors']);
    expect(report.issues).toContainEqual(expect.objectContaining({ code: 'BAD_SAFETENSORS', path: 'extra.safetensors', severity: 'warning' }));
    expect(report.removed).toEqual(['extra.safetensors', 'model.safetensors']);
  });

  test.each([['F32', Buffer.from(new Float32Array([1, NaN]).buffer)], ['F64', Buffer.from(new Float64Array([1, -Infinity]).buffer)], ['F16', Buffer.from(new Uint16Array([0x3c00, 0x7c00]).buffer)], ['BF16', Buffer.from(new Uint16Array([0x3f80, 0xffc0]).buffer)]])('a %s that is not finite', async (dtype, data) => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { sound: { dtype, shape: [1], data: data.subarray(0, data.length / 2) }, 'wrong.one': { dtype, shape: [2], data } });
    const report = await check(root);
    expect(errors(report)).toEqual(['NAN_TENSOR extra.safetensors']);
    expect(report.issues[0]?.message).toContain('wrong.one');
    expect(report.removed).toEqual([]);
  });

  test('a type that nobody here reads is an error, and the file stays', async () => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { a: { dtype: 'F4', shape: [2], data: Buffer.alloc(1) } });
    const report = await check(root);
    expect(errors(report)).toEqual(['UNSUPPORTED_DTYPE extra.safetensors']);
    expect(report.removed).toEqual([]);
  });

  test('a type that is read but not converted is a warning, and its numbers are looked at', async () => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { a: { dtype: 'F8_E4M3', shape: [2], data: Buffer.from([0x7e, 0xff]) } });
    const report = await check(root);
    expect(report.issues.map(({ code, severity }) => [code, severity])).toEqual([['NAN_TENSOR', 'error'], ['UNSUPPORTED_DTYPE', 'warning']]);
  });

  test('a missing tensor, a wrong shape, a layer too many', async () => {
    const root = makeModel();
    const tensors = readTensors(join(root, 'model.safetensors'));
    const { 'model.layers.1.mlp.up_proj.weight': up, 'model.norm.weight': norm, ...rest } = tensors;
    writeTensors(root, 'model.safetensors', { ...rest, 'model.norm.weight': { ...norm!, shape: [8], data: norm!.data.subarray(0, norm!.data.length / 2) } });
    const report = await check(root);
    expect(errors(report).sort()).toEqual(['MISSING_TENSOR model.safetensors', 'SHAPE_MISMATCH model.safetensors']);
    expect(report.issues.find(({ code }) => code === 'SHAPE_MISMATCH')?.message).toContain('model.norm.weight');
    writeTensors(root, 'model.safetensors', { ...tensors, 'model.layers.2.mlp.up_proj.weight': up! });
    expect(errors(await check(root))).toEqual(['SHAPE_MISMATCH config.json']);
  });

  test('a configuration that contradicts the tensors is named, not overwritten', async () => {
    const root = makeModel({ hidden_size: 32, head_dim: 8 });
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['SHAPE_MISMATCH config.json']);
    expect(report.issues[0]?.message).toContain('hidden_size');
    expect(readJson(join(`${root}-out`, 'config.json')).hidden_size).toBe(32);
  });
});

describe('shards', () => {
  test('one inside a garbage folder stays, its neighbours go', async () => {
    const root = makeModel();
    shard(root, (name) => (name.includes('layers.1') ? 'checkpoint-7/part.tmp' : 'model-1.safetensors'));
    write(root, 'checkpoint-7/optimizer.json', '{}');
    write(root, 'checkpoint-7/deep/x.txt', 'x');
    const report = await copyOf(root);
    expect(errors(report)).toEqual([]);
    expect(report.removed).toEqual(['checkpoint-7/deep/', 'checkpoint-7/optimizer.json']);
    expect(readdirSync(join(`${root}-out`, 'checkpoint-7'))).toEqual(['part.tmp']);
  });

  test('an index that names a file outside is refused and the file not read', async () => {
    const root = makeModel();
    const map = shard(root, () => 'model-1.safetensors');
    write(root, '../outside.safetensors', 'nothing');
    for (const name of ['../outside.safetensors', '/etc/hostname', 'a/../../outside.safetensors']) {
      write(root, 'model.safetensors.index.json', { weight_map: { ...map, 'model.norm.weight': name } });
      const report = await check(root);
      expect(errors(report)).toEqual(['MISSING_FILE model.safetensors.index.json']);
      expect(report.issues[0]?.message).toContain(name);
    }
  });

  test('a tensor in two shards', async () => {
    const root = makeModel();
    const norm = readTensors(join(root, 'model.safetensors'))['model.norm.weight'];
    shard(root, (name) => (name.includes('layers') ? 'b.safetensors' : 'a.safetensors'));
    const layers = readTensors(join(root, 'b.safetensors'));
    writeTensors(root, 'b.safetensors', { ...layers, 'model.norm.weight': norm! });
    expect(errors(await check(root))).toEqual(['DUPLICATE_TENSOR b.safetensors']);
  });

  test('a shard above the limit is needed, a file beside it is not', async () => {
    const root = makeModel();
    shard(root, (name) => (name.includes('embed') ? 'a.safetensors' : 'b.safetensors'));
    write(root, 'dump.dat', Buffer.alloc(70_000));
    const limit = lstatSync(join(root, 'a.safetensors')).size;
    expect((await clean(root, { maxFileBytes: limit })).issues).toMatchObject([{ code: 'OVERSIZED_FILE', path: 'dump.dat', severity: 'warning' }]);
    expect(errors(await clean(root, { maxFileBytes: limit - 1 }))).toEqual(['OVERSIZED_FILE a.safetensors']);
  });
});
