/** The executor on the shared checkpoints: llama.cpp's converter, PEFT's merge, and (where TARA_LLAMA_BIN names it) llama-quantize. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { planConvert } from '../../src/convert/plan-convert.js';
import { readGguf, readSafetensors } from '../../src/formats/index.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { hashFile, scratch, sha256 } from './synthetic.js';

const at = scratch();
const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(FIXTURES, 'reference'));
const bin = process.env['TARA_LLAMA_BIN'];
if (!present) console.log('skipped: test/plan/reference (the shared fixtures are not beside this checkout)');
if (bin === undefined) console.log('skipped: llama-quantize on a real tokenizer (TARA_LLAMA_BIN does not name the folder of stock tools)');

interface Manifest { readonly tensors: readonly { readonly name: string; readonly ne: readonly number[]; readonly type: string; readonly sha256: string }[] }

async function convert(base: string, outputs: Record<string, string>, adapters: Parameters<typeof planConvert>[0]['adapters'] = [], threads?: number): Promise<void> {
  const planned = await planConvert({ base, adapters, outputs: Object.entries(outputs).map(([type, path]) => ({ id: type, path, type })) });
  await runPlan(await lower(planned), { threads });
}

describe.skipIf(!present)('conversion', () => {
  it.each(['llama-tied-bpe', 'llama-spm-f32'])('%s gives every tensor of the reference in one pass', async (name) => {
    const types = ['f32', 'f16', 'bf16', 'q8_0'];
    await convert(join(FIXTURES, 'hf', name), Object.fromEntries(types.map((type) => [type, at(`${name}-${type}.gguf`)])));
    for (const type of types) {
      const path = at(`${name}-${type}.gguf`);
      const bytes = await readFile(path);
      const { tensors } = await readGguf(path);
      const expected = JSON.parse(await readFile(join(FIXTURES, 'reference', `${name}.${type}.gguf.json`), 'utf8')) as Manifest;
      expect(tensors.map((t) => ({ name: t.name, type: t.type.toUpperCase(), sha256: sha256(bytes.subarray(t.offset, t.offset + t.bytes)) })))
        .toEqual(expected.tensors.map((t) => ({ name: t.name, type: t.type, sha256: t.sha256 })));
    }
  });
});

/** What a Llama tensor is called in GGUF, and its heads where its rows are permuted. */
function ggufName(name: string, heads: { q: number; k: number }): { name: string; heads?: number } | undefined {
  const inLayer = /^model\.layers\.(\d+)\.(.+)$/.exec(name);
  const parts: Record<string, string> = {
    'self_attn.q_proj.weight': 'attn_q', 'self_attn.k_proj.weight': 'attn_k', 'self_attn.v_proj.weight': 'attn_v', 'self_attn.o_proj.weight': 'attn_output',
    'mlp.gate_proj.weight': 'ffn_gate', 'mlp.up_proj.weight': 'ffn_up', 'mlp.down_proj.weight': 'ffn_down',
  };
  const part = parts[inLayer?.[2] ?? ''];
  if (part === undefined) return undefined;
  const count = part === 'attn_q' ? heads.q : part === 'attn_k' ? heads.k : undefined;
  return { name: `blk.${inLayer?.[1]}.${part}.weight`, ...(count === undefined ? {} : { heads: count }) };
}

describe.skipIf(!present)('merging', () => {
  it.each(['plain-r4', 'rslora-r4'])('%s is within 1e-6 of what PEFT gives', async (name) => {
    const adapter = join(FIXTURES, 'adapters-tiny', name);
    const base = join(FIXTURES, 'hf', 'llama-spm-f32');
    const path = at(`${name}.gguf`);
    await convert(base, { f32: path }, [{ dir: adapter, weight: 1 }]);
    const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8')) as { num_attention_heads: number; num_key_value_heads: number };
    const expected = await readSafetensors(join(adapter, 'expected-merged.safetensors'));
    const merged = await readFile(expected.path);
    const bytes = await readFile(path);
    const written = new Map((await readGguf(path)).tensors.map((tensor) => [tensor.name, tensor]));
    let compared = 0;
    for (const tensor of expected.tensors) {
      const target = ggufName(tensor.name, { q: config.num_attention_heads, k: config.num_key_value_heads });
      const got = written.get(target?.name ?? '');
      if (target === undefined || got === undefined) continue;
      const [rows = 0, cols = 0] = tensor.shape;
      const width = rows / (target.heads ?? 1);
      let worst = 0;
      let largest = 0;
      for (let row = 0; row < rows; row++) {
        const source = target.heads === undefined ? row : Math.floor(row / width) * width + (row % 2) * (width / 2) + Math.floor((row % width) / 2);
        for (let col = 0; col < cols; col++) {
          const wanted = merged.readFloatLE(tensor.offset + 4 * (source * cols + col));
          worst = Math.max(worst, Math.abs(wanted - bytes.readFloatLE(got.offset + 4 * (row * cols + col))));
          largest = Math.max(largest, Math.abs(wanted));
        }
      }
      expect(worst / largest, tensor.name).toBeLessThan(1e-6);
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe.runIf(present && bin !== undefined)('llama-quantize on llama-tied-bpe', () => {
  beforeAll(() => convert(join(FIXTURES, 'hf', 'llama-tied-bpe'), { f16: at('tied.gguf') }));

  it.each(['Q2_K', 'Q3_K_M', 'Q4_0', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'IQ4_NL'])('%s: the same file with 1 and 2 threads', async (type) => {
    execFileSync(join(bin ?? '', 'llama-quantize'), [at('tied.gguf'), at(`stock-${type}.gguf`), type, '2'], { stdio: 'pipe' });
    const stock = await hashFile(at(`stock-${type}.gguf`));
    for (const threads of [1, 2]) {
      await convert(at('tied.gguf'), { [type]: at(`ours-${type}.gguf`) }, [], threads);
      expect(await hashFile(at(`ours-${type}.gguf`))).toBe(stock);
    }
  });
});
