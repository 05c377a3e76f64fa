/** The peers under load, each in a process of its own: { eight(ids), single(ids), close() }. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createTaraEngine } from '../../dist/src/index.js';
import { CLI } from '../lib.mjs';
import { httpStream } from './http_stream.mjs';
import { eight, single } from './serve_load.mjs';

async function stop(child) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** A library in a child process, which streams to itself. */
export async function openChild(kind, path, size, folder = '') {
  const child = fork(fileURLToPath(new URL('./serve_child.mjs', import.meta.url)), [kind, path, JSON.stringify(size), folder]);
  const died = once(child, 'exit').then(([code]) => { throw new Error(`the process of ${kind} ended with ${code}`); });
  died.catch(() => undefined);
  const answer = async () => (await Promise.race([once(child, 'message'), died]))[0];
  const ask = (message) => {
    child.send(message);
    return answer();
  };
  await answer();
  return {
    eight: (ids) => ask({ ask: 'eight', ids }),
    single: (ids) => ask({ ask: 'single', ids }),
    close: () => stop(child),
  };
}

export async function openLibrary(path, { slots, threads, contextSize }) {
  const engine = createTaraEngine();
  const model = await engine.load(path, { slots, threads, contextSize });
  return {
    async stream(prompt, maxTokens) {
      const started = performance.now();
      const generation = model.generate(Int32Array.from(prompt), { temperature: 0, maxTokens, ignoreEos: true, cachePrompt: false });
      let [first, tokens] = [0, 0];
      for await (const chunk of generation) {
        first ||= performance.now() - started;
        tokens += chunk.tokens.length;
      }
      return { firstTokenMs: first, tokens };
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A server as a process of its own, asked over loopback. */
async function openProcess(command, args) {
  const port = await freePort();
  const child = spawn(command, [...args, '--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  const peer = {
    stream: (prompt, maxTokens) => httpStream(`${url}/v1/completions`, { model: 'default', prompt: [...prompt], max_tokens: maxTokens, temperature: 0, ignore_eos: true, cache_prompt: false }),
  };
  return {
    url,
    pid: child.pid,
    eight: (ids) => eight(peer, ids),
    single: (ids) => single(peer, ids),
    close: () => stop(child),
  };
}

export const openServer = (path, { slots, threads, contextSize }) =>
  openProcess(process.execPath, [CLI, 'serve', '--model', path, '--slots', String(slots), '--threads', String(threads), '--context', String(contextSize)]);

export const openLlamaServer = (tools, path, { slots, threads, contextSize }) =>
  openProcess(join(tools, 'llama-server'), ['-m', path, '-np', String(slots), '-t', String(threads), '-c', String(slots * contextSize), '--host', '127.0.0.1', '--no-webui', '--log-disable']);

/** `folder` = where node-llama-cpp is installed. */
export async function openNodeLlamaCpp(folder, path, { slots, threads, contextSize }) {
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize, sequences: slots, threads });
  const free = Array.from({ length: slots }, () => context.getSequence());
  return {
    async stream(prompt, maxTokens) {
      const sequence = free.pop();
      await sequence.clearHistory();
      const started = performance.now();
      let first = 0;
      const ids = [];
      for await (const id of sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true })) {
        first ||= performance.now() - started;
        ids.push(id);
        if (ids.length === maxTokens) break;
      }
      free.push(sequence);
      return { firstTokenMs: first, tokens: ids.length };
    },
  };
}
