/** What holds for any merge: the order of adapters never shows, two runs write the same bytes, and a plan knows its file's size. */
import fc from 'fast-check';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AdapterInput } from '../../src/convert/adapters/adapters.js';
import { planLora } from '../../src/convert/adapters/lora.js';
import { MERGE_METHODS, type MergeSettings } from '../../src/convert/adapters/merge.js';
import { planConvert } from '../../src/convert/plan-convert.js';
import { addonPaths } from '../../src/engine/loader.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { temporaryFolder, tinyAdapter, tinyCheckpoint } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/adapters-properties: skipped, the addon is not built');
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODULES: Record<string, [number, number]> = { 'model.layers.0.self_attn.q_proj': [64, 64], 'model.layers.1.mlp.down_proj': [64, 96], 'model.layers.1.self_attn.v_proj': [32, 64] };
const base = tinyCheckpoint(folder, 'base', { dtype: 'F32' });
const dirs = ['c', 'a', 'b'].map((name, index) => tinyAdapter(folder, name, MODULES, 11 + 17 * index));

const settings: fc.Arbitrary<MergeSettings> = fc.record({ method: fc.constantFrom(...MERGE_METHODS), density: fc.double({ min: 0.05, max: 1, noNaN: true }), scale: fc.double({ min: 0.1, max: 2, noNaN: true }), seed: fc.nat() })
  .map(({ method, density, scale, seed }) => ({
    method,
    ...(method === 'linear' || method === 'task-arithmetic' ? {} : { density }),
    ...(method === 'linear' ? {} : { scale }),
    ...(method.startsWith('dare') ? { seed } : {}),
  }));
const adapters: fc.Arbitrary<AdapterInput[]> = fc.tuple(...dirs.map((dir) => fc.double({ min: 0.1, max: 1, noNaN: true }).map((weight) => ({ dir, weight }))));

/** Bytes of the file, after its size was compared with the plan's. */
async function written(name: string, merge: MergeSettings, given: readonly AdapterInput[], type: string, threads: number): Promise<Buffer> {
  const path = join(folder, name);
  const lowered = await lower(await planConvert({ base, adapters: given, merge, outputs: [{ id: 'out', path, type }], preTokenizer: 'gpt-2' }));
  await runPlan(lowered, { threads });
  expect(statSync(path).size).toBe(lowered.outputs[0]?.bytes);
  return readFileSync(path);
}

describe.skipIf(!built)('any merge', () => {
  it('has the same bytes in any order of adapters, twice, on one thread or two', async () => {
    await fc.assert(fc.asyncProperty(settings, adapters, fc.constantFrom('f32', 'bf16', 'Q4_0'), fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), async (merge, given, type, order) => {
      const first = await written('one.gguf', merge, given, type, 1);
      const second = await written('two.gguf', merge, order.map((at) => given[at] ?? { dir: '', weight: 0 }), type, 2);
      expect(second.equals(first)).toBe(true);
    }), { numRuns: 25 });
  }, 60_000);

  it('depends on the seed of dare, and on nothing else that is random', async () => {
    const given = dirs.map((dir) => ({ dir, weight: 0.5 }));
    const [one, two] = [await written('one.gguf', { method: 'dare', seed: 1 }, given, 'f32', 2), await written('two.gguf', { method: 'dare', seed: 2 }, given, 'f32', 2)];
    expect(two.equals(one)).toBe(false);
  });

  it('gives a GGUF LoRA the size that its plan says, in every type', async () => {
    for (const type of ['f32', 'f16', 'bf16', 'q8_0', 'auto']) {
      const output = join(folder, `${type}.gguf`);
      const lowered = await lower(await planLora({ adapter: dirs[0] ?? '', base, output, type }));
      await runPlan(lowered);
      expect(statSync(output).size, type).toBe(lowered.outputs[0]?.bytes);
    }
  });
});
