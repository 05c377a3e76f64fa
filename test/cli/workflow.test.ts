/** The original's ten commands, each a process of its own, one after another on one state folder. They run the built library in dist. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGguf, metadataOf } from '../../src/formats/index.js';
import { tinyAdapter } from '../convert/tiny.js';
import { CHAIN_WIDTH, writeChainModel } from '../support/tiny-model.js';

const CLI = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tara-workflow-'));
  await writeChainModel(join(folder, 'base.gguf'), 'abc');
  const adapters = join(folder, 'models', 'adapters');
  mkdirSync(adapters, { recursive: true });
  for (const name of ['healthcare', 'business']) tinyAdapter(adapters, name, { 'model.layers.0.self_attn.q_proj': [CHAIN_WIDTH, CHAIN_WIDTH] });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tara(...argv: string[]): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CLI, ...argv, '--json'], { cwd: folder, env: { ...process.env, TARA_HOME: '', TARA_BASE: '' } }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${argv.join(' ')}: ${stdout}${stderr}`));
      else resolve(JSON.parse(stdout) as Record<string, unknown>);
    });
  });
}

test('phase 1 from planning to deployed and on to phase 2', async () => {
  await tara('create-phase', '1', '--domains', 'healthcare,business', '--quantization', 'Q8_0', '--compression-type', 'standard', '--target-size', '1', '--quality-threshold', '0.85', '--speed-priority', '--base', 'base.gguf');
  await tara('add-domain', '1', 'business', '--adapter-path', join('models', 'adapters', 'business'));

  const cleaned = await tara('clean-model', join('models', 'adapters', 'healthcare'), '--output-path', 'cleaned', '--report-path', 'report.json');
  expect(cleaned).toMatchObject({ kind: 'peft-adapter', valid: true });
  expect(existsSync(join(folder, 'report.json'))).toBe(true);
  await tara('add-domain', '1', 'healthcare', '--adapter-path', 'cleaned');

  for (const name of ['healthcare', 'business']) await tara('update-domain', name, '--status', 'complete', '--quality', '0.9', '--metrics', '{"loss":1.8}');
  const build = await tara('build-phase', '1', '--quantization', 'Q4_0', '--compression-type', 'standard');
  const file = await readGguf(build['output'] as string);
  expect(file.size).toBe(build['bytes']);
  expect(metadataOf(file).number('tara.phase')).toBe(1);

  await tara('deploy-phase', '1', '--target', 'deployed');
  expect(await tara('verify', 'deployed')).toMatchObject({ ok: true });
  expect(await tara('list-phases')).toMatchObject({ phases: [{ phase: 1, status: 'deployed' }] });
  expect(await tara('show-phase', '1')).toMatchObject({
    status: 'deployed',
    domains: [{ name: 'business', status: 'complete', quality: 0.9 }, { name: 'healthcare', status: 'complete', metrics: { loss: 1.8 } }],
    builds: [{ status: 'good', quantization: 'Q4_0' }],
    releases: [{ status: 'current' }],
  });

  await tara('advance-phase');
  expect(await tara('list-phases')).toMatchObject({ phases: [{ phase: 1, status: 'deployed' }, { phase: 2, status: 'planning', current: true }] });
  await tara('cleanup-phase', '1');
  expect(await tara('show-phase', '1')).toMatchObject({ status: 'deployed' });
});
