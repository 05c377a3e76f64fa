/** Plans of the Llama fixtures against what llama.cpp's own converter wrote for them, tensor for tensor and key for key. */
import { existsSync, readFileSync } from 'node:fs';
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

const TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'auto'] as const;

describe.skipIf(!present).each(['llama-tied-bpe', 'llama-spm-f32'])('%s equals the reference', (name) => {
  let planned: PlanWithBlobs;
  beforeAll(async () => {
    planned = await planConvert({ base: join(FIXTURES, 'hf', name), adapters: [], outputs: TYPES.map((type) => ({ id: type, path: null, type })) });
  });
  const manifest = (type: string): Manifest => JSON.parse(readFileSync(join(FIXTURES, 'reference', `${name}.${type}.gguf.json`), 'utf8'));

  it('is a valid plan', () => {
    expect(planSchema.parse(planned.plan)).toEqual(planned.plan);
  });

  it.each(TYPES)('%s: every tensor to the byte, in order', async (type) => {
    const tensors = await runReference(planned.plan, type);
    expect(tensors.map((t) => ({ name: t.name, ne: t.ne, type: t.type.toUpperCase(), bytes: t.bytes.length, sha256: t.sha256 }))).toEqual(manifest(type).tensors);
  });

  it.each(TYPES)('%s: every key in type and value', (type) => {
    expect(manifestKv(planned, type)).toEqual(manifest(type).kv);
  });

  it.each(TYPES)('%s alone: the keys stand in the reference\'s order', async (type) => {
    const alone = await planConvert({ base: join(FIXTURES, 'hf', name), adapters: [], outputs: [{ id: 'out', path: null, type }] });
    expect(Object.keys(manifestKv(alone, 'out'))).toEqual(Object.keys(manifest(type).kv));
  });
});

describe.skipIf(!present)('pre-tokenizer hash', () => {
  it.each(['llama-tied-bpe', 'qwen3-sharded', 'gpt2-conv1d'])('%s: the part of the vocabulary that matters gives the same hash as all of it', (name) => {
    const tokenizer: Record<string, unknown> = JSON.parse(readFileSync(join(FIXTURES, 'hf', name, 'tokenizer.json'), 'utf8'));
    expect(pretokenizerHash(tokenizer)).toBe(pretokenizerHash(tokenizer, true));
  });
});
