/** A phase built with hybrid compression: what the compressor is asked, and that the files are what it proposed. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convert } from '../../src/convert/index.js';
import { readGguf } from '../../src/formats/index.js';
import type { CompressionRequest, Compressor } from '../../src/kernel/capabilities/index.js';
import type { HookCaller } from '../../src/kernel/services.js';
import { buildPhase, type BuildServices } from '../../src/phases/build/build.js';
import type { BuildOptions } from '../../src/phases/build/inputs.js';
import { Registry } from '../../src/phases/registry/registry.js';
import type { PhaseSettings } from '../../src/phases/settings.js';
import { DEFAULT_SETTINGS } from '../../src/phases/settings.js';
import { writeTurnAdapter } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';
import { temporary } from './temporary.js';

const fresh = temporary();
const hooks = { waterfall: (_: string, value: unknown) => Promise.resolve(value), observe: () => Promise.resolve() } as unknown as HookCaller;
const MEASURED = { file: { bytes: 1, kld: 0.1, kldError: 0.01, topTokenAgreement: 0.9, perplexity: 20 }, preset: { bytes: 2, kld: 0.2, kldError: 0.01, topTokenAgreement: 0.8, perplexity: 21 }, chunks: 3 };

interface Asked extends CompressionRequest {
  /** Types of the file that it was to measure. */
  readonly found: readonly string[];
}

async function phase(settings: Partial<PhaseSettings> = {}): Promise<{ services: BuildServices; asked: Asked[]; registry: Registry; home: string }> {
  const home = fresh();
  const folder = join(home, 'inputs');
  mkdirSync(folder);
  const base = await writeChainModel(join(folder, 'base.gguf'), 'abc');
  const registry = Registry.open(join(home, '.tara'));
  registry.phases.create(1, { ...DEFAULT_SETTINGS, base, compressionType: 'hybrid', ...settings });
  for (const name of ['health', 'law']) {
    const calibration = join(folder, `${name}.txt`);
    writeFileSync(calibration, `${name} `.repeat(50));
    // The other domain's text is found in the folder that is named.
    registry.domains.add(1, { name, path: writeTurnAdapter(folder, name, 'a', name === 'health' ? 'H' : 'L'), ...(name === 'health' && { calibration }) });
    registry.domains.update(1, name, { status: 'complete' });
  }
  const asked: Asked[] = [];
  const compressor: Compressor = {
    propose: async (request) => {
      const { tensors } = await readGguf(request.measuring?.model ?? '');
      asked.push({ ...request, found: [...new Set(tensors.map(({ type }) => type))].sort() });
      request.measuring?.onProgress?.(0.5, 'half');
      return { preset: 'Q4_0', types: { 'token_embd.weight': 'q5_1', 'blk.0.ffn_up.weight': 'q8_0' }, bytes: null, evidence: ['searched'], measured: MEASURED };
    },
  };
  return { services: { registry, hooks, compressor }, asked, registry, home };
}

const build = async ({ services, home }: Awaited<ReturnType<typeof phase>>, more: BuildOptions = {}) => buildPhase(services, 1, { calibration: join(home, 'inputs'), threads: 1, ...more });

describe('a hybrid build', () => {
  it('has the proposed types, the measured quality, and the texts of its domains', async () => {
    const made = await phase({ targetSize: 900_000, qualityThreshold: 0.9, speedPriority: true });
    const steps: string[] = [];
    const report = await build(made, { onProgress: (step, fraction) => step === 'choose types' && steps.push(`${fraction}`) });
    expect(report).toMatchObject({ type: 'hybrid', compression: MEASURED, evidence: expect.arrayContaining(['searched']) as string[] });
    expect(report.output).toMatch(/phase-1-hybrid\.gguf$/);
    const types = new Map((await readGguf(report.output)).tensors.map(({ name, type }) => [name, type]));
    expect([types.get('token_embd.weight'), types.get('blk.0.ffn_up.weight'), types.get('blk.0.attn_q.weight'), types.get('output_norm.weight')]).toEqual(['q5_1', 'q8_0', 'q4_0', 'f32']);
    expect(steps).toEqual(['0.5']);

    const [request] = made.asked;
    expect(request).toMatchObject({ architecture: 'llama', compressionType: 'hybrid', quantization: 'Q4_K_M', budget: 900_000, goal: { agreement: 0.9 }, speedPriority: true, found: ['f16', 'f32'] });
    expect(request?.measuring).toMatchObject({ texts: [join(made.home, 'inputs', 'health.txt'), join(made.home, 'inputs', 'law.txt')], cacheDir: join(made.home, '.tara', 'cache', 'hybrid'), threads: 1 });
    // The unquantized model was there for the while of the search.
    expect(existsSync(request?.measuring?.model ?? '')).toBe(false);
    expect(readdirSync(join(report.output, '..', '..'))).toEqual(['merged']);
    made.registry.close();
  });

  it('searches for each model of a layout with a file a domain, and shares the target size', async () => {
    const made = await phase({ targetSize: 1_000_000 });
    const report = await build(made, { layout: 'per-domain' });
    expect(report.files.map(({ domain }) => domain)).toEqual(['health', 'law']);
    expect(made.asked.map(({ budget, measuring }) => [budget, measuring?.texts])).toEqual([[500_000, [join(made.home, 'inputs', 'health.txt')]], [500_000, [join(made.home, 'inputs', 'law.txt')]]]);
    expect(report.evidence).toEqual(expect.arrayContaining(['health: searched', 'law: searched']));
    made.registry.close();
  });

  it('leaves out what a sparse one proposes to', async () => {
    const made = await phase({ compressionType: 'sparse', qualityThreshold: 0.9 });
    const compressor: Compressor = {
      propose: async (request) => {
        expect(request).toMatchObject({ compressionType: 'sparse', measuring: { cacheDir: join(made.home, '.tara', 'cache', 'sparse') } });
        expect(request.goal).toBeUndefined();
        return { preset: 'F16', types: {}, bytes: null, evidence: ['cut'], pruning: { channels: { 0: Array.from({ length: 16 }, (_, channel) => channel) } } };
      },
    };
    const report = await build({ ...made, services: { ...made.services, compressor } });
    expect(report.output).toMatch(/phase-1-sparse\.gguf$/);
    expect((await readGguf(report.output)).tensors.find(({ name }) => name === 'blk.0.ffn_up.weight')?.ne[1]).toBe(16);
    made.registry.close();
  });

  it('takes a file that a sparse proposal taught as it is', async () => {
    const made = await phase({ compressionType: 'sparse' });
    const taught = join(made.home, 'taught.gguf');
    const compressor: Compressor = {
      propose: async ({ measuring, minutes }) => {
        expect(minutes).toBe(0.5);
        await convert({ base: measuring?.model ?? '', adapters: [], outputs: [{ id: 'taught', path: taught, type: 'q8_0' }] });
        return { preset: 'F16', types: {}, bytes: null, evidence: ['taught'], pruning: {}, file: taught };
      },
    };
    const report = await build({ ...made, services: { ...made.services, compressor } }, { distillMinutes: 0.5 });
    const [output, source] = await Promise.all([readGguf(report.output), readGguf(taught)]);
    expect(output.tensors.map(({ name, type, bytes }) => ({ name, type, bytes }))).toEqual(source.tensors.map(({ name, type, bytes }) => ({ name, type, bytes })));
    await expect(build(made, { compressionType: 'distilled', distillMinutes: 0 })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: '--distill-minutes' } });
    made.registry.close();
  });

  it('says which domains lack the text, and that a compressor is missing', async () => {
    const made = await phase();
    await expect(buildPhase(made.services, 1, {})).rejects.toMatchObject({ code: 'TARA_CALIBRATION_MISSING', fields: { domains: 'law' } });
    await expect(buildPhase({ ...made.services, compressor: undefined }, 1, { calibration: join(made.home, 'inputs') })).rejects.toMatchObject({ code: 'TARA_COMPRESSION_UNAVAILABLE' });
    // A plain build takes no calibration.
    await expect(build(made, { compressionType: 'standard' })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: '--calibration' } });
    made.registry.close();
  });
});
