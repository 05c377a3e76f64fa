/** Building, deploying, routing, reading emotions and generating open no connection: every way to a network is watched in each process. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { writeTurnAdapter } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';

const CLI = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const WATCH = pathToFileURL(fileURLToPath(new URL('./local-only.mjs', import.meta.url))).href;
const folder = mkdtempSync(join(tmpdir(), 'tara-local-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = join(folder, 'network.log');

function tara(...argv: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--import', WATCH, CLI, ...argv], { cwd: folder, env: { ...process.env, TARA_HOME: '', TARA_BASE: '', TARA_NETWORK_LOG: log } }, (error, stdout, stderr) => (error ? reject(new Error(`${argv.join(' ')}: ${stdout}${stderr}`)) : resolve(stdout)));
  });
}

test('the watch sees a connection', async () => {
  writeFileSync(log, '');
  await expect(tara('inspect', 'http://127.0.0.1:9/model.gguf')).rejects.toThrow();
  expect(readFileSync(log, 'utf8')).toMatch(/^(fetch|net\.connect)\n/);
});

test('build, deploy, verify, route, analyze, generate, chat, roll back', { timeout: 180_000 }, async () => {
  writeFileSync(log, '');
  await writeChainModel(join(folder, 'base.gguf'), 'abc');
  writeTurnAdapter(folder, 'healthcare', 'a', 'H');
  await tara('create-phase', '1', '--quantization', 'Q8_0', '--base', 'base.gguf');
  await tara('add-domain', '1', 'healthcare', '--adapter-path', 'healthcare');
  await tara('update-domain', 'healthcare', '--status', 'complete');
  const commands = [
    ['build-phase', '1'], ['deploy-phase', '1', 'target'], ['deploy-phase', '1', 'target'], ['verify', 'target'], ['route', 'I have a headache'], ['analyze-emotion', 'I am so happy'],
    ['generate', 'base.gguf', '--prompt', 'a', '--max-tokens', '2'], ['chat', 'target', '--message', 'I have a headache', '--max-tokens', '2'], ['metrics'], ['report', '--html', 'report.html'], ['rollback', 'target'],
  ];
  for (const command of commands) await tara(...command);
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  expect(lines.filter((line) => !line.startsWith('ended '))).toEqual([]);
  expect(lines.slice(3)).toEqual(commands.map(([name]) => `ended ${name}`));
});
