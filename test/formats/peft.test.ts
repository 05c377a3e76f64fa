import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readAdapter } from '../../src/formats/index.js';
import { PatternTooComplex, patternLookup } from '../../src/formats/peft/pattern.js';
import { codeOf, floats, messageOf, safetensors, scratch, sharedFixture } from './helpers.js';

const files = scratch();
const Q = 'model.layers.0.self_attn.q_proj';
const PAIR = { [`base_model.model.${Q}.lora_A.weight`]: [4, 16], [`base_model.model.${Q}.lora_B.weight`]: [8, 4] };
const CONFIG = { peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['q_proj'], base_model_name_or_path: 'base' };
let folders = 0;

async function adapter(config: unknown, weights: Uint8Array | null = floats(PAIR)): Promise<string> {
  const dir = files.path(`adapter-${folders++}`);
  await mkdir(dir);
  await writeFile(join(dir, 'adapter_config.json'), JSON.stringify(config));
  if (weights !== null) await writeFile(join(dir, 'adapter_model.safetensors'), weights);
  return dir;
}

const first = async (config: unknown, weights?: Uint8Array) => {
  const { modules } = await readAdapter(await adapter(config, weights));
  const [entry] = modules;
  return [entry?.[0], entry?.[1].rank, entry?.[1].scale];
};

describe('readAdapter', () => {
  it('reads factors, rank and scale', async () => {
    expect(await first(CONFIG)).toEqual([Q, 4, 2]);
    expect(await first({ ...CONFIG, use_rslora: true })).toEqual([Q, 4, 4]);
    expect(await first({ ...CONFIG, r: 16, rank_pattern: { q_proj: 4 }, alpha_pattern: { 'self_attn.q_proj': 32 } })).toEqual([Q, 4, 8]);
    const named = Object.fromEntries(Object.entries(PAIR).map(([name, shape]) => [name.replace(/lora_([AB])/, 'lora_$1.default'), shape]));
    expect(await first(CONFIG, floats(named))).toEqual([Q, 4, 2]);
  });

  it("reads the old trainer's form and takes the rank from the tensors", async () => {
    const old = { domain: 'd', base_model: 'base', lora_r: 64, lora_alpha: 8, target_modules: ['q_proj'], created_at: '2025-06-22T10:11:12' };
    expect(await first(old)).toEqual([Q, 4, 2]);
    expect((await readAdapter(await adapter(old))).config).toMatchObject({ baseModel: 'base', targetModules: ['q_proj'], useRslora: false });
  });

  it.each([
    ['kasa_config', { kasa_config: { beta: 1 } }], ['lora_bias', { lora_bias: true }], ['alora_invocation_tokens', { alora_invocation_tokens: [1] }], ['init_lora_weights pissa', { init_lora_weights: 'pissa' }],
    ['peft_type IA3', { peft_type: 'IA3' }], ['target_parameters', { target_parameters: ['x'] }], ['rank_pattern', { rank_pattern: { 'q(?=x)': 4 } }],
  ])('refuses %s by name', async (field, change) => {
    const dir = await adapter({ ...CONFIG, ...change });
    expect(await codeOf(() => readAdapter(dir))).toBe('TARA_ADAPTER_UNSUPPORTED');
    expect(await messageOf(() => readAdapter(dir))).toContain(`uses ${field}`);
  });

  it('reads DoRA, embeddings and tensors trained as a whole, in every spelling', async () => {
    const dora = { ...CONFIG, use_dora: true };
    for (const spelling of ['lora_magnitude_vector', 'lora_magnitude_vector.weight', 'lora_magnitude_vector.default', 'lora_magnitude_vector.default.weight']) {
      for (const shape of [[8], [1, 8], [8, 1]]) {
        const { modules } = await readAdapter(await adapter(dora, floats({ ...PAIR, [`base_model.model.${Q}.${spelling}`]: shape })));
        expect(modules.get(Q)?.magnitude?.shape).toEqual(shape);
      }
    }
    for (const spelling of ['lora_embedding_#', 'lora_embedding_#.default']) {
      const [a, b] = ['A', 'B'].map((side) => `base_model.model.model.embed_tokens.${spelling.replace('#', side)}`);
      const { modules } = await readAdapter(await adapter(CONFIG, floats({ [a ?? '']: [4, 100], [b ?? '']: [16, 4] })));
      expect(modules.get('model.embed_tokens')).toMatchObject({ embedding: true, rank: 4, scale: 2, magnitude: null });
    }
    for (const [stored, name] of [
      ['lm_head.weight', 'lm_head.weight'], ['lm_head.modules_to_save.weight', 'lm_head.weight'], ['lm_head.modules_to_save.default.weight', 'lm_head.weight'],
      ['model.layers.0.mlp.modules_to_save.default.up_proj.weight', 'model.layers.0.mlp.up_proj.weight'], [`${Q}.bias`, `${Q}.bias`], [`${Q}.base_layer.bias`, `${Q}.bias`],
    ]) {
      const { saved } = await readAdapter(await adapter(CONFIG, floats({ ...PAIR, [`base_model.model.${stored}`]: [8], 'base_model.model.lm_head.original_module.weight': [8], 'base_model.model.model.embed_tokens.base_layer.weight': [8] })));
      expect([...saved.keys()], stored).toEqual([name]);
    }
  });

  it.each([
    ['trainable_token_indices', 'model.embed_tokens.token_adapter.trainable_tokens_delta'], ['lora_bias', `${Q}.lora_B.bias`], ['lora_bias', `${Q}.lora_B.default.bias`],
    [`tensor ${Q}.lora_diag`, `${Q}.lora_diag`], [`tensor ${Q}.lora_A.bias`, `${Q}.lora_A.bias`],
  ])('refuses %s by tensor %s', async (field, tensor) => {
    const dir = await adapter(CONFIG, floats({ ...PAIR, [`base_model.model.${tensor}`]: [4] }));
    expect(await codeOf(() => readAdapter(dir))).toBe('TARA_ADAPTER_UNSUPPORTED');
    expect(await messageOf(() => readAdapter(dir))).toContain(`uses ${field},`);
  });

  const M = `base_model.model.${Q}.lora_magnitude_vector`;
  it.each([
    ['magnitudes without use_dora', CONFIG, { ...PAIR, [M]: [8] }, 'TARA_ADAPTER_INVALID', 'use_dora is false'], ['use_dora without magnitudes', { ...CONFIG, use_dora: true }, PAIR, 'TARA_ADAPTER_INVALID', 'has no lora_magnitude_vector'],
    ['magnitudes of another length', { ...CONFIG, use_dora: true }, { ...PAIR, [M]: [16] }, 'TARA_ADAPTER_INVALID', 'is [16] for 8 rows'], ['magnitudes of two dimensions', { ...CONFIG, use_dora: true }, { ...PAIR, [M]: [2, 4] }, 'TARA_ADAPTER_INVALID', 'is [2, 4] for 8 rows'],
    ['magnitudes alone', { ...CONFIG, use_dora: true }, { [M]: [8] }, 'TARA_ADAPTER_INVALID', 'no lora_A'], ['a whole tensor alone', CONFIG, { 'lm_head.weight': [8, 8] }, 'TARA_ADAPTER_INVALID', 'no LoRA tensors'],
    ['a whole tensor twice', CONFIG, { ...PAIR, 'lm_head.weight': [8], 'base_model.model.lm_head.weight': [8] }, 'TARA_ADAPTER_INVALID', 'two tensors for lm_head.weight'],
    ['factors of two kinds', CONFIG, { ...PAIR, [`base_model.model.${Q}.lora_embedding_A`]: [4, 16] }, 'TARA_ADAPTER_INVALID', 'two lora_A'], ['mixed factors', CONFIG, { [`${Q}.lora_A.weight`]: [4, 16], [`${Q}.lora_embedding_B`]: [8, 4] }, 'TARA_ADAPTER_INVALID', 'of a linear layer and of an embedding'],
    ['an embedding with magnitudes', { ...CONFIG, use_dora: true }, { 'e.lora_embedding_A': [4, 16], 'e.lora_embedding_B': [8, 4], 'e.lora_magnitude_vector': [8] }, 'TARA_ADAPTER_UNSUPPORTED', 'use_dora on an embedding'],
  ])('refuses %s', async (_, config, shapes, code, reason) => {
    const dir = await adapter(config, floats(shapes));
    expect(await codeOf(() => readAdapter(dir))).toBe(code);
    expect(await messageOf(() => readAdapter(dir))).toContain(reason);
  });

  const [A, B] = [`base_model.model.${Q}.lora_A.weight`, `base_model.model.${Q}.lora_B.weight`];
  it.each([
    ['no B', { [A]: [4, 16] }, 'no lora_B'], ['no A', { [B]: [8, 4] }, 'no lora_A'], ['ranks that differ', { [A]: [4, 16], [B]: [8, 2] }, 'their ranks differ'],
    ['another rank than configured', { [A]: [2, 16], [B]: [8, 2] }, 'has rank 2'], ['no tensors', {}, 'no LoRA tensors'],
    ['a module twice', { ...PAIR, [`base_model.model.${Q}.lora_A.default.weight`]: [4, 16] }, 'two lora_A'], ['an empty factor', { [A]: [0, 16], [B]: [8, 0] }, 'is empty'],
  ])('refuses %s', async (_, shapes, reason) => {
    const dir = await adapter(CONFIG, floats(shapes));
    expect(await codeOf(() => readAdapter(dir))).toBe('TARA_ADAPTER_INVALID');
    expect(await messageOf(() => readAdapter(dir))).toContain(reason);
  });

  it('refuses factors of integers', async () => {
    const header = { [A]: { dtype: 'I8', shape: [4, 16], data_offsets: [0, 64] }, [B]: { dtype: 'I8', shape: [8, 4], data_offsets: [64, 96] } };
    expect(await messageOf(async () => readAdapter(await adapter(CONFIG, safetensors(header, 96))))).toContain('no floating-point type');
  });

  it.each([{ ...CONFIG, r: 0 }, { ...CONFIG, r: '4' }, { ...CONFIG, lora_alpha: 'x' }, { ...CONFIG, peft_type: 'NONE' }, {}, [], { ...CONFIG, rank_pattern: { a: 0 } }, { ...CONFIG, bias: 'some' }, { lora_r: 4 }])(
    'refuses the configuration %j', async (config) => {
      expect(await codeOf(async () => readAdapter(await adapter(config)))).toBe('TARA_CONFIG_INVALID');
    });

  it('never opens a pickle', async () => {
    const dir = await adapter(CONFIG, null);
    await writeFile(join(dir, 'adapter_model.bin'), 'pickle');
    expect(await messageOf(() => readAdapter(dir))).toContain('pickle (adapter_model.bin), which is never opened');
  });
});

describe('hostile adapters', () => {
  const MALFORMED = fileURLToPath(new URL('../fixtures/malformed/', import.meta.url));
  const broken = readdirSync(MALFORMED).filter((name) => name.startsWith('s-'));

  it.each(broken)('refuses %s as weights', async (name) => {
    const dir = await adapter(CONFIG, readFileSync(join(MALFORMED, name)));
    expect(['TARA_SAFETENSORS_INVALID', 'TARA_ADAPTER_INVALID']).toContain(await codeOf(() => readAdapter(dir)));
  });

  const FIELDS = ['peft_type', 'r', 'lora_alpha', 'target_modules', 'rank_pattern', 'alpha_pattern', 'use_rslora', 'use_dora', 'bias', 'modules_to_save', 'ensure_weight_tying', 'lora_r', 'base_model', 'init_lora_weights', 'layer_replication', 'base_model_name_or_path'];
  it('answers any configuration with an adapter or an error of its own', async () => {
    const dir = await adapter(CONFIG);
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('LORA', 4, 8, true, { '.*': 4 }, { 'q_proj': 4 }, { '(a+)+$': 4 }));
    await fc.assert(fc.asyncProperty(fc.dictionary(fc.oneof(fc.constantFrom(...FIELDS), fc.string()), value), fc.boolean(), async (fields, complete) => {
      await writeFile(join(dir, 'adapter_config.json'), JSON.stringify(complete ? { ...CONFIG, ...fields } : fields));
      expect(['none', 'TARA_CONFIG_INVALID', 'TARA_ADAPTER_INVALID', 'TARA_ADAPTER_UNSUPPORTED']).toContain(await codeOf(() => readAdapter(dir)));
    }), { numRuns: 200 });
  });

  it('answers any names of tensors', async () => {
    const part = fc.constantFrom('base_model', 'model', 'lora_A', 'lora_B', 'lora_embedding_A', 'lora_magnitude_vector', 'modules_to_save', 'original_module', 'base_layer', 'default', 'weight', 'bias', '__proto__', 'constructor', '');
    await fc.assert(fc.asyncProperty(fc.uniqueArray(fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.')).filter((name) => name !== ''), { maxLength: 6 }), async (names) => {
      const dir = await adapter(CONFIG, floats(Object.fromEntries(names.map((name) => [`x.${name}`, [4, 4]]))));
      expect(['none', 'TARA_ADAPTER_INVALID', 'TARA_ADAPTER_UNSUPPORTED']).toContain(await codeOf(() => readAdapter(dir)));
    }), { numRuns: 100 });
  });
});

describe('patternLookup', () => {
  const modules = ['q_proj', 'model.layers.0.self_attn.q_proj', 'model.layers.11.mlp.down_proj', 'model.layers.1.mlp.xdown_proj', 'transformer.h.3.attn.c_attn'];
  /** PEFT: re.match(rf"(.*\.)?({key})$", module) */
  it.each([
    'q_proj', 'layers.1.mlp.down_proj', 'layers.1..mlp.down_proj', 'self_attn.q_proj', 'down_proj', '.*down_proj', String.raw`layers\.\d+\.mlp\.down_proj`, '(q|c)_(proj|attn)', '[a-m]lp.x?down_proj',
    '^model.layers.0.self_attn.q_proj', '^layers.0.self_attn.q_proj', 'q_proj|c_attn', String.raw`model\.layers\.(0|[^2-9]\d)\..+`, '(?:self_)?attn.(c_)?\\w*', '', 'proj$', String.raw`h\.[\d]\.attn\.c_attn`,
  ])('matches %j as Python does', (key) => {
    const expected = new RegExp(`^(.*\\.)?(${key})$`);
    const find = patternLookup({ [key]: 1 });
    expect(modules.map((module) => find(module) === 1)).toEqual(modules.map((module) => expected.test(module)));
  });

  it('takes the first match', () => {
    expect(patternLookup({ 'a.q': 1, q: 2, '.*q': 3 })('x.a.q')).toBe(1);
    expect(patternLookup({ 'b.q': 1, q: 2 })('x.a.q')).toBe(2);
  });

  it('is not held up by patterns that make a backtracking engine run away', () => {
    const started = performance.now();
    const module = 'a'.repeat(400);
    expect(patternLookup({ '(a*)*(a*)*(a|a)*b': 1 })(module)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each(['(', 'a)', 'a{2,1}', '*', '(?=a)', 'a\\1', '[', '[]', 'a**', '('.repeat(40) + ')'.repeat(40), 'a+'.repeat(600)])('refuses %j', (key) => {
    expect(() => patternLookup({ [key]: 1 })).toThrow(PatternTooComplex);
  });

  it('gives up on too much work', () => {
    const find = patternLookup(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`.*(a|b)*.*(a|b)*${index}+`, 1])));
    expect(() => {
      for (let at = 0; at < 10_000; at++) find(`${'ab.'.repeat(200)}${at}x`);
    }).toThrow(PatternTooComplex);
  });
});

const tiny = sharedFixture('adapters-tiny');
describe('adapters of the shared fixtures', () => {
  it.skipIf(tiny === undefined)('give the ranks and scales that PEFT trained with', async () => {
    const { modules } = await readAdapter(join(tiny ?? '', 'patterns'));
    const summary = (module: string) => [modules.get(module)?.rank, modules.get(module)?.scale];
    expect(summary('model.layers.0.self_attn.q_proj')).toEqual([8, 4]);
    expect(summary('model.layers.1.mlp.down_proj')).toEqual([2, 4]);
    expect(summary('model.layers.0.mlp.down_proj')).toEqual([4, 2]);
    expect((await readAdapter(join(tiny ?? '', 'gpt2-r4'))).config.fanInFanOut).toBe(true);
    expect((await readAdapter(join(tiny ?? '', 'dora-r4'))).modules.get('model.layers.0.mlp.down_proj')?.magnitude?.shape).toEqual([256]);
    expect([...(await readAdapter(join(tiny ?? '', 'modules-to-save'))).saved.keys()]).toEqual(['lm_head.weight']);
  });
});
