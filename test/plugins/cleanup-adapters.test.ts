import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { PhaseCleanValue } from 'tara-gguf/plugin';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { cleanDomain } from '../../plugins/cleanup/hook.js';
import { check, copyOf, errors, makeAdapter, makeModel, readJson, readTensors, temporary, write, writeTensors } from './cleanup-model.js';

describe('adapters', () => {
  test('rank and modules of the old form come from the tensors where they are wrong', async () => {
    const root = makeAdapter();
    write(root, 'adapter_config.json', { domain: 'x', base_model: 'b', lora_r: 64, lora_alpha: 8, target_modules: ['all'] });
    const report = await copyOf(root);
    expect(report).toMatchObject({ kind: 'peft-adapter', valid: true, fixes: [{ code: 'ADAPTER_CONFIG', file: 'adapter_config.json' }] });
    expect(readJson(join(`${root}-out`, 'adapter_config.json'))).toMatchObject({ r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'], peft_type: 'LORA' });
  });

  test('the PEFT form is not repaired against its tensors', async () => {
    const root = makeAdapter();
    write(root, 'adapter_config.json', { peft_type: 'LORA', r: 8, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] });
    const report = await check(root);
    expect(errors(report)).toEqual(['SHAPE_MISMATCH adapter_model.safetensors']);
    expect(report.fixes).toEqual([]);
  });

  test('half a pair', async () => {
    const root = makeAdapter();
    const [[name] = ['']] = Object.entries(readTensors(join(root, 'adapter_model.safetensors')));
    const tensors = readTensors(join(root, 'adapter_model.safetensors'));
    writeTensors(root, 'adapter_model.safetensors', Object.fromEntries(Object.entries(tensors).filter(([other]) => other !== name)));
    expect(errors(await check(root))).toContain('MISSING_TENSOR adapter_model.safetensors');
  });

  test('a base of the same name and other shapes does not fit; the right one does', async () => {
    const root = makeAdapter();
    const base = makeModel();
    expect(errors(await clean(root, { baseDir: base }))).toEqual([]);
    expect(errors(await clean(root, { baseDir: makeModel({ hidden_size: 24, head_dim: 8 }) }))).toEqual(['INCOMPATIBLE_ADAPTER adapter_config.json']);
    expect(errors(await clean(root, { baseDir: makeModel({ num_hidden_layers: 1 }) }))).toEqual(['INCOMPATIBLE_ADAPTER adapter_config.json']);
  });

  test('an empty folder is neither kind', async () => {
    expect(await check(temporary())).toMatchObject({ kind: 'unknown', valid: false, score: 0 });
  });
});

describe('phase:clean', () => {
  const value = (path: string): PhaseCleanValue => ({ phase: 1, domain: 'health', path, baseDir: makeModel(), workDir: temporary(), reports: [] });
  const { signal } = new AbortController();

  test('gives the cleaned copy with its report', async () => {
    const given = value(makeAdapter());
    const result = await cleanDomain(given, signal);
    expect(result.path).toBe(join(given.workDir, 'health-cleaned'));
    expect(readJson(join(result.path, 'adapter_config.json')).peft_type).toBe('LORA');
    expect(result.reports).toHaveLength(1);
  });

  test('names the first issue of an adapter that cannot be used', async () => {
    const root = makeAdapter();
    truncateSync(join(root, 'adapter_model.safetensors'), 2000);
    await expect(cleanDomain(value(root), signal)).rejects.toMatchObject({ code: 'TARA_CLEANUP_INVALID', message: expect.stringContaining('TRUNCATED_SAFETENSORS') as string });
    await expect(cleanDomain(value(makeModel()), signal)).rejects.toMatchObject({ code: 'TARA_CLEANUP_INVALID' });
  });
});
