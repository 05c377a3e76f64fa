/** An unmodified llama-server on a free port of loopback, for tests that compare with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

export interface LlamaServer extends AsyncDisposable {
  /** POSTs to it; the answer's JSON. */
  ask(path: string, body: object): Promise<Record<string, unknown>>;
}

/** `folder` = where llama.cpp's tools lie. */
export async function startLlamaServer(folder: string, model: string, args: readonly string[]): Promise<LlamaServer> {
  const port = await freePort();
  const child = spawn(join(folder, 'llama-server'), ['-m', model, '--host', '127.0.0.1', '--port', String(port), ...args], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const ready = async () => (await fetch(`${url}/health`).catch(() => undefined))?.ok === true;
  while (!(await ready())) {
    if (child.exitCode !== null) throw new Error(`llama-server ended with ${child.exitCode}`);
    await delay(50);
  }
  return {
    async ask(path, body) {
      const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`llama-server: ${response.status} ${await response.text()}`);
      return (await response.json()) as Record<string, unknown>;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
