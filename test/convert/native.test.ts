/** Plans of the converter run by the native executor: the same bytes as the test executor's, as the manifests, and by either way to a preset. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert, type ConvertInput } from '../../src/convert/plan-convert.js';
import { addonPaths } from '../../src/engine/loader.js';
import { readGguf } from '../../src/formats/gguf/file.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { runReference } from './executor.js';
import type { Manifest } from './manifest.js';
import { exactValues, temporaryFolder, tinyAdapter, tinyCheckpoint, tinyTensors } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/native: skipped, the addon is not built');
const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(FIXTURES, 'reference'));
if (!present) console.log('test/convert/native: the shared fixtures are not beside the repository; their tests are skipped');

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, `${name}.gguf`);
async function run(input: ConvertInput): Promise<void> {
  await runPlan(await lower(await planConvert({ preTokenizer: 'gpt-2', ...input })));
}
const outputs = (prefix: string, types: readonly string[]) => types.map((type) => ({ id: type, path: at(`${prefix}-${type}`), type }));

async function tensorsOf(path: string): Promise<{ name: string; ne: readonly number[]; type: string; bytes: number; sha256: string }[]> {
  const content = readFileSync(path);
  return (await readGguf(path)).tensors.map(({ name, ne, type, offset, bytes }) => ({
    name, ne, type: type.toUpperCase(), bytes, sha256: createHash('sha256').update(content.subarray(offset, offset + bytes)).digest('hex'),
  }));
}

describe.skipIf(!built)('the native executor', () => {
  it('writes what the test executor writes, biases and permuted rows included', async () => {
    const tensors = tinyTensors();
    for (const layer of [0, 1]) tensors[`model.layers.${layer}.self_attn.q_proj.bias`] = { shape: [64], values: exactValues(64, 90 + layer) };
    const base = tinyCheckpoint(folder, 'plain', { tensors });
    const types = ['f32', 'f16', 'bf16', 'q8_0'];
    await run({ base, adapters: [], outputs: outputs('plain', types) });
    const { plan } = await planConvert({ base, adapters: [], outputs: outputs('plain', types), preTokenizer: 'gpt-2' });
    for (const type of types) {
      const expected = await runReference(plan, type);
      expect(await tensorsOf(at(`plain-${type}`))).toEqual(expected.map((t) => ({ name: t.name, ne: t.ne, type: t.type.toUpperCase(), bytes: t.bytes.length, sha256: t.sha256 })));
    }
  });

  it('merges into a GGUF base as into the checkpoint', async () => {
    const base = tinyCheckpoint(folder, 'merge', { dtype: 'F32' });
    const adapters = [{ dir: tinyAdapter(folder, 'adapter', { 'model.layers.0.self_attn.q_proj': [64, 64], 'model.layers.1.self_attn.k_proj': [32, 64] }), weight: 0.5 }];
    await run({ base, adapters: [], outputs: outputs('base', ['f32']) });
    await run({ base, adapters, outputs: outputs('direct', ['f32']) });
    await run({ base: at('base-f32'), adapters, outputs: outputs('again', ['auto']) });
    const byName = (list: { name: string; sha256: string }[]) => new Map(list.map(({ name, sha256 }) => [name, sha256]));
    expect(byName(await tensorsOf(at('again-auto')))).toEqual(byName(await tensorsOf(at('direct-f32'))));
  });

  it('reaches a preset from the checkpoint in one pass with the bytes of two', async () => {
    const base = tinyCheckpoint(folder, 'preset');
    await run({ base, adapters: [], outputs: outputs('one', ['auto', 'Q4_K_M', 'Q4_0', 'Q6_K']) });
    await run({ base: at('one-auto'), adapters: [], outputs: outputs('two', ['Q4_K_M', 'q4_0', 'Q6_K']) });
    for (const [one, two] of [['Q4_K_M', 'Q4_K_M'], ['Q4_0', 'q4_0'], ['Q6_K', 'Q6_K']]) {
      expect(readFileSync(at(`two-${two}`)).equals(readFileSync(at(`one-${one}`))), one).toBe(true);
    }
    const types = new Set((await tensorsOf(at('one-Q4_K_M'))).map(({ type }) => type));
    expect(types.has('F32') && types.size > 1 && !types.has('BF16')).toBe(true);
  });

  it('refuses types that llama-quantize refuses', async () => {
    const base = tinyCheckpoint(folder, 'refused');
    await expect(run({ base, adapters: [], outputs: outputs('x', ['Q9_Z']) })).rejects.toMatchObject({ code: 'TARA_TYPE_UNKNOWN' });
    await expect(run({ base, adapters: [], outputs: outputs('x', ['IQ1_S']) })).rejects.toMatchObject({ code: 'TARA_TYPE_NEEDS_IMATRIX' });
  });

  it.skipIf(!present).each(['llama-tied-bpe', 'llama-spm-f32'])('%s: every tensor of the reference to the byte', async (name) => {
    const types = ['f32', 'f16', 'bf16', 'q8_0', 'auto'];
    await run({ base: join(FIXTURES, 'hf', name), adapters: [], outputs: outputs(name, types), preTokenizer: undefined });
    for (const type of types) {
      const manifest: Manifest = JSON.parse(readFileSync(join(FIXTURES, 'reference', `${name}.${type}.gguf.json`), 'utf8'));
      expect(await tensorsOf(at(`${name}-${type}`)), type).toEqual(manifest.tensors);
    }
  });
});
