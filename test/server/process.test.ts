/** `serve` as a process: what it says when it is ready, how it ends, what it refuses. Runs what `npm run setup` compiled. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';
import { events, post } from './support.js';

const BIN = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const folder = temporaryFolder();
let model = '';
beforeAll(async () => {
  model = await writeChainModel(join(folder.path, 'abc.gguf'), 'abc', { loop: true });
});

function serve(...argv: string[]) {
  const child = spawn(process.execPath, [BIN, 'serve', ...argv], { cwd: folder.path, env: { ...process.env, TARA_API_KEY: '', TARA_HOME: join(folder.path, 'home') } });
  let out = '';
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, out, err }));
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.includes('\n')) resolve(out.slice(0, out.indexOf('\n')));
    });
    ended.then((result) => reject(new Error(JSON.stringify(result))), reject);
  });
  line.catch(() => undefined);
  return { child, ended, line };
}
const started = (...more: string[]) => serve('--model', model, '--port', '0', '--slots', '2', '--threads', '1', '--context', '2048', ...more);
const urlIn = (line: string): string => /http:\/\/\S+/.exec(line)?.[0] ?? '';
const stream = (url: string, tokens: number, n = 1) => post({ url }, '/v1/completions', { prompt: 'x', temperature: 0, stream: true, max_tokens: tokens, n });
const textOf = (parts: readonly { choices: { text: string }[] }[]): string => parts.map(({ choices }) => choices[0]?.text ?? '').join('');

describe('serve', () => {
  it.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('says where it listens, and on %s answers what is under way before it ends with %i', async (signal, code) => {
    const { child, ended, line } = started();
    expect(await line).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
    const url = urlIn(await line);
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok', release: null });
    const first = await stream(url, 1800);
    // Some wait for a slot; some may come too late.
    const others = Array.from({ length: 8 }, async () => {
      const response = await stream(url, 900).catch(() => undefined);
      return response?.status === 200 ? textOf(await events(response)) : (response?.status ?? 503);
    });
    child.kill(signal);
    expect(textOf(await events(first))).toBe('abc'.repeat(600));
    for (const other of await Promise.all(others)) expect(['abc'.repeat(300), 503]).toContain(other);
    expect(await ended).toMatchObject({ code, err: 'ending: requests under way are answered first\n' });
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('says it as one JSON line with --json', async () => {
    const { child, ended, line } = started('--json');
    expect(JSON.parse(await line)).toEqual({ url: expect.stringMatching(/^http:/) as string, model });
    child.kill('SIGTERM');
    const { code, out } = await ended;
    expect([code, out.trimEnd().split('\n').length]).toEqual([143, 1]);
  });

  it('does not wait for anybody at the second signal', async () => {
    const { child, ended, line } = started('--drain', '600');
    const running = await stream(urlIn(await line), 2000, 16);
    child.kill('SIGTERM');
    await once(child.stderr, 'data');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    await expect(running.text()).rejects.toThrow();
  });

  it('refuses a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, out, err } = await serve('--model', model, '--port', String(port)).ended;
    taken.close();
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(new RegExp(`^error TARA_LISTEN: cannot listen on 127\\.0\\.0\\.1:${port}: EADDRINUSE[^\\n]*\\n$`));
  });

  it('knows the keys of a file, and no other', async () => {
    const keys = join(folder.path, 'keys.txt');
    writeFileSync(keys, 'first\n\n  second  \n');
    const { child, ended, line } = started('--api-key-file', keys);
    const url = urlIn(await line);
    const status = async (headers: Record<string, string>) => (await fetch(`${url}/v1/models`, { headers })).status;
    expect([await status({}), await status({ authorization: 'Bearer third' }), await status({ authorization: 'Bearer second' }), await status({ 'x-api-key': 'first' })]).toEqual([401, 401, 200, 200]);
    child.kill('SIGTERM');
    await ended;
  });

  it.each([
    ['TARA_OPTION_INVALID', () => { writeFileSync(join(folder.path, 'empty.txt'), '\n'); return ['--model', model, '--api-key-file', 'empty.txt']; }],
    ['TARA_USAGE', () => ['--model', model, '--target', folder.path]],
    ['TARA_OPTION_INVALID', () => ['--model', model, '--port', '65536']],
  ] as const)('refuses what makes no sense: %s', async (name, argv) => {
    const { code, out, err } = await serve(...argv()).ended;
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(new RegExp(`^error ${name}: [^\\n]+\\n$`));
  });

  it('explains itself with examples', async () => {
    const { code, out } = await serve('--help').ended;
    expect(code).toBe(0);
    expect(out).toMatch(/tara-gguf serve --model model\.gguf/);
    expect(out).toMatch(/--drain <seconds>/);
  });
});
