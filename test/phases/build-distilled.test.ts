/** A phase built with distilled compression: its own unquantized model teaches the preset on the domains' calibration text. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/index.js';
import { metadataOf, readGguf } from '../../src/formats/index.js';
import type { HookCaller } from '../../src/kernel/services.js';
import { buildPhase, type BuildServices } from '../../src/phases/build/build.js';
import { Registry } from '../../src/phases/registry/registry.js';
import { DEFAULT_SETTINGS, type PhaseSettings } from '../../src/phases/settings.js';
import { writeTurnAdapter } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';
import { temporary } from './temporary.js';

const fresh = temporary();
const hooks = { waterfall: (_: string, value: unknown) => Promise.resolve(value), observe: () => Promise.resolve() } as unknown as HookCaller;
const engine = createEngine();
afterAll(() => engine.dispose());

async function phase(settings: Partial<PhaseSettings> = {}): Promise<BuildServices> {
  const home = fresh();
  const folder = join(home, 'inputs');
  mkdirSync(folder);
  const base = await writeChainModel(join(folder, 'base.gguf'), 'abc');
  const registry = Registry.open(join(home, '.tara'));
  registry.phases.create(1, { ...DEFAULT_SETTINGS, base, quantization: 'Q4_0', compressionType: 'distilled', ...settings });
  for (const name of ['health', 'law']) {
    const calibration = join(folder, `${name}.jsonl`);
    writeFileSync(calibration, Array.from({ length: 40 }, (_, line) => `${JSON.stringify({ prompt: `${name} ${line * line}?`, response: 'abcabc '.repeat(4) })}\n`).join(''));
    registry.domains.add(1, { name, path: writeTurnAdapter(folder, name, 'a', name === 'health' ? 'H' : 'L'), calibration });
    registry.domains.update(1, name, { status: 'complete' });
  }
  return { registry, hooks, compressor: undefined, engine };
}

describe('a distilled build', () => {
  it('has the types of the preset, what was measured, and nothing of its work', async () => {
    const steps: string[] = [];
    const report = await buildPhase(await phase(), 1, { threads: 1, distillMinutes: 0.1, measure: 'none', onProgress: (step, _, detail) => step === 'distil' && steps.push(detail ?? '') });
    expect(report).toMatchObject({ type: 'distilled' });
    expect(report.output).toMatch(/phase-1-distilled\.gguf$/);
    expect(report.evidence.join()).toMatch(/^Q4_0 (taught|as it is)/);
    expect(report.compression?.file.kld).toBeLessThanOrEqual(report.compression?.preset.kld ?? -1);
    const file = await readGguf(report.output);
    expect(file.size).toBe(report.bytes);
    expect(file.tensors.find(({ name }) => name === 'blk.0.attn_q.weight')?.type).toBe('q4_0');
    expect(metadataOf(file).get('tara.phase') ?? metadataOf(file).get('tara.version')).toBeDefined();
    expect(steps).toContain('asking the teacher');
    expect(readdirSync(join(report.output, '..', '..'))).toEqual(['merged']);
    expect(readdirSync(join(report.output, '..'))).toEqual(['phase-1-distilled.gguf']);
  });

  it('makes a file for each domain, taught on its own text', async () => {
    const report = await buildPhase(await phase({ layout: 'per-domain' }), 1, { threads: 1, distillMinutes: 0.05, measure: 'none' });
    expect(report.files.map(({ domain }) => domain)).toEqual(['health', 'law']);
    expect(report.evidence.map((line) => line.split(':')[0])).toEqual(['health', 'law']);
  });

  it('takes no minutes where nothing is distilled', async () => {
    await expect(buildPhase(await phase({ compressionType: 'standard' }), 1, { distillMinutes: 1 })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });
});
