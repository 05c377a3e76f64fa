/** Plans of tiny checkpoints: names, types, row orders, keys, and each fault by its code. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert, type ConvertInput } from '../../src/convert/plan-convert.js';
import { llama3RopeFactors } from '../../src/convert/architectures/common.js';
import { modelConfig } from '../../src/convert/checkpoint/config.js';
import { convertedType } from '../../src/convert/types.js';
import { planSchema, type PlanWithBlobs } from '../../src/plan/schema.js';
import { runReference } from './executor.js';
import { manifestKv } from './manifest.js';
import { temporaryFolder, tinyCheckpoint, tinyTensors, tinyTokenizer, TINY_CONFIG, writeJson, type TinyOptions } from './tiny.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const checkpoint = (options?: TinyOptions): string => tinyCheckpoint(folder, `tiny-${++count}`, options);
const plan = (base: string, types: string[] = ['f16'], more: Partial<ConvertInput> = {}): Promise<PlanWithBlobs> =>
  planConvert({ base, adapters: [], outputs: types.map((type) => ({ id: type, path: null, type })), preTokenizer: 'gpt-2', ...more });
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'no error', (error: { code: string }) => error.code);

describe('a tiny Llama checkpoint', () => {
  it('keeps the order, names every tensor and leaves vectors in f32', async () => {
    const planned = await plan(checkpoint(), ['f16', 'auto', 'f32']);
    expect(planSchema.parse(planned.plan)).toEqual(planned.plan);
    const layer = (n: number) => ['attn_norm', 'ffn_down', 'ffn_gate', 'ffn_up', 'ffn_norm', 'attn_k', 'attn_output', 'attn_q', 'attn_v'].map((part) => `blk.${n}.${part}.weight`);
    expect(planned.plan.tensors.map(({ name }) => name)).toEqual(['token_embd.weight', ...layer(0), ...layer(1), 'output_norm.weight']);
    const types = (out: string) => new Set(planned.plan.tensors.filter(({ ne }) => ne.length > 1).map(({ to }) => to.find((t) => t.out === out)?.type));
    expect([...types('f16'), ...types('auto'), ...types('f32')]).toEqual(['f16', 'bf16', 'f32']);
    expect(planned.plan.tensors.filter(({ ne }) => ne.length === 1).flatMap(({ to }) => to.map(({ type }) => type))).toEqual(new Array(15).fill('f32'));
  });

  it('interleaves the two halves of each head of q and k', async () => {
    const tensors = await runReference((await plan(checkpoint(), ['f32'])).plan, 'f32');
    const source = tinyTensors()['model.layers.0.self_attn.k_proj.weight']?.values ?? new Float32Array();
    const got = new Float32Array(tensors.find(({ name }) => name === 'blk.0.attn_k.weight')?.bytes.slice().buffer ?? new ArrayBuffer(0));
    const expected = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15].flatMap((row) => [row]);
    const rows = [...expected, ...expected.map((row) => row + 16)];
    expect(got).toEqual(Float32Array.from(rows.flatMap((row) => [...source.subarray(row * 64, row * 64 + 64)])));
  });

  it('writes the keys of model and tokenizer', async () => {
    const kv = manifestKv(await plan(checkpoint(), ['q8_0'], { name: 'Named' }), 'q8_0');
    expect(Object.fromEntries(Object.entries(kv).map(([key, { value }]) => [key, value]))).toMatchObject({
      'general.architecture': 'llama',
      'general.name': 'Named',
      'general.file_type': 7,
      'llama.block_count': 2,
      'llama.context_length': 128,
      'llama.embedding_length': 64,
      'llama.feed_forward_length': 96,
      'llama.attention.head_count': 4,
      'llama.attention.head_count_kv': 2,
      'llama.rope.freq_base': 50000,
      'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
      'llama.attention.key_length': 16,
      'llama.vocab_size': 320,
      'llama.rope.dimension_count': 16,
      'general.quantization_version': 2,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.merges': ['t h', 'th e', 'Ġ the', 'Ġ a'],
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.padding_token_id': 2,
      'tokenizer.ggml.tokens': { len: 320, head: ['<|endoftext|>', '<|im_start|>', '<|im_end|>', 'Ā'] },
      'tokenizer.ggml.token_type': { len: 320, head: [3, 3, 3, 1] },
    });
  });

  it('reads configurations of transformers 4 and 5 alike, and fills in what they leave out', async () => {
    const newer = ['rope_parameters', 'dtype', 'head_dim'];
    const rest = Object.fromEntries(Object.entries(TINY_CONFIG).filter(([key]) => !newer.includes(key)));
    const older = checkpoint();
    writeJson(older, 'config.json', { ...rest, torch_dtype: 'bfloat16', rope_theta: 50000, rope_scaling: null });
    const [a, b] = await Promise.all([plan(checkpoint(), ['f16'], { name: 'x' }), plan(older, ['f16'], { name: 'x' })]);
    expect(manifestKv(b, 'f16')).toEqual(manifestKv(a, 'f16'));
  });

  it('writes linear and yarn scaling', async () => {
    const linear = manifestKv(await plan(checkpoint({ config: { rope_parameters: null, rope_theta: 10000, rope_scaling: { type: 'linear', factor: 4 } } })), 'f16');
    expect([linear['llama.rope.scaling.type']?.value, linear['llama.rope.scaling.factor']?.value]).toEqual(['linear', 4]);
    const yarn = manifestKv(await plan(checkpoint({ config: { rope_parameters: { rope_type: 'yarn', rope_theta: 10000, factor: 2, beta_fast: 32 } } })), 'f16');
    expect([yarn['llama.rope.scaling.type']?.value, yarn['llama.rope.scaling.original_context_length']?.value, yarn['llama.rope.scaling.yarn_beta_fast']?.value]).toEqual(['yarn', 128, 32]);
  });

  it('puts the frequencies of Llama 3 scaling in front', async () => {
    const rope = { rope_type: 'llama3', rope_theta: 500000, factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
    const { plan: planned } = await plan(checkpoint({ config: { rope_parameters: rope } }), ['q8_0']);
    expect(planned.tensors[0]).toMatchObject({ name: 'rope_freqs.weight', ne: [8], to: [{ out: 'q8_0', type: 'f32' }] });
  });

  it('permutes biases of q and k with the rows', async () => {
    const tensors = tinyTensors();
    for (const layer of [0, 1]) tensors[`model.layers.${layer}.self_attn.q_proj.bias`] = { shape: [64], values: Float32Array.from({ length: 64 }, (_, i) => i) };
    const { plan: planned } = await plan(checkpoint({ tensors, dtype: 'F32' }));
    const steps = planned.tensors.find(({ name }) => name === 'blk.1.attn_q.bias')?.steps;
    expect(steps?.[1]).toEqual({ op: 'cols', take: { table: 'rope-64-4' } });
    expect(planned.tables['rope-64-4']?.slice(0, 8)).toEqual([0, 1, 8, 1, 1, 1, 9, 1]);
  });

  it('keeps a head that is stored and appends further keys', async () => {
    const base = checkpoint({ tensors: tinyTensors(true), config: { tie_word_embeddings: false } });
    const planned = await plan(base, ['f16'], { metadata: [{ key: 'tara.phase', type: 'uint32', value: 1 }] });
    expect(planned.plan.tensors.map(({ name }) => name)).toContain('output.weight');
    expect(planned.plan.metadata.at(-1)).toEqual({ key: 'tara.phase', type: 'uint32', value: 1 });
  });
});

describe('types', () => {
  it('falls back to f16 where a row does not fill blocks of Q8_0', () => {
    expect(convertedType('blk.0.ffn_up.weight', [48, 8], 'q8_0')).toBe('f16');
    expect(convertedType('blk.0.ffn_up.weight', [64, 8], 'q8_0')).toBe('q8_0');
    expect(convertedType('blk.0.attn_q_norm.weight', [64, 2], 'bf16')).toBe('f32');
    expect(convertedType('blk.0.attn_q.bias', [64, 2], 'f16')).toBe('f32');
  });

  it('blends the frequencies of Llama 3.1 between 1 and the factor', () => {
    const config = modelConfig('config.json', { rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }, rope_theta: 500000 }, () => ({}));
    const factors = llama3RopeFactors(config, 128);
    expect(factors).toHaveLength(64);
    expect([factors[0], factors[63]]).toEqual([1, 8]);
    factors.forEach((factor, i) => {
      const wavelength = 2 * Math.PI * 500000 ** (i / 64);
      const smooth = (8192 / wavelength - 1) / 3;
      const exact = wavelength < 2048 ? 1 : wavelength > 8192 ? 8 : 1 / ((1 - smooth) / 8 + smooth);
      expect(Math.abs(factor / exact - 1)).toBeLessThan(1e-5);
    });
  });
});

describe('faults of a checkpoint', () => {
  it.each<[string, TinyOptions, string]>([
    ['an unknown architecture', { config: { architectures: ['NovelForCausalLM'] } }, 'TARA_ARCHITECTURE_UNKNOWN'],
    ['no architecture', { config: { architectures: [] } }, 'TARA_ARCHITECTURE_UNKNOWN'],
    ['a missing head', { config: { tie_word_embeddings: false } }, 'TARA_TENSOR_MISSING'],
    ['more layers than the configuration says', { config: { num_hidden_layers: 1 } }, 'TARA_TENSOR_UNKNOWN'],
    ['fewer layers than the configuration says', { config: { num_hidden_layers: 3 } }, 'TARA_TENSOR_MISSING'],
    ['another width', { config: { hidden_size: 128 } }, 'TARA_TENSOR_SHAPE'],
    ['other heads', { config: { num_key_value_heads: 4 } }, 'TARA_TENSOR_SHAPE'],
    ['a vocabulary that is not the embedding\'s', { config: { vocab_size: 512 } }, 'TARA_TENSOR_SHAPE'],
    ['600 layers', { config: { num_hidden_layers: 600 } }, 'TARA_CONFIG_INVALID'],
    ['a width that is no number', { config: { hidden_size: '64' } }, 'TARA_CONFIG_INVALID'],
    ['a width of zero', { config: { hidden_size: 0 } }, 'TARA_CONFIG_INVALID'],
    ['quantized weights', { config: { quantization_config: { quant_method: 'gptq' } } }, 'TARA_CHECKPOINT_QUANTIZED'],
    ['an odd head size', { config: { num_attention_heads: 64, num_key_value_heads: 32, head_dim: 1 } }, 'TARA_CONFIG_INVALID'],
  ])('%s', async (_, options, expected) => {
    expect(await code(plan(checkpoint(options)))).toBe(expected);
  });

  it('a tokenizer that is missing, malformed, too long or unknown', async () => {
    const missing = checkpoint();
    rmSync(join(missing, 'tokenizer.json'));
    expect(await code(plan(missing))).toBe('TARA_TOKENIZER_MISSING');
    const malformed = checkpoint();
    writeFileSync(join(malformed, 'tokenizer.json'), '{"model":');
    expect(await code(plan(malformed))).toBe('TARA_TOKENIZER_INVALID');
    const tokenizer = tinyTokenizer();
    expect(await code(plan(checkpoint({ tokenizer: { ...tokenizer, model: { type: 'BPE', vocab: { a: 320 }, merges: [] } } })))).toBe('TARA_TOKENIZER_INVALID');
    expect(await code(plan(checkpoint({ tokenizer: { ...tokenizer, model: { type: 'BPE', vocab: { a: -1 }, merges: [] } } })))).toBe('TARA_TOKENIZER_INVALID');
    expect(await code(plan(checkpoint({ tokenizer: { ...tokenizer, model: { type: 'Unigram', vocab: {} } } })))).toBe('TARA_TOKENIZER_INVALID');
    expect(await code(plan(checkpoint(), ['f16'], { preTokenizer: undefined }))).toBe('TARA_PRETOKENIZER_UNKNOWN');
  });

  it('outputs that collide, and no base', async () => {
    const base = checkpoint();
    expect(await code(planConvert({ base, adapters: [], outputs: [] }))).toBe('TARA_OPTION_INVALID');
    expect(await code(planConvert({ base, adapters: [], outputs: [{ id: 'a', path: 'x.gguf', type: 'f16' }, { id: 'b', path: './x.gguf', type: 'f32' }] }))).toBe('TARA_OPTION_INVALID');
    expect(await code(planConvert({ base: join(folder, 'nowhere'), adapters: [], outputs: [{ id: 'a', path: null, type: 'f16' }] }))).toBe('TARA_FILE_NOT_FOUND');
  });
});
