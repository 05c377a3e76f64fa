/** The package as others take it: by import, by require, and installed from its tarball into an empty folder. Runs what `npm run setup` compiled. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const folder = temporaryFolder();
let model = '';

/** Answers once from the library and once from the server. */
const ASKS = `(async () => {
  const engine = createTaraEngine();
  const loaded = await engine.load(process.argv[2], { threads: 1, contextSize: 256 });
  const texts = [await loaded.generate('x', { temperature: 0 }).text()];
  await engine.dispose();
  const server = await createServer({ path: process.argv[2], port: 0, load: { threads: 1, contextSize: 256 } });
  const response = await fetch(server.url + '/v1/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"prompt":"x","temperature":0}' });
  texts.push((await response.json()).choices[0].text);
  await server.close();
  console.log(JSON.stringify(texts));
})();`;
const FORMS = {
  'import.mjs': `import { createTaraEngine } from 'tara-gguf';\nimport { createServer } from 'tara-gguf/server';\n${ASKS}`,
  'import.cjs': `Promise.all([import('tara-gguf'), import('tara-gguf/server')]).then(([{ createTaraEngine }, { createServer }]) => ${ASKS.slice(0, -1)});`,
  'require.cjs': `const { createTaraEngine } = require('tara-gguf');\nconst { createServer } = require('tara-gguf/server');\n${ASKS}`,
};

const execute = promisify(execFile);
const answers = async (cwd: string, form: keyof typeof FORMS): Promise<unknown> => {
  writeFileSync(join(cwd, form), FORMS[form]);
  const { stdout } = await execute(process.execPath, [form, model], { cwd, env: { ...process.env, TARA_HOME: join(cwd, 'home'), TARA_GGUF_ADDON: join(ROOT, 'build', 'Release', 'tara_gguf.node') } });
  return JSON.parse(stdout);
};

beforeAll(async () => {
  model = await writeChainModel(join(folder.path, 'abc.gguf'), 'abc');
});

describe('the package', () => {
  it.each(['import.mjs', 'import.cjs', 'require.cjs'] as const)('answers to %s', async (form) => {
    if (form === 'require.cjs' && !('require_module' in process.features)) {
      console.log(`require of the package is not tried: Node ${process.versions.node} cannot require ES modules`);
      return;
    }
    const user = join(folder.path, form);
    mkdirSync(join(user, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(user, 'node_modules', 'tara-gguf'), 'junction');
    expect(await answers(user, form)).toEqual(['abc', 'abc']);
  });

  it('answers from its tarball in an empty folder', { timeout: 300_000 }, async ({ skip }) => {
    const user = join(folder.path, 'installed');
    mkdirSync(user);
    writeFileSync(join(user, 'package.json'), '{"private":true}');
    await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', user], { cwd: ROOT });
    const tarball = readdirSync(user).find((name) => name.endsWith('.tgz')) ?? '';
    try {
      await execute('npm', ['install', `./${tarball}`, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: user });
    } catch (error) {
      const { stderr } = error as { readonly stderr: string };
      if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|network/i.test(stderr)) throw error;
      console.log('the tarball is not installed: the package registry cannot be reached');
      skip('the package registry cannot be reached');
    }
    expect(await answers(user, 'import.mjs')).toEqual(['abc', 'abc']);
  });
});
