/** GGUF LoRAs: as llama.cpp's converter writes them, and as llama.cpp applies them: base and LoRA against the merged model. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { convertLora } from '../../src/convert/index.js';
import { planLora, type LoraInput } from '../../src/convert/adapters/lora.js';
import { planConvert } from '../../src/convert/plan-convert.js';
import { createEngine } from '../../src/engine/index.js';
import { addonPaths } from '../../src/engine/loader.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { createPool } from '../../src/workers/index.js';
import { runReference } from './executor.js';
import { ggufValues } from './hf-tensors.js';
import { manifestKv, type Manifest } from './manifest.js';
import { temporaryFolder, TINY_CONFIG, tinyAdapter, tinyTokenizer, writeJson } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/lora: tests with llama.cpp are skipped, the addon is not built');
const SHARED = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(SHARED, 'reference'));
if (!present) console.log('test/convert/lora: the shared fixtures are not beside the repository; their tests are skipped');
const CASES = fileURLToPath(new URL('../fixtures/adapters/', import.meta.url));

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const tiny = (name: string): string => join(SHARED, 'adapters-tiny', name);
const LLAMA = join(SHARED, 'hf/llama-spm-f32');

/** A base by its configuration: all that a GGUF LoRA needs of it. */
function configOnly(name: string, config: Record<string, unknown> = {}): string {
  const dir = join(folder, name);
  mkdirSync(dir, { recursive: true });
  writeJson(dir, 'config.json', { ...TINY_CONFIG, tie_word_embeddings: false, ...config });
  return dir;
}

describe.skipIf(!present)('the reference', () => {
  it.each(['plain-r4', 'rslora-r4'])('%s: every tensor to the byte, every key', async (name) => {
    const expected = JSON.parse(readFileSync(join(SHARED, 'reference', `lora-${name}.gguf.json`), 'utf8')) as Manifest;
    for (const base of built ? [LLAMA, await baseGguf(LLAMA)] : [LLAMA]) {
      const planned = await planLora({ adapter: tiny(name), base, output: null });
      const { 'general.name': named, 'tara.lora.scale': scale, ...kv } = manifestKv(planned, 'lora');
      expect(named?.value).toBe(name === 'plain-r4' ? 'Plain R4' : 'Rslora R4');
      expect(scale?.value).toBe(name === 'plain-r4' ? undefined : 2);
      expect(kv).toEqual(expected.kv);
      const tensors = (await runReference(planned.plan, 'lora')).map((t) => ({ name: t.name, ne: t.ne, type: t.type.toUpperCase(), bytes: t.bytes.length, sha256: t.sha256 }));
      const byName = <T extends { name: string }>(list: readonly T[]): T[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(byName(tensors)).toEqual(byName(expected.tensors));
    }
  });
});

describe('scales', () => {
  const MODULES: Record<string, [number, number]> = { 'model.layers.0.self_attn.q_proj': [64, 64], 'model.layers.1.mlp.down_proj': [64, 96] };
  const base = configOnly('scales');
  const planned = async (config: Record<string, unknown>, scaling?: LoraInput['scaling']): Promise<{ alpha: unknown; scale: number; factors: number[] }> => {
    const adapter = tinyAdapter(folder, `scaled-${JSON.stringify(config).length}-${scaling}`, MODULES);
    writeJson(adapter, 'adapter_config.json', { peft_type: 'LORA', r: 2, lora_alpha: 6, target_modules: ['q_proj'], ...config });
    const { plan, scale } = await planLora({ adapter, base, output: null, scaling });
    const factors = plan.tensors.filter(({ name }) => name.endsWith('lora_b')).map(({ steps }) => steps.reduce((product, step) => (step.op === 'affine' ? product * step.scale : product), 1));
    return { alpha: plan.metadata.find(({ key }) => key === 'adapter.lora.alpha')?.value, scale, factors };
  };

  it('are llama.cpp\'s alpha / rank for a plain adapter', async () => {
    expect(await planned({})).toEqual({ alpha: 6, scale: 1, factors: [1, 1] });
    expect(await planned({}, 'exact')).toEqual({ alpha: 6, scale: 1, factors: [1, 1] });
  });

  it('of an rsLoRA stand in the scale to load with, or in alpha', async () => {
    expect(await planned({ use_rslora: true })).toEqual({ alpha: 6, scale: Math.SQRT2, factors: [1, 1] });
    expect(await planned({ use_rslora: true }, 'exact')).toEqual({ alpha: 6 * Math.SQRT2, scale: 1, factors: [1, 1] });
  });

  it('of a pattern go into B, where llama.cpp has one alpha for all', async () => {
    expect(await planned({ alpha_pattern: { q_proj: 12 } })).toEqual({ alpha: 6, scale: 1, factors: [2, 1] });
    expect(await planned({ alpha_pattern: { q_proj: 12, down_proj: 12 } }, 'exact')).toEqual({ alpha: 12, scale: 1, factors: [1, 1] });
    expect(await planned({ lora_alpha: 0 })).toEqual({ alpha: 1, scale: 1, factors: [0, 0] });
  });
});

describe('what the form cannot hold', () => {
  const refusal = (input: Omit<LoraInput, 'output'>): Promise<{ code: string; message: string }> =>
    planLora({ ...input, output: null }).then(() => ({ code: 'none', message: '' }), (thrown: { code: string; message: string }) => ({ code: thrown.code, message: thrown.message }));
  const SMALL = { hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, vocab_size: 272, head_dim: 8 };

  it.each([
    ['saved-dora', {}, 'DoRA scales the merged rows'], ['tied-head-saved', { tie_word_embeddings: true }, 'it trained lm_head.weight as a whole'],
    ['tied-embedding', { tie_word_embeddings: true }, 'it adapts model.embed_tokens, and the base\'s head is its embedding'],
    ['bias-all', { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' }, 'as a whole'],
  ])('%s', async (name, config, reason) => {
    const refused = await refusal({ adapter: join(CASES, name, 'adapter'), base: configOnly(name, { ...SMALL, ...config }) });
    expect(refused.code).toBe('TARA_LORA_UNSUPPORTED');
    expect(refused.message).toContain(reason);
  });

  it('another base, a type that is none, an output that is an input', async () => {
    const adapter = tinyAdapter(folder, 'wide', { 'model.layers.0.self_attn.q_proj': [64, 128] });
    const base = configOnly('other');
    expect(await refusal({ adapter, base })).toMatchObject({ code: 'TARA_ADAPTER_MISMATCH', message: expect.stringContaining('is [64, 64] in the base, its factors are [64, 2] x [2, 128]') });
    expect((await refusal({ adapter, base, type: 'Q4_K_M' })).code).toBe('TARA_TYPE_UNKNOWN');
    expect((await refusal({ adapter, base: join(folder, 'absent') })).code).toBe('TARA_FILE_NOT_FOUND');
    const fits = tinyAdapter(folder, 'fits', { 'model.layers.0.self_attn.q_proj': [64, 64] });
    await expect(planLora({ adapter: fits, base, output: join(fits, 'adapter_model.safetensors') })).rejects.toMatchObject({ code: 'TARA_OUTPUT_IS_INPUT' });
  });
});

async function write(name: string, planned: Awaited<ReturnType<typeof planConvert>>): Promise<string> {
  await runPlan(await lower(planned));
  return join(folder, name);
}

async function baseGguf(base: string, adapters: { dir: string; weight: number }[] = []): Promise<string> {
  const name = `base-${createHash('sha256').update(base + JSON.stringify(adapters)).digest('hex').slice(0, 12)}.gguf`;
  if (existsSync(join(folder, name))) return join(folder, name);
  const preTokenizer = base.startsWith(folder) ? { preTokenizer: 'gpt-2' } : {};
  const type = base.endsWith('.gguf') ? 'auto' : 'f32';
  return write(name, await planConvert({ base, adapters, outputs: [{ id: 'out', path: join(folder, name), type }], ...preTokenizer }));
}

/** The largest difference of the log probabilities of `tokens` between base with LoRA and the merged model, and the LoRA's own effect. */
async function compare(base: string, adapter: string, tokens: Int32Array, contextSize = 128): Promise<{ difference: number; effect: number }> {
  const lora = join(folder, 'applied.gguf');
  const { scale, ...planned } = await planLora({ adapter, base, output: lora });
  await runPlan(await lower(planned));
  const plain = await baseGguf(base);
  await using engine = createEngine();
  const beside = await engine.load(plain, { adapters: { lora }, contextSize, slots: 1 });
  const merged = await engine.load(await baseGguf(base, [{ dir: adapter, weight: 1 }]), { contextSize, slots: 1 });
  const [applied, alone, expected] = [await beside.score(tokens, { adapters: { lora: scale } }), await beside.score(tokens), await merged.score(tokens)];
  const largest = (a: Float32Array, b: Float32Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
  return { difference: largest(applied.logProbabilities, expected.logProbabilities), effect: largest(alone.logProbabilities, expected.logProbabilities) };
}

describe.skipIf(!built)('convertLora', () => {
  it('plans in the pool and writes what was planned', async () => {
    const adapter = tinyAdapter(folder, 'pooled', { 'model.layers.0.self_attn.q_proj': [64, 64] });
    const base = configOnly('pooled-base');
    const path = join(folder, 'pooled.gguf');
    const pool = createPool({ threads: 1 });
    try {
      const report = await convertLora({ adapter, base, output: path, type: 'f16' }, { pool });
      expect(report).toMatchObject({ scale: 1, files: [{ path, types: { f16: 2 } }] });
      expect(statSync(path).size).toBe(report.files[0]?.bytes);
      await expect(convertLora({ adapter, base: join(folder, 'nowhere'), output: path }, { pool })).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    } finally {
      await pool.close();
    }
  });
});

/** Float32 models computed in another order of additions: log probabilities agree to this. */
const TOLERANCE = 2e-3;
const TOKENS = Int32Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % 250);

describe.skipIf(!built || !present)('llama.cpp with base and LoRA answers as the merged model', () => {
  it.each([['plain-r4', LLAMA], ['rslora-r4', LLAMA], ['patterns', LLAMA], ['gpt2-r4', join(SHARED, 'hf/gpt2-conv1d')]])('%s', async (name, base) => {
    const { difference, effect } = await compare(base, tiny(name), TOKENS);
    expect(difference).toBeLessThan(TOLERANCE);
    expect(effect).toBeGreaterThan(10 * TOLERANCE);
  });
});

describe.skipIf(!built)('an untied embedding and head', () => {
  it('are applied as merged', async () => {
    const name = 'untied-embedding-head';
    const base = join(folder, 'untied');
    cpSync(join(CASES, name, 'base'), base, { recursive: true });
    writeJson(base, 'tokenizer.json', tinyTokenizer());
    writeJson(base, 'tokenizer_config.json', { bos_token: '<|im_start|>', eos_token: '<|im_end|>' });
    const { difference, effect } = await compare(base, join(CASES, name, 'adapter'), TOKENS.subarray(0, 24), 32);
    expect(difference).toBeLessThan(TOLERANCE);
    expect(effect).toBeGreaterThan(10 * TOLERANCE);
    expect([...(await ggufValues(join(folder, 'applied.gguf'))).keys()].sort()).toEqual(['output.weight.lora_a', 'output.weight.lora_b', 'token_embd.weight.lora_a', 'token_embd.weight.lora_b']);
  });
});

const SMOLLM = process.env['TARA_BENCH_BASE'] ?? '';
const HEALTHCARE = join(SHARED, 'adapters/healthcare');
const real = built && existsSync(join(SMOLLM, 'config.json')) && existsSync(HEALTHCARE);
if (!real) console.log('test/convert/lora: SmolLM2 with the healthcare adapter is skipped; TARA_BENCH_BASE must name the base that the shared adapters belong to');

describe.skipIf(!real)('SmolLM2 with an adapter of real training', () => {
  it('healthcare', async () => {
    const { difference, effect } = await compare(SMOLLM, HEALTHCARE, TOKENS);
    expect(difference).toBeLessThan(0.02);
    expect(effect).toBeGreaterThan(0.2);
  }, 120_000);
});
