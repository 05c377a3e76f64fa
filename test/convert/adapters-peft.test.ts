/** Merged adapters against what PEFT's merge_and_unload leaves: planned, run by the native executor and read back. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { MergeSettings } from '../../src/convert/adapters/merge.js';
import { planConvert } from '../../src/convert/plan-convert.js';
import { addonPaths } from '../../src/engine/loader.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { ggufName, ggufValues, inGguf, relativeError, safetensorsValues, type Values } from './hf-tensors.js';
import { temporaryFolder, tinyTokenizer, writeJson } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/adapters-peft: skipped, the addon is not built');
const SHARED = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(SHARED, 'adapters-tiny'));
if (!present) console.log('test/convert/adapters-peft: the adapters of the shared fixtures are not beside the repository; their tests are skipped');
const CASES = fileURLToPath(new URL('../fixtures/adapters/', import.meta.url));
/** Of the tensor's largest value. */
const TOLERANCE = 1e-6;

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
async function merged(base: string, adapters: readonly { dir: string; weight: number }[], merge?: MergeSettings, type = 'f32'): Promise<{ path: string; tensors: Map<string, Values> }> {
  const path = join(folder, `${files++}.gguf`);
  await runPlan(await lower(await planConvert({ base, adapters, merge, outputs: [{ id: 'out', path, type }], ...(base.startsWith(SHARED) ? {} : { preTokenizer: 'gpt-2' }) })));
  return { path, tensors: await ggufValues(path) };
}

function expectTensors(base: string, got: ReadonlyMap<string, Values>, want: ReadonlyMap<string, Values>): void {
  const config = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as Parameters<typeof inGguf>[2];
  expect(want.size).toBeGreaterThan(0);
  for (const [name, values] of want) expect(relativeError(got.get(ggufName(name, config.model_type)), inGguf(name, values, config)), name).toBeLessThanOrEqual(TOLERANCE);
}

describe.skipIf(!built || !present)('the shared adapters', () => {
  const at = (name: string): string => join(SHARED, 'adapters-tiny', name);
  const LLAMA = join(SHARED, 'hf/llama-spm-f32');

  it.each([
    ['plain-r4', LLAMA], ['rslora-r4', LLAMA], ['patterns', LLAMA], ['second-r8', LLAMA], ['dora-r4', LLAMA], ['modules-to-save', LLAMA], ['gpt2-r4', join(SHARED, 'hf/gpt2-conv1d')],
  ])('%s', async (name, base) => {
    const { tensors } = await merged(base, [{ dir: at(name), weight: 1 }]);
    expectTensors(base, tensors, await safetensorsValues(join(at(name), 'expected-merged.safetensors')));
  });

  it('linear and ties of two', async () => {
    const adapters = [{ dir: at('plain-r4'), weight: 0.6 }, { dir: at('second-r8'), weight: 0.4 }];
    const expected = (prefix: string) => safetensorsValues(at('expected-linear-ties.safetensors'), prefix);
    expectTensors(LLAMA, (await merged(LLAMA, adapters)).tensors, await expected('linear:'));
    expectTensors(LLAMA, (await merged(LLAMA, adapters, { method: 'ties', density: 0.5 })).tensors, await expected('ties:'));
  });
});

/** What make.py wrote with PEFT, its base given a tokenizer. */
const CASE_NAMES = ['tied-head-saved', 'tied-embedding', 'untied-embedding-head', 'saved-dora', 'bias-all', 'gemma-tied', 'conv1d'];
function caseBase(name: string): string {
  const dir = join(folder, name);
  cpSync(join(CASES, name, 'base'), dir, { recursive: true });
  writeJson(dir, 'tokenizer.json', tinyTokenizer());
  writeJson(dir, 'tokenizer_config.json', { bos_token: '<|im_start|>', eos_token: '<|im_end|>' });
  return dir;
}

describe.skipIf(!built)('PEFT\'s cases', () => {
  it.each(CASE_NAMES)('%s, onto the checkpoint and onto its GGUF file', async (name) => {
    const base = caseBase(name);
    const want = await safetensorsValues(join(CASES, name, 'expected.safetensors'));
    const adapters = [{ dir: join(CASES, name, 'adapter'), weight: 1 }];
    const direct = await merged(base, adapters);
    expectTensors(base, direct.tensors, want);
    const plain = await merged(base, []);
    const onto = await merged(plain.path, adapters, undefined, 'auto');
    expectTensors(base, onto.tensors, want);
    expect([...onto.tensors.keys()].sort()).toEqual([...direct.tensors.keys()].sort());
    // Whatever the adapter does not name is as it was.
    const { model_type: model } = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as { model_type: string };
    const changed = new Set([...want.keys()].map((tensor) => ggufName(tensor, model)));
    for (const [tensor, values] of plain.tensors) {
      if (!changed.has(tensor)) expect(Buffer.from(direct.tensors.get(tensor)?.data.buffer ?? new ArrayBuffer(0)).equals(Buffer.from(values.data.buffer)), tensor).toBe(true);
    }
  });

  it('takes the older spellings of names and the adapter\'s name within them', async () => {
    const name = 'saved-dora';
    const source = join(CASES, name, 'adapter');
    const dir = join(folder, 'older');
    cpSync(source, dir, { recursive: true });
    const bytes = readFileSync(join(source, 'adapter_model.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
    const respelled = Object.fromEntries(Object.entries(header).map(([key, value]) => [
      key.replace(/lora_([AB])\.weight/, 'lora_$1.default.weight').replace(/lora_magnitude_vector$/, 'lora_magnitude_vector.default.weight')
        .replace(/(norm|up_proj|v_proj|embed_tokens)\.weight$/, (text, module: string) => (text.includes('lora') ? text : `${module}.modules_to_save.default.weight`)),
      value,
    ]));
    expect(Object.keys(respelled)).not.toEqual(Object.keys(header));
    const text = Buffer.from(JSON.stringify(respelled));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(join(dir, 'adapter_model.safetensors'), Buffer.concat([size, text, bytes.subarray(8 + length)]));
    const base = caseBase(name);
    const [older, newer] = [await merged(base, [{ dir, weight: 1 }]), await merged(base, [{ dir: source, weight: 1 }])];
    expect(readFileSync(older.path).equals(readFileSync(newer.path))).toBe(true);
  });
});
