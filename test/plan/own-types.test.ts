/** Types of single tensors against llama-quantize's --tensor-type: recorded files everywhere, the tool itself where TARA_LLAMA_BIN names its folder. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { planConvert, type OwnTypes } from '../../src/convert/index.js';
import { TaraError } from '../../src/errors.js';
import { GGML_TYPE_NAMES, type GgmlTypeName, readGguf, tensorBytes } from '../../src/formats/index.js';
import { writeImatrix } from '../../src/formats/imatrix-write.js';
import { lower, PRESET_NAMES, PRESETS, printPlan, runPlan } from '../../src/plan/index.js';
import { hashFile, type ModelShape, NARROW, random, scratch, writeLlama } from './synthetic.js';

const at = scratch();
const bin = process.env['TARA_LLAMA_BIN'];
/** Eight layers, so that rules for the first eighth and for single layers show. */
const DEEP: ModelShape = { width: 256, ff: 256, layers: 8, heads: 8, kvHeads: 4, vocab: 64, tied: false };
const MODELS: Readonly<Record<string, ModelShape>> = { deep: DEEP, narrow: NARROW };
/** The name under which a file remembers its matrix. */
const IMATRIX = 'importance.gguf';

interface Case {
  readonly name: string;
  readonly model: keyof typeof MODELS;
  readonly type: string;
  readonly imatrix?: true;
  readonly tensorTypes: readonly (readonly [pattern: string, type: string])[];
  /** Options of llama-quantize that mean the same. */
  readonly stock?: readonly string[];
}

const CASES: readonly Case[] = [
  { name: 'a mix by hand', model: 'deep', type: 'IQ4_NL', tensorTypes: [['token_embd', 'q5_1'], ['attn_v', 'q8_0'], ['attn_k', 'q5_1'], ['ffn_down', 'q5_K']] },
  { name: 'layers by number', model: 'deep', type: 'Q4_K_M', tensorTypes: [['blk\\.([0-2]|7)\\.ffn_down', 'q3_K'], ['attn_(q|k)', 'iq4_nl'], ['ATTN', 'Q6_K']] },
  { name: 'the embedding and the head', model: 'deep', type: 'Q4_K_M', tensorTypes: [['^token_embd\\.weight$', 'q8_0'], ['^output\\.weight$', 'q5_K']], stock: ['--token-embedding-type', 'q8_0', '--output-tensor-type', 'q5_K'] },
  { name: 'a float type for some', model: 'deep', type: 'Q3_K_M', tensorTypes: [['attn_v', 'bf16'], ['blk\\.0\\.', 'f16']] },
  { name: 'rows that k-quants cannot hold', model: 'narrow', type: 'Q4_0', tensorTypes: [['attn_v', 'q6_K'], ['ffn_down', 'q4_K'], ['attn_q', 'q2_K'], ['ffn_up', 'iq4_xs']] },
  { name: 'with importance, early layers changed', model: 'deep', type: 'IQ4_XS', imatrix: true, tensorTypes: [['blk\\.0\\.ffn_down', 'q8_0'], ['attn_v', 'iq3_xxs']] },
  { name: 'with importance, layers that then are not counted', model: 'deep', type: 'Q4_0', imatrix: true, tensorTypes: [['blk\\.[01]\\.ffn_down', 'iq3_s']] },
  { name: 'with importance and fallbacks', model: 'narrow', type: 'Q4_K_M', imatrix: true, tensorTypes: [['ffn', 'iq3_xxs'], ['attn', 'q5_K']] },
];

const asked = ({ tensorTypes }: Case): OwnTypes => ({ tensorTypes: tensorTypes.map(([pattern, type]) => ({ pattern, type })) });
const file = (model: string): string => at(`${model}.gguf`);
const matrix = (model: string): string => at(`${model}-imatrix.gguf`);

beforeAll(async () => {
  for (const [name, { width, ff, layers, ...shape }] of Object.entries(MODELS)) {
    await writeLlama(file(name), { width, ff, layers, ...shape });
    const next = random(3);
    const widths = Array.from({ length: layers }, (_, layer) => ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down']
      .map((part) => [`blk.${layer}.${part}.weight`, part === 'ffn_down' ? ff : width] as const)).flat();
    const entries = new Map(widths.map(([tensor, length]) => [tensor, { sums: Float32Array.from({ length }, () => 100 * next() ** 3), counts: Float32Array.of(3) }]));
    await writeImatrix(matrix(name), { source: name, entries, datasets: ['calibration.txt'], chunks: 3, chunkSize: 512 });
  }
});

async function failure(work: () => Promise<unknown>): Promise<TaraError> {
  const thrown = await work().then(() => undefined, (error: unknown) => error);
  if (thrown instanceof TaraError) return thrown;
  throw new Error(`expected a TaraError, got ${String(thrown)}`);
}

const planned = (model: string, type: string, own: OwnTypes, path: string | null = null, imatrix = false) => planConvert({
  base: file(model), adapters: [], outputs: [{ id: 'o', path, type, ...own }], ...(imatrix ? { imatrix: { path: matrix(model), name: IMATRIX } } : {}),
});

if (bin === undefined) console.log('skipped: types of single tensors with llama-quantize itself (TARA_LLAMA_BIN does not name the folder of stock tools)');
describe.runIf(bin !== undefined)('llama-quantize itself', () => {
  it('writes what is recorded in test/fixtures/tensor-types-expected.json', async () => {
    const expected: Record<string, string> = {};
    for (const one of CASES) {
      const stock = at('stock.gguf');
      const own = one.stock ?? one.tensorTypes.flatMap(([pattern, type]) => ['--tensor-type', `${pattern}=${type}`]);
      if (one.imatrix) execFileSync('cp', [matrix(one.model), at(IMATRIX)]);
      execFileSync(join(bin ?? '', 'llama-quantize'), [...own, ...(one.imatrix ? ['--imatrix', IMATRIX] : []), file(one.model), stock, one.type, '1'], { stdio: 'pipe', cwd: at('') });
      expected[one.name] = await hashFile(stock);
    }
    await expect(`${JSON.stringify(expected, null, 1)}\n`).toMatchFileSnapshot('../fixtures/tensor-types-expected.json');
  });
});

describe('types of single tensors', async () => {
  const expected = JSON.parse(await readFile(new URL('../fixtures/tensor-types-expected.json', import.meta.url), 'utf8')) as Record<string, string>;

  it.each(CASES)("$name: llama-quantize's whole file, of the size that was known before", async (one) => {
    const path = at('ours.gguf');
    const lowered = await lower(await planned(one.model, one.type, asked(one), path, one.imatrix));
    await runPlan(lowered, { threads: 2 });
    expect(await hashFile(path)).toBe(expected[one.name]);
    expect((await readFile(path)).length).toBe(lowered.outputs[0]?.bytes);
  });

  it('says which type a tensor has instead of the one that its rows forbid, of presets too', async () => {
    const p = await planned('narrow', 'Q4_K_M', { tensorTypes: [{ pattern: 'attn_v', type: 'Q2_K' }] });
    const { outputs } = await lower(p);
    const replaced = Object.fromEntries((outputs[0]?.tensors ?? []).map(({ name, type, wanted }) => [name, `${wanted} -> ${type}`]));
    expect(replaced['blk.0.attn_v.weight']).toBe('q2_k -> q4_0');
    expect(replaced['blk.0.attn_q.weight']).toBe('q4_k -> q5_0');
    expect(replaced['token_embd.weight']).toBe('q6_k -> q8_0');
    expect(replaced['blk.0.attn_norm.weight']).toBe('undefined -> f32');
    expect(printPlan(p.plan)).toContain('o=q4_0 instead of q2_k');
    const wide = await lower(await planned('deep', 'Q4_K_M', {}));
    expect(wide.outputs[0]?.tensors.filter(({ wanted }) => wanted !== undefined)).toEqual([]);
  });

  it('takes names before patterns, and either before the preset, of float types too', async () => {
    const own: OwnTypes = { types: { 'blk.1.attn_v.weight': 'q8_0', 'blk.0.attn_norm.weight': 'f32' }, tensorTypes: [{ pattern: 'attn_v', type: 'iq4_nl' }] };
    for (const [type, rest] of [['Q4_0', 'q4_0'], ['F16', 'f16']] as const) {
      const { tensors = [] } = (await lower(await planned('deep', type, own))).outputs[0] ?? {};
      const found = new Map(tensors.map((tensor) => [tensor.name, tensor.type]));
      expect([0, 1, 2].map((layer) => found.get(`blk.${layer}.attn_v.weight`))).toEqual(['iq4_nl', 'q8_0', 'iq4_nl']);
      expect(found.get('blk.1.attn_q.weight')).toBe(rest);
    }
  });

  it.each<[string, OwnTypes, string, RegExp]>([
    ['a pattern that matches nothing', { tensorTypes: [{ pattern: 'attn_w', type: 'q8_0' }] }, 'TARA_OPTION_INVALID', /"attn_w" matches no tensor/],
    ['a pattern that matches norms alone', { tensorTypes: [{ pattern: 'ffn_norm', type: 'q8_0' }] }, 'TARA_OPTION_INVALID', /matches no tensor that can be quantized/],
    ['a pattern that is none', { tensorTypes: [{ pattern: 'attn_(v', type: 'q8_0' }] }, 'TARA_OPTION_INVALID', /no regular expression/],
    ['an unknown type', { tensorTypes: [{ pattern: 'attn_v', type: 'q9_0' }] }, 'TARA_TYPE_UNKNOWN', /unknown quantization q9_0/],
    ['a type that only exists beside others', { types: { 'output.weight': 'q8_k' } }, 'TARA_TYPE_UNKNOWN', /q8_k/],
    ['a name that the model does not have', { types: { 'blk.9.attn_v.weight': 'q8_0' } }, 'TARA_OPTION_INVALID', /no tensor blk\.9\.attn_v\.weight/],
    ['a norm', { types: { 'blk.0.attn_norm.weight': 'q8_0' } }, 'TARA_OPTION_INVALID', /blk\.0\.attn_norm\.weight stays f32/],
  ])('refuses %s', async (_, own, code, message) => {
    const error = await failure(() => planned('deep', 'Q4_K_M', own));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('refuses a type whose rows neither it nor a substitute holds, and types that need importance without it, by tensor', async () => {
    expect((await failure(() => planned('narrow', 'Q4_0', { tensorTypes: [{ pattern: 'attn_q', type: 'q1_0' }] }))).message).toMatch(/blk\.0\.attn_q\.weight has rows of 96, which q1_0 cannot hold/);
    const needy = { tensorTypes: [{ pattern: 'attn_q', type: 'iq2_xxs' }] };
    expect((await failure(async () => lower(await planned('deep', 'Q4_0', needy)))).message).toMatch(/iq2_xxs for blk\.0\.attn_q\.weight needs an importance matrix/);
    await lower(await planned('deep', 'Q4_0', needy, null, true));
    // The matrix does not know the embedding.
    expect((await failure(async () => lower(await planned('deep', 'Q4_0', { types: { 'token_embd.weight': 'iq2_xxs' } }, null, true)))).code).toBe('TARA_TYPE_NEEDS_IMATRIX');
  });

  it('plans any types for any tensors with sizes that add up, or refuses them', async () => {
    const names = (await readGguf(file('narrow'))).tensors.filter(({ ne }) => ne.length > 1).map(({ name }) => name);
    const free = PRESET_NAMES.filter((name) => PRESETS[name]?.needsImatrix === false);
    await fc.assert(fc.asyncProperty(fc.constantFrom(...free), fc.dictionary(fc.constantFrom(...names), fc.constantFrom<GgmlTypeName>(...GGML_TYPE_NAMES)), async (type, types) => {
      const result = await planned('narrow', type, { types }).then(lower).catch((thrown: unknown) => thrown);
      if (result instanceof TaraError) {
        expect(['TARA_TYPE_UNKNOWN', 'TARA_TYPE_NEEDS_IMATRIX', 'TARA_OPTION_INVALID', 'TARA_PLAN_INVALID']).toContain(result.code);
        return;
      }
      const [output] = (result as Awaited<ReturnType<typeof lower>>).outputs;
      for (const { name, type: got, wanted, ne, bytes } of output?.tensors ?? []) {
        expect(bytes).toBe(tensorBytes(got, ne));
        if (types[name] !== undefined) expect(wanted ?? got).toBe(types[name]);
      }
    }), { numRuns: 60 });
  });
});
