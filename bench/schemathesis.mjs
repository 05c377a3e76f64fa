/**
 * Runs schemathesis (https://schemathesis.io) against `serve`: requests made from /openapi.json, valid and not, and every answer held
 * against it. `node bench/schemathesis.mjs MODEL.gguf`, with `st` in PATH or named by TARA_SCHEMATHESIS; further arguments are its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';
import { CLI } from './lib.mjs';

const [model, ...more] = process.argv.slice(2);
if (model === undefined) throw new Error('give a GGUF model: a small one, there are thousands of requests');

const server = spawn(process.execPath, [CLI, 'serve', '--json', '--model', model, '--port', '0', '--threads', '1', '--context', '256'], { stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const [ready] = await once(server.stdout, 'data');
  const { url } = JSON.parse(ready);
  const asked = spawn(process.env.TARA_SCHEMATHESIS ?? 'st', ['--config-file', join(ROOT, 'bench', 'schemathesis.toml'), 'run', `${url}/openapi.json`, '--generation-database', 'none', ...more], { stdio: 'inherit' });
  [process.exitCode] = await once(asked, 'close');
} finally {
  server.kill('SIGTERM');
}
