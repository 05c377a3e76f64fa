/** Bytes and types against llama-quantize v0.5.0: recorded ones everywhere, the tool itself where TARA_LLAMA_BIN names its folder. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lower, planSize, PRESET_NAMES, PRESETS, runPlan } from '../../src/plan/index.js';
import { hashFile, K_QUANTABLE, NARROW, quantizePlan, scratch, tensorHashes, writeLlama } from './synthetic.js';

const at = scratch();
const bin = process.env['TARA_LLAMA_BIN'];
const LISTED = ['Q2_K', 'Q3_K_M', 'Q4_0', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'IQ4_NL', 'F16', 'BF16'];
const FREE = PRESET_NAMES.filter((name) => PRESETS[name]?.needsImatrix === false);
const MODELS = { wide: K_QUANTABLE, narrow: NARROW };

interface Expected {
  /** By model and preset: "type sha256" of each tensor. */
  readonly tensors: Record<string, Record<string, Record<string, string>>>;
  /** By model and preset: sha256 of the whole file. */
  readonly files: Record<string, Record<string, string>>;
}

beforeAll(async () => {
  for (const [name, shape] of Object.entries(MODELS)) await writeLlama(at(`${name}.gguf`), shape);
});

async function run(model: string, outputs: Record<string, string>, threads?: number) {
  const lowered = await lower(await quantizePlan(at(`${model}.gguf`), outputs));
  return runPlan(lowered, { threads });
}

if (bin === undefined) console.log('skipped: the comparison with llama-quantize itself (TARA_LLAMA_BIN does not name the folder of stock tools)');
describe.runIf(bin !== undefined)('llama-quantize itself', () => {
  it('writes what is recorded in test/fixtures/quantize-expected.json', async () => {
    const expected: Expected = { tensors: {}, files: {} };
    for (const model of Object.keys(MODELS)) {
      const tensors: Record<string, Record<string, string>> = (expected.tensors[model] = {});
      const files: Record<string, string> = (expected.files[model] = {});
      for (const name of FREE) {
        const stock = at(`stock-${model}-${name}.gguf`);
        try {
          execFileSync(join(bin ?? '', 'llama-quantize'), ['--allow-requantize', at(`${model}.gguf`), stock, name, '1'], { stdio: 'pipe' });
        } catch {
          continue; // a type that has no fallback for this model's rows
        }
        files[name] = await hashFile(stock);
        if (LISTED.includes(name)) tensors[name] = await tensorHashes(stock);
      }
    }
    await expect(`${JSON.stringify(expected, null, 1)}\n`).toMatchFileSnapshot('../fixtures/quantize-expected.json');
  });
});

describe('quantizing', async () => {
  const expected = JSON.parse(await readFile(new URL('../fixtures/quantize-expected.json', import.meta.url), 'utf8')) as Expected;

  for (const model of Object.keys(MODELS)) {
    for (const name of LISTED) {
      it(`${model} to ${name} gives llama-quantize's types and bytes with 1 and 2 threads`, async () => {
        for (const threads of [1, 2]) {
          const path = at(`${model}-${name}-${threads}.gguf`);
          await run(model, { [name]: path }, threads);
          expect(await tensorHashes(path)).toEqual(expected.tensors[model]?.[name]);
        }
      });
    }

    it(`${model}: every preset gives llama-quantize's whole file, all of them in one pass`, async () => {
      const names = FREE.filter((name) => expected.files[model]?.[name] !== undefined);
      expect(names.length).toBeGreaterThan(20);
      const outputs = Object.fromEntries(names.map((name) => [name, at(`${model}-all-${name}.gguf`)]));
      const plan = await quantizePlan(at(`${model}.gguf`), outputs);
      await runPlan(await lower(plan));
      const got = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hashFile(outputs[name] ?? '')])));
      expect(got).toEqual(Object.fromEntries(names.map((name) => [name, expected.files[model]?.[name]])));
      for (const { output, bytes } of planSize(plan)) expect(bytes).toBe((await readFile(outputs[output] ?? '')).length);
    });
  }

  it('one four-output pass equals four single ones', async () => {
    const names = ['Q2_K', 'Q4_K_M', 'Q8_0', 'F16'];
    const together = Object.fromEntries(names.map((name) => [name, at(`four-${name}.gguf`)]));
    await run('wide', together);
    for (const name of names) {
      await run('wide', { [name]: at(`single-${name}.gguf`) });
      expect(await hashFile(at(`four-${name}.gguf`)), name).toBe(await hashFile(at(`single-${name}.gguf`)));
    }
  });
});
