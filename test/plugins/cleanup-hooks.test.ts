/** Checks and fixes that other plugins add, by the example plugin and by ones that misbehave. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleaner, definePlugin, workers, type CleanReport } from 'tara-gguf/plugin';
import { describe, expect, test } from 'vitest';
import cleanup from '../../plugins/cleanup/index.js';
import type { CleanupFixValue } from '../../plugins/cleanup/hooks.js';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { hooks as hooksToken } from '../../src/plugin.js';
import { createTestHost, fakeDeployer, loadConfig, service } from '../../src/testing/index.js';
import { deployer } from '../../src/plugin.js';
import { createPool } from '../../src/workers/index.js';
import { makeModel, temporary, write } from './cleanup-model.js';

const example = fileURLToPath(new URL('../../examples/plugin-licence/', import.meta.url));
const services = [service(deployer, fakeDeployer)];

describe('the example plugin', () => {
  test('reports, refuses and writes a licence', async () => {
    const { plugins, config } = await loadConfig(example);
    await using host = await createTestHost({ plugins: [cleanup, ...plugins], config, services });
    const root = makeModel();
    const run = async (output: string): Promise<CleanReport> => (await host.run('clean-model', [root, '--output-path', output])).json as CleanReport;
    const first = await run(`${root}-1`);
    expect(first.issues).toMatchObject([{ code: 'LICENCE_MISSING', severity: 'warning' }]);
    expect(first).toMatchObject({ valid: true, fixes: [{ code: 'LICENCE', file: 'LICENSE' }] });
    expect(readFileSync(join(`${root}-1`, 'LICENSE'), 'utf8')).toBe('Apache License, Version 2.0\n');
    write(root, 'LICENSE.md', 'For Non-Commercial use');
    expect(await run(`${root}-2`)).toMatchObject({ valid: false, issues: [{ code: 'LICENCE_REFUSED', path: 'LICENSE.md' }], fixes: [] });
    expect((await host.run('verify', [`${root}-2`])).json).toMatchObject({ ok: false, issues: [{ code: 'LICENCE_REFUSED' }], manifestFiles: 6 });
  });

  test('its task runs in the real pool too', async () => {
    const root = temporary();
    write(root, 'LICENSE', 'no derivatives');
    const pool = createPool({ threads: 1 });
    try {
      expect(await pool.run(join(example, 'task.mjs'), { folder: root, files: ['LICENSE'], words: ['derivatives', 'x'] })).toEqual([{ file: 'LICENSE', word: 'derivatives' }]);
    } finally {
      await pool.close();
    }
  });
});

describe('handlers that misbehave', () => {
  const withFix = (fix: (value: CleanupFixValue) => CleanupFixValue) => definePlugin({ name: 'odd', version: '1.0.0', kernel: '*', apiVersion: 1, optional: ['cleanup'], hooks: { 'cleanup:fix': fix } });

  test.each(['../outside', '/etc/passwd', 'a/../../b', 'nowhere/new', 'docs', '', 'a\\b'])('a fix of %j is refused and nothing written', async (file) => {
    await using host = await createTestHost({ plugins: [cleanup, withFix((value) => ({ ...value, fixes: [{ code: 'X', file, text: 'x' }] }))], services });
    const root = makeModel();
    write(root, 'docs/a.md', 'a');
    await expect(host.use(cleaner).clean(root, { outputPath: `${root}-out` })).rejects.toMatchObject({ code: 'TARA_CLEANUP_INVALID' });
    expect(existsSync(`${root}-out`)).toBe(false);
  });

  test('a check that throws is an error of the folder', async () => {
    const odd = definePlugin({ name: 'odd', version: '1.0.0', kernel: '*', apiVersion: 1, optional: ['cleanup'], hooks: { 'cleanup:check': () => { throw new Error('no\nidea'); } } });
    await using host = await createTestHost({ plugins: [cleanup, odd], services });
    const report = await host.use(cleaner).clean(makeModel());
    expect(report).toMatchObject({ valid: false, issues: [{ code: 'CHECK_FAILED', severity: 'error' }] });
    expect(report.issues[0]?.message).toMatch(/plugin odd .*cleanup:check: no/);
  });

  test('a fix may take away what an earlier check found', async () => {
    await using host = await createTestHost({ plugins: [cleanup, withFix((value) => ({ ...value, remove: ['notes.md'] }))], services });
    const root = makeModel();
    write(root, 'notes.md', 'x');
    expect(await clean(root, { outputPath: `${root}-out` }, { hooks: host.use(hooksToken), workers: host.use(workers) })).toMatchObject({ removed: ['notes.md'], valid: true });
    expect(existsSync(join(`${root}-out`, 'notes.md'))).toBe(false);
  });
});
