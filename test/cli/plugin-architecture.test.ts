/** An architecture that a plugin of tara.config adds, through the command line: planned in the compiled pool, run natively. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import { readGguf } from '../../src/formats/gguf/file.js';
import { readFixture, rebuild } from '../convert/architecture-fixtures.js';
import { temporaryFolder } from '../convert/tiny.js';
import { tara } from './run.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/cli/plugin-architecture: skipped, the addon is not built');
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fixture = readFixture('starcoder2');
const base = rebuild(folder, 'starcoder2', fixture);
const convert = (cwd: string, ...more: string[]) => tara(cwd, ['convert', base, '--output', join(folder, 'out.gguf'), '--type', 'f32', '--pre-tokenizer', 'gpt-2', ...more]);

describe.skipIf(!built)('an architecture of a plugin', () => {
  it('is unknown where tara.config does not name the plugin', async () => {
    expect((await convert(folder)).err).toMatch(/TARA_ARCHITECTURE_UNKNOWN.*Starcoder2ForCausalLM/);
  });

  it('is converted where it does', async () => {
    const project = join(folder, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'tara.config.json'), JSON.stringify({ plugins: [fileURLToPath(new URL('../../examples/plugin-starcoder2/index.mjs', import.meta.url))] }));
    const { code, err } = await convert(project);
    expect([code, err]).toEqual([0, '']);
    const { tensors } = await readGguf(join(folder, 'out.gguf'));
    expect(tensors.map(({ name, ne }) => [name, ne])).toEqual(fixture.expected.map(([name, ne]) => [name, ne]));
    expect(readFileSync(join(folder, 'out.gguf')).length).toBeGreaterThan(tensors.reduce((sum, { bytes }) => sum + bytes, 0));
  });
});
