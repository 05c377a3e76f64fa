/** Each file of examples/embedding as a process of its own, on models whose every token is known. Runs what `npm run setup` compiled. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/setup.js';
import { writeClosingModel } from '../server/support.js';
import { writeTurnLora } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';

const EXAMPLES = fileURLToPath(new URL('../../examples/embedding/', import.meta.url));
const folder = temporaryFolder();
let chain: string;
let closing: string;
let lora: string;
beforeAll(async () => {
  chain = await writeChainModel(join(folder.path, 'chain.gguf'), 'abc');
  closing = await writeClosingModel(folder.path);
  lora = await writeTurnLora(join(folder.path, 'lora.gguf'), 'a', 'c');
});

const run = (name: string, argv: readonly string[]): Promise<unknown> => new Promise((resolve, reject) => {
  execFile(process.execPath, [join(EXAMPLES, `${name}.mjs`), ...argv], { cwd: folder.path, env: { ...process.env, TARA_HOME: '' } },
    (error, stdout, stderr) => (error ? reject(new Error(`${name}: ${stdout}${stderr}`)) : resolve(JSON.parse(stdout))));
});

const CASES: Readonly<Record<string, () => readonly [argv: readonly string[], printed: unknown]>> = {
  fastify: () => [[chain], { own: 'my own page', answer: 'abc' }],
  'next-route': () => [[chain], { answer: 'abc' }],
  'worker-threads': () => [[chain], { answers: ['abc', 'abc'] }],
  'json-schema': () => [[closing], { answer: { mood: expect.stringMatching(/^(good|bad)$/), urgent: expect.any(Boolean) } }],
  tools: () => [[closing], { call: 'set_light', arguments: { on: expect.any(Boolean) } }],
  adapters: () => [[chain, `short=${lora}`], { plain: 'abc', short: 'ac' }],
};

it('covers every example', () => {
  expect(readdirSync(EXAMPLES).filter((name) => name.endsWith('.mjs')).map((name) => name.slice(0, -4)).sort()).toEqual(Object.keys(CASES).sort());
});

it.each(Object.keys(CASES))('%s runs', async (name) => {
  const [argv, printed] = CASES[name]?.() ?? [[], undefined];
  expect(await run(name, argv)).toEqual(printed);
});
