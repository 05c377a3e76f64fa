import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost, loadConfig, loadPlugin } from '../../src/kernel/index.js';
import { plugin, thrownBy } from './helpers.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tara-config-'))));
afterEach(() => rm(folder, { recursive: true }));

async function write(path: string, text: string): Promise<string> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
  return join(folder, path);
}

const source = (name: string) => `export default { name: '${name}', version: '1.0.0', kernel: '*', apiVersion: 1 };\n`;

/** The names of the plugins that a configuration gives, or the codes of their errors. */
const names = async () =>
  createHost({ plugins: (await loadConfig(folder)).plugins }).plugins().map(({ name, error }) => error?.code ?? name);

describe('loadConfig', () => {
  it('is empty where there is no file', async () => {
    expect(await loadConfig(folder)).toEqual({ path: null, plugins: [], config: {}, capabilities: {}, disable: [], embeddingModel: null, timeouts: {} });
  });

  it('reads a module: paths from the file, plugins in place, settings', async () => {
    await write('deep/one.mjs', source('one'));
    await write('two/index.mjs', source('two'));
    const path = await write('tara.config.mjs', `import one from './deep/one.mjs';
      export default { plugins: ['./deep/one.mjs', './two', { ...one, name: 'three' }], config: { one: { a: 1 } }, capabilities: { router: 'one' }, disable: ['deploy'], embeddingModel: './e.gguf', timeouts: { hook: 100 } };`);
    expect(await loadConfig(folder)).toMatchObject({ path, config: { one: { a: 1 } }, capabilities: { router: 'one' }, disable: ['deploy'], embeddingModel: join(folder, 'e.gguf'), timeouts: { hook: 100 } });
    expect(await names()).toEqual(['one', 'two', 'three']);
  });

  it('reads JSON, with packages from node_modules', async () => {
    await write('node_modules/plain/package.json', '{ "name": "plain", "type": "module", "main": "main.js" }');
    await write('node_modules/plain/main.js', source('plain'));
    await write('node_modules/@org/esm/package.json', '{ "name": "@org/esm", "type": "module", "exports": { ".": { "types": "./x.d.ts", "import": { "default": "./esm.js" } } } }');
    await write('node_modules/@org/esm/esm.js', source('esm'));
    await write('node_modules/closed/package.json', '{ "name": "closed", "exports": { "./inner": "./x.js" } }');
    await write('tara.config.json', '{ "plugins": ["plain", "@org/esm", "absent", "closed"] }');
    expect(await names()).toEqual(['plain', 'esm', 'TARA_PLUGIN_LOAD', 'TARA_PLUGIN_LOAD']);
  });

  it.each([
    ['tara.config.json', '{ "plugins": [', /JSON/],
    ['tara.config.json', '[]', /the file: /],
    ['tara.config.json', '{ "plugin": [] }', /the file: .*plugin/],
    ['tara.config.json', '{ "plugins": [1] }', /plugins\.0: must be a path/],
    ['tara.config.json', '{ "timeouts": { "start": -1 } }', /timeouts\.start: /],
    ['tara.config.json', `"${'x'.repeat(1 << 20)}"`, /more than 1048576/],
    ['tara.config.mjs', 'export default {', /./],
    ['tara.config.mjs', 'throw new Error("not today");', /not today/],
    ['tara.config.mjs', 'export const config = {};', /no default export/],
  ])('names what is wrong with %s: %s', async (file, text, reason) => {
    const path = await write(file, text);
    const error = await thrownBy('TARA_CONFIG_FILE_INVALID', () => loadConfig(folder));
    expect(error.fields.path).toBe(path);
    expect(error.fields.reason).toMatch(reason);
    expect(error.message).not.toContain('\n');
  });

  it('refuses two files, a folder, and a named file that is missing', async () => {
    await write('tara.config.json', '{}');
    const other = await write('tara.config.mjs', 'export default {};');
    expect((await thrownBy('TARA_CONFIG_FILE_INVALID', () => loadConfig(folder))).message).toContain('exists too');
    expect((await loadConfig(folder, { file: 'tara.config.mjs' })).path).toBe(other);
    await mkdir(join(folder, 'sub', 'tara.config.json'), { recursive: true });
    expect((await thrownBy('TARA_CONFIG_FILE_INVALID', () => loadConfig(join(folder, 'sub')))).message).toContain('no regular file');
    await thrownBy('TARA_FILE_NOT_FOUND', () => loadConfig(folder, { file: 'other.json' }));
  });
});

describe('loadPlugin', () => {
  it.each([
    ['./absent.mjs', 'no such file or folder'],
    ['./empty', 'the folder has no index.mjs or index.js'],
    ['./throws.mjs', 'at import'],
    ['./nothing.mjs', 'it has no default export'],
    ['no-such-package', 'no such package is installed'],
  ])('answers with the reason for %s', async (specifier, reason) => {
    await mkdir(join(folder, 'empty'));
    await write('throws.mjs', 'throw new Error("at import\\nand more");');
    await write('nothing.mjs', 'export const plugin = {};');
    const found = await loadPlugin(specifier, folder);
    expect(found).toMatchObject({ source: specifier, error: { code: 'TARA_PLUGIN_LOAD', fields: { plugin: specifier, reason } } });
    const host = createHost({ plugins: [found, { source: 'good', value: plugin('good') }] });
    await host.start();
    expect(host.plugins().map(({ name, state }) => `${name}: ${state}`)).toEqual([`${specifier}: failed`, 'good: started']);
  });
});
