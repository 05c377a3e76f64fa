/** Adapters rewritten on text: what a merge of them keeps, what is left alone, and what is refused. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { convert, prepareConversion } from '../../src/convert/index.js';
import { createEngine } from '../../src/engine/index.js';
import { readAdapter } from '../../src/formats/index.js';
import { domainLoss, readLossItems } from '../../src/models/index.js';
import { rewriteAdapters, type RewriteInput, type RewrittenAdapter } from '../../src/phases/build/merge-regmean.js';
import { withTrialModel } from '../../src/phases/build/trial-model.js';
import { createPool } from '../../src/workers/index.js';
import { writeSafetensors, type Tensors } from '../convert/tiny.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { writeTurnDomains } from '../support/turn-domains.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-regmean-'));
const workDir = join(folder, 'work');
const engine = createEngine();
const pool = createPool({ threads: 1 });
afterAll(async () => {
  await Promise.all([engine.dispose(), pool.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function textFile(name: string, text: string): string {
  const path = join(folder, `${name}.txt`);
  writeFileSync(path, text);
  return path;
}

const turns = async (dora = false): Promise<RewriteInput> => ({ ...(await writeTurnDomains(folder, { dora })), engine, pool, workDir, threads: 1 });

/** Factors of rank 2 on three matrices of a tiny random model. */
async function randoms(): Promise<RewriteInput> {
  const base = await writeTinyModel(join(folder, 'tiny.gguf'));
  const domain = (name: string, seed: number) => {
    const dir = join(folder, `random-${name}`);
    mkdirSync(dir, { recursive: true });
    const values = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 100 + salt * 10 + i * i));
    const tensors: Tensors = {};
    for (const [salt, [module, inner, outer]] of ([['self_attn.q_proj', 64, 64], ['self_attn.v_proj', 64, 32], ['mlp.down_proj', 128, 64]] as const).entries()) {
      tensors[`base_model.model.model.layers.1.${module}.lora_A.weight`] = { shape: [2, inner], values: values(2 * inner, salt) };
      tensors[`base_model.model.model.layers.1.${module}.lora_B.weight`] = { shape: [outer, 2], values: values(2 * outer, salt + 5) };
    }
    writeSafetensors(join(dir, 'adapter_model.safetensors'), tensors, seed === 1 ? 'BF16' : 'F32');
    writeFileSync(join(dir, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: [], base_model_name_or_path: null }));
    return { name, dir, calibration: textFile(`random-${name}`, `${name} is what this text is about, ${seed} times. `.repeat(9)) };
  };
  return { base, domains: [domain('one', 1), domain('two', 2)], engine, pool, workDir, threads: 2 };
}

const weightsOf = (adapters: ReadonlyMap<string, RewrittenAdapter>): Buffer[] => [...adapters].sort().map(([, { dir }]) => readFileSync(join(dir, 'adapter_model.safetensors')));

describe('adapters rewritten on text', { timeout: 120_000 }, () => {
  it('serve every domain in a plain sum, which halves of the adapters do not', async () => {
    const input = await turns();
    const folders = await rewriteAdapters(input);
    const losses = (adapters: { dir: string; weight: number }[], method: 'linear' | 'regmean') =>
      withTrialModel({ base: input.base, adapters, merge: { method }, path: join(folder, 'merged.gguf') }, input, async (model) => {
        const all: number[] = [];
        for (const { calibration } of input.domains) all.push((await domainLoss(model, await readLossItems(calibration))).meanLoss);
        return Math.max(...all);
      });
    const own: number[] = [];
    for (const { dir } of folders.values()) own.push(await losses([{ dir, weight: 1 }], 'regmean'));
    const merged = await losses([...folders.values()].map(({ dir }) => ({ dir, weight: 1 })), 'regmean');
    const mean = await losses(input.domains.map(({ dir }) => ({ dir, weight: 0.5 })), 'linear');
    expect(merged).toBeLessThan(mean);
    expect(merged).toBeLessThanOrEqual(Math.max(...own));
  });

  it('keep their shapes, their B and their configuration, and are the same for any order, threads and memory', async () => {
    const input = await randoms();
    const folders = await rewriteAdapters(input);
    const bytes = weightsOf(folders);
    for (const { name, dir } of input.domains) {
      const [before, after] = [await readAdapter(dir), await readAdapter(folders.get(name)?.dir ?? '')];
      expect(after.config).toEqual(before.config);
      const shapes = ({ modules }: typeof before) => [...modules].map(([module, { a, b, scale }]) => [module, a.shape, b.shape, b.dtype, scale]);
      expect(shapes(after)).toEqual(shapes(before));
      expect([...after.modules.values()].every(({ a }) => a.dtype === 'F32')).toBe(true);
    }
    expect(weightsOf(await rewriteAdapters({ ...input, domains: input.domains.toReversed(), threads: 1 }))).toEqual(bytes);
    const told: string[] = [];
    // Room for the down projection alone: the texts are read twice.
    expect(weightsOf(await rewriteAdapters({ ...input, memory: 2 * 128 * 129, onProgress: (_, detail) => told.push(detail) }))).toEqual(bytes);
    expect(new Set(told)).toEqual(new Set(['inputs of one', 'inputs of two', 'new factors']));
  });

  it('leaves a DoRA as it is, and merges it as linear would', async () => {
    const input = await turns(true);
    const folders = await rewriteAdapters(input);
    const adapters = input.domains.map(({ name }) => ({ dir: folders.get(name)?.dir ?? '', weight: 1 }));
    const { plan } = await prepareConversion({ base: input.base, adapters, merge: { method: 'regmean' }, outputs: [{ id: 'out', path: join(folder, 'out.gguf'), type: 'f16' }] }, { pool, print: true });
    const delta = plan?.tensors.find(({ name }) => name === 'output.weight')?.steps.find(({ op }) => op === 'delta');
    expect([...folders].map(([name, { asLinear }]) => [name, asLinear])).toEqual([['business', ['output.weight']], ['health', []]]);
    expect(delta).toMatchObject({ method: 'sum', terms: [{ weight: 0.5, magnitude: {} }, { weight: 1 }] });
  });

  it('are asked for where a merge has none', async () => {
    const { base, domains } = await turns();
    const merging = convert({ base, adapters: domains.map(({ dir }) => ({ dir, weight: 1 })), merge: { method: 'regmean' }, outputs: [{ id: 'out', path: join(folder, 'out.gguf'), type: 'f16' }] }, { pool });
    await expect(merging).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { reason: expect.stringContaining('build-phase') as unknown } });
    expect(existsSync(join(folder, 'out.gguf'))).toBe(false);
  });

  it('are none when it is aborted or has too little memory: no file is left', async () => {
    const abort = new AbortController();
    const input = await randoms();
    const stop = (_: number, detail: string): void => {
      if (detail === 'inputs of two') abort.abort();
    };
    await expect(rewriteAdapters({ ...input, signal: abort.signal, onProgress: stop })).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(existsSync(workDir)).toBe(false);
    await expect(rewriteAdapters({ ...input, memory: 10_000 })).rejects.toMatchObject({ code: 'TARA_OUT_OF_MEMORY', fields: { reason: expect.stringContaining('ffn_down') as unknown } });
    expect(existsSync(workDir)).toBe(false);
  });
});

const SMOLLM = process.env['TARA_BENCH_BASE'] ?? '';
const shared = (path: string): string => fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));
const PAIR = ['healthcare', 'business'];
const real = existsSync(SMOLLM) && PAIR.every((name) => existsSync(shared(`fixtures/adapters/${name}`)) && existsSync(shared(`data/calibration/${name}.jsonl`)));
if (!real) console.log('test/phases/merge-regmean: SmolLM2 is skipped; TARA_BENCH_BASE must name the base that the shared adapters belong to');

it.skipIf(!real)('keep more of what real adapters gain on unseen text than their mean does, in the worst domain', async () => {
  const tools = { engine, pool };
  const domains = PAIR.map((name) => ({ name, dir: shared(`fixtures/adapters/${name}`), calibration: shared(`data/calibration/${name}.jsonl`) }));
  const folders = await rewriteAdapters({ ...tools, base: SMOLLM, domains, workDir });
  const losses = (adapters: { dir: string; weight: number }[], method: 'linear' | 'regmean' = 'linear') =>
    withTrialModel({ base: SMOLLM, adapters, merge: { method }, path: join(folder, 'real.gguf') }, tools, async (model) => {
      const all: number[] = [];
      for (const name of PAIR) all.push((await domainLoss(model, (await readLossItems(shared(`data/domain-text/${name}.jsonl`))).slice(0, 6))).meanLoss);
      return all;
    });
  const base = await losses([]);
  const own: number[] = [];
  for (const [index, { dir }] of domains.entries()) own.push((await losses([{ dir, weight: 1 }]))[index] ?? NaN);
  const worst = (merged: readonly number[]): number => Math.min(...merged.map((loss, i) => ((base[i] ?? NaN) - loss) / ((base[i] ?? NaN) - (own[i] ?? NaN))));
  const linear = worst(await losses(domains.map(({ dir }) => ({ dir, weight: 0.5 }))));
  const regmean = worst(await losses(domains.map(({ name }) => ({ dir: folders.get(name)?.dir ?? '', weight: 1 })), 'regmean'));
  expect(regmean).toBeGreaterThan(linear);
  expect(regmean).toBeGreaterThan(0.85);
}, 600_000);
