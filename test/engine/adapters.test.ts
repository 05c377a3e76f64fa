/** GGUF LoRAs beside a base: each request with its own, on a model whose every word is known. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import type { HeaderEntry } from '../../src/formats/index.js';
import { bytesOf, writeGguf } from '../plan/synthetic.js';
import { LORA_METADATA, writeTurnLora } from '../support/tiny-lora.js';
import { CHAIN_WIDTH, VOCABULARY_SIZE, writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
let base: string;
let model: Model;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  base = await writeChainModel(at('base.gguf'), 'abcdef');
  const adapters = { why: await writeTurnLora(at('why.gguf'), 'a', 'Y'), zed: await writeTurnLora(at('zed.gguf'), 'b', 'Z') };
  model = await engine.load(base, { slots: 3, threads: 1, contextSize: 512, adapters });
});
afterAll(() => engine.dispose());

const say = (adapters?: Record<string, number>, maxTokens = 6): Promise<string> => model.generate('hi', { temperature: 0, maxTokens, ...(adapters && { adapters }) }).text();

describe('requests', () => {
  test('each answers with its own adapters, alone and beside others', async () => {
    const expected = [[undefined, 'abcdef'], [{ why: 1 }, 'aYaYaY'], [{ zed: 1 }, 'abZabZ'], [{ why: 1, zed: 1 }, 'aYaYaY'], [{ why: 0 }, 'abcdef'], [{ zed: 1, why: 0 }, 'abZabZ']] as const;
    for (const [adapters, text] of expected) expect(await say(adapters), JSON.stringify(adapters)).toBe(text);
    const rounds = Array.from({ length: 4 }, () => expected).flat();
    expect(await Promise.all(rounds.map(([adapters]) => say(adapters)))).toEqual(rounds.map(([, text]) => text));
  });

  test('a long one does not keep others waiting for its end', async () => {
    const endless = model.generate('hi', { temperature: 0, maxTokens: 400, adapters: { why: 1 } });
    const order: string[] = [];
    await Promise.all([endless.text().then(() => order.push('long')), say({ zed: 1 }).then(() => order.push('short'))]);
    expect(order).toEqual(['short', 'long']);
    expect(await endless.text()).toBe('aY'.repeat(200));
  });

  test('a scale counts as much as the adapter is applied', async () => {
    expect(await say({ why: -1 })).toBe('abcdef');
    const loss = async (scale: number) => (await model.score('aY', { adapters: { why: scale } })).meanLoss;
    const losses = await Promise.all([0, 0.1, 0.2, 1].map(loss));
    expect(losses.toSorted((a, b) => b - a)).toEqual(losses);
    expect(await loss(0)).toBe((await model.score('aY')).meanLoss);
  });

  test('only what was loaded can be asked for', async () => {
    expect(model.info.adapters).toEqual(['why', 'zed']);
    await expect(say({ other: 1 })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'adapters' } });
    await expect(say({ why: Number.NaN })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'adapters.why' } });
    await expect(model.score('ab', { adapters: ['why'] as never })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  test('another model of the same file has its own adapters', async () => {
    await using plain = await engine.load(base, { slots: 1, contextSize: 64 });
    await using other = await engine.load(base, { slots: 1, contextSize: 64, adapters: { why: at('zed.gguf') } });
    const answer = (one: Model, adapters?: Record<string, number>) => one.generate('hi', { temperature: 0, maxTokens: 3, ...(adapters && { adapters }) }).text();
    expect(await answer(plain)).toBe('abc');
    expect(await answer(other, { why: 1 })).toBe('abZ');
    expect(await say({ why: 1 }, 3)).toBe('aYa');
  });
});

describe('files that llama.cpp would abort on or refuse', () => {
  const zeros = (count: number) => bytesOf(new Float32Array(count), 'f32');
  const load = (path: string, onto = base) => engine.load(onto, { slots: 1, contextSize: 64, adapters: { x: path } });
  const tensor = (name: string, ...ne: number[]) => ({ name, ne, type: 'f32' as const, bytes: zeros(ne.reduce((product, n) => product * n, 1)) });
  const a = (...ne: number[]) => tensor('output.weight.lora_a', ...ne);
  const b = (...ne: number[]) => tensor('output.weight.lora_b', ...ne);
  const fits = [a(CHAIN_WIDTH, 2), b(2, VOCABULARY_SIZE)];
  const changed = (key: string, entry: HeaderEntry | undefined) => [...LORA_METADATA.filter((known) => known.key !== key), ...(entry ? [entry] : [])];

  test.each([
    ['a model', 'TARA_GGUF_INVALID', changed('general.type', undefined), fits],
    ['alpha as text', 'TARA_GGUF_INVALID', changed('adapter.lora.alpha', { key: 'adapter.lora.alpha', type: 'string', value: '1' }), fits],
    ['alpha not finite', 'TARA_GGUF_INVALID', changed('adapter.lora.alpha', { key: 'adapter.lora.alpha', type: 'float32', value: Number.NaN }), fits],
    ['a type that is no text', 'TARA_GGUF_INVALID', changed('adapter.type', { key: 'adapter.type', type: 'uint32', value: 1 }), fits],
    ['an activated LoRA', 'TARA_GGUF_INVALID', [...LORA_METADATA, { key: 'adapter.alora.invocation_tokens', type: 'array', value: { of: 'uint32', items: [1] } }], fits],
    ['no factors', 'TARA_GGUF_INVALID', LORA_METADATA, []],
    ['one factor', 'TARA_GGUF_INVALID', LORA_METADATA, [a(CHAIN_WIDTH, 2)]],
    ['a whole tensor', 'TARA_GGUF_INVALID', LORA_METADATA, [...fits, tensor('output.weight', CHAIN_WIDTH, 2)]],
    ['whole numbers', 'TARA_GGUF_INVALID', LORA_METADATA, [{ ...a(CHAIN_WIDTH, 2), type: 'i32' }, b(2, VOCABULARY_SIZE)]],
    ['another architecture', 'TARA_ADAPTER_MISMATCH', changed('general.architecture', { key: 'general.architecture', type: 'string', value: 'qwen2' }), fits],
    ['a tensor that is not there', 'TARA_ADAPTER_MISMATCH', LORA_METADATA, [tensor('blk.9.attn_q.weight.lora_a', CHAIN_WIDTH, 2), tensor('blk.9.attn_q.weight.lora_b', 2, CHAIN_WIDTH)]],
    ['the wrong width', 'TARA_ADAPTER_MISMATCH', LORA_METADATA, [a(CHAIN_WIDTH + 32, 2), b(2, VOCABULARY_SIZE)]],
    ['two ranks', 'TARA_ADAPTER_MISMATCH', LORA_METADATA, [a(CHAIN_WIDTH, 2), b(3, VOCABULARY_SIZE)]],
    ['a stack', 'TARA_ADAPTER_MISMATCH', LORA_METADATA, [a(CHAIN_WIDTH, 2, 2), b(2, VOCABULARY_SIZE, 2)]],
    ['two ranks of an embedding', 'TARA_ADAPTER_MISMATCH', LORA_METADATA, [tensor('token_embd.weight.lora_a', 2, VOCABULARY_SIZE), tensor('token_embd.weight.lora_b', 3, CHAIN_WIDTH)]],
  ] as const)('%s: %s', async (name, code, metadata, tensors) => {
    const path = await writeGguf(at(`bad-${name.replaceAll(' ', '-')}.gguf`), metadata, tensors);
    await expect(load(path)).rejects.toMatchObject({ code, fields: { path } });
  });

  test('the embedding of a model whose head is tied to it', async () => {
    const tied = await writeTinyModel(at('tied.gguf'), { tied: true });
    const path = await writeGguf(at('embedding.gguf'), LORA_METADATA, [tensor('token_embd.weight.lora_a', 2, VOCABULARY_SIZE), tensor('token_embd.weight.lora_b', 2, 64)]);
    await expect(load(path, tied)).rejects.toMatchObject({ code: 'TARA_ADAPTER_MISMATCH' });
    const untied = await writeTinyModel(at('untied.gguf'));
    await using loaded = await load(path, untied);
    expect((await loaded.score('some text', { adapters: { x: 1 } })).meanLoss).toBeCloseTo((await loaded.score('some text')).meanLoss, 5);
  });

  test('no file, and no adapter of a model', async () => {
    await expect(load(at('none.gguf'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await expect(engine.load(base, { adapters: { x: 1 } as never })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'adapters.x' } });
    await expect(engine.load(at('why.gguf'))).rejects.toMatchObject({ code: 'TARA_GGUF_INVALID' });
  });
});
