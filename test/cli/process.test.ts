/** The command line as a process: start-up, signals, a reader that goes away, a missing build. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporary } from '../phases/temporary.js';
import { compileSources } from './compiled.js';

const fresh = temporary();
let compiled = '';
beforeAll(() => {
  compiled = compileSources();
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

function start(cwd: string, argv: readonly string[], bin = join(compiled, 'bin/tara-gguf.js')) {
  const child = spawn(process.execPath, [bin, ...argv], { cwd, env: { ...process.env, TARA_HOME: undefined } });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, out, err }));
  return { child, ended };
}
const tara = (cwd: string, ...argv: string[]) => start(cwd, argv).ended;

/** A folder with a plugin whose command `wait` says it is ready and ends when it is aborted, `flood` writes for ever, `crash` throws later. */
function withPlugin(): string {
  const cwd = fresh();
  writeFileSync(join(cwd, 'tara.config.json'), '{"plugins":["./waits.mjs"]}');
  writeFileSync(join(cwd, 'waits.mjs'), `
    const command = (name, run) => ({ name, description: name, load: async () => ({ default: { describe() {}, run } }) });
    export default { name: 'waits', version: '1.0.0', kernel: '*', apiVersion: 1, commands: [
      command('wait', ({ signal }) => new Promise((_, reject) => {
        const alive = setInterval(() => {}, 1000);
        signal.addEventListener('abort', () => { clearInterval(alive); process.stderr.write('cleaned up\\n'); reject(signal.reason); });
        process.stderr.write('ready\\n');
      })),
      command('flood', async ({ signal }) => ({ json: (async function* () { while (!signal.aborted) yield 'x'.repeat(1000); })(), text: '' })),
      command('crash', () => new Promise(() => setTimeout(() => { throw new Error('out of the blue'); }))),
      command('linger', async () => { setInterval(() => {}, 1000); return { json: 1, text: 'done' }; }),
    ] };`);
  return cwd;
}

describe('the process', () => {
  it('runs the phase commands one after another on one state folder', async () => {
    const cwd = fresh();
    mkdirSync(join(cwd, 'ad'));
    expect(await tara(cwd, 'create-phase', '1', '--domains', 'a,b')).toMatchObject({ code: 0, err: '' });
    expect(await tara(cwd, 'add-domain', '1', 'c', '--adapter-path', 'ad')).toMatchObject({ code: 0, err: '' });
    expect(await tara(cwd, 'update-domain', 'c', '--status', 'complete')).toMatchObject({ code: 0, err: '' });
    const shown = await tara(cwd, 'show-phase', '1', '--json');
    expect(JSON.parse(shown.out)).toMatchObject({ status: 'training', domains: [{ name: 'a' }, { name: 'b' }, { name: 'c', status: 'complete' }] });
    expect(await tara(cwd, 'update-domain', 'c', '--status', 'pending')).toMatchObject({ code: 1, out: '' });
  });

  it('loads neither commander nor SQLite to print its version', async () => {
    const traced = spawn(process.execPath, ['--input-type=module', '-e', `
      import { createRequire } from 'node:module';
      process.argv.splice(1, process.argv.length, 'tara-gguf', '--version');
      await import(${JSON.stringify(join(compiled, 'bin/tara-gguf.js'))});
      await new Promise((resolve) => setImmediate(resolve));
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /commander|libsql/.test(path));
      process.stdout.write(JSON.stringify(loaded));`]);
    let out = '';
    traced.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
    await once(traced, 'close');
    expect(out).toMatch(/^\d+\.\d+\.\d+\n\[\]$/);
  });

  it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('ends on %s with %i after the command has cleaned up', async (signal, code) => {
    const { child, ended } = start(withPlugin(), ['wait']);
    await once(child.stderr, 'data');
    child.kill(signal);
    const result = await ended;
    expect(result.code).toBe(code);
    expect(result.err).toMatch(/^ready\ncleaned up\nerror TARA_ABORTED: /);
  });

  it('ends silently when the reader of stdout goes away', async () => {
    const { child, ended } = start(withPlugin(), ['flood', '--json']);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('answers an error out of the blue with one line and exit code 1', async () => {
    const result = await tara(withPlugin(), 'crash');
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/^error TARA_INTERNAL: internal error: out of the blue\. [^\n]+\n$/);
  });

  it('does not hang on handles that a command left open', async () => {
    expect(await tara(withPlugin(), 'linger')).toMatchObject({ code: 0, out: 'done\n' });
  });

  it('says how to build when dist/ is missing', async () => {
    const cwd = fresh();
    cpSync(join(compiled, 'bin'), join(cwd, 'bin'), { recursive: true });
    writeFileSync(join(cwd, 'package.json'), '{"type":"module"}');
    const result = await start(cwd, ['list-phases'], join(cwd, 'bin/tara-gguf.js')).ended;
    expect(result).toEqual({ code: 1, out: '', err: 'error TARA_NOT_BUILT: tara-gguf is not built. Run `npm run setup`.\n' });
  });
});
