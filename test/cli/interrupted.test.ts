/** Commands as processes that are killed, interrupted, started twice, out of space or without their streams: the next command works. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, watch, writeFileSync, type Dirent } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import { tinyAdapter } from '../convert/tiny.js';
import { temporary } from '../phases/temporary.js';
import { slowModel, TINY, withKeys } from './bad-models.js';

const BIN = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const ready = addonPaths().some((path) => existsSync(path)) && existsSync(fileURLToPath(new URL('../../dist/src/cli/process.js', import.meta.url)));
if (!ready) console.log('test/cli/interrupted: skipped, the addon or dist/ is not built');

const isRoot = process.getuid?.() === 0;
if (isRoot) console.log('test/cli/interrupted: the folder without permission is skipped, root may write everywhere');

const fresh = temporary();

interface Ended { readonly code: number | null; readonly signal: string | null; readonly out: string; readonly err: string }

function follow(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { err += text; });
  return once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null, out, err }));
}

function start(cwd: string, argv: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [BIN, ...argv], { cwd, env: { ...process.env, TARA_HOME: undefined, TARA_BASE: undefined }, stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, ended: follow(child) };
}
const tara = (cwd: string, ...argv: string[]) => start(cwd, argv).ended;
/** Through a shell, which sets limits and closes streams. */
const shell = (cwd: string, line: string, ...argv: string[]) =>
  follow(spawn('sh', ['-c', line, process.execPath, BIN, ...argv], { cwd, stdio: ['ignore', 'pipe', 'pipe'] }));

const failed = (exit: number, code: string) => ({ code: exit, signal: null, out: '', err: expect.stringMatching(new RegExp(`^error ${code}: [^\\n]+\\n$`)) as string });
const below = (folder: string) => (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort() : []);

/** None where the folder has gone meanwhile. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Resolves when a name that matches appears anywhere below the folder (which exists); the folders in it are watched as they come. */
function appears(folder: string, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const watchers = new Map<string, { close(): void }>();
    const look = (at: string): void => {
      if (!existsSync(at)) return;
      if (!watchers.has(at)) watchers.set(at, watch(at, () => look(at)));
      for (const entry of entriesOf(at)) {
        if (pattern.test(entry.name)) {
          for (const watcher of watchers.values()) watcher.close();
          resolve();
          return;
        }
        if (entry.isDirectory() && !entry.name.startsWith('.') && !watchers.has(join(at, entry.name))) look(join(at, entry.name));
      }
    };
    look(folder);
  });
}

const TEMPORARY = /\.gguf\.tmp-/;
let slow = '';
let adapter = '';
beforeAll(async () => {
  const models = fresh();
  slow = await slowModel(join(models, 'slow.gguf'));
  adapter = tinyAdapter(models, 'adapter', { 'model.layers.0.self_attn.q_proj': [1024, 1024] });
});

/** A phase of one complete domain; its slow build is `slowBuild`. */
async function prepared(): Promise<string> {
  const cwd = fresh();
  for (const argv of [['create-phase', '1', '--domains', 'a', '--base', slow], ['add-domain', '1', 'a', '--adapter-path', adapter], ['update-domain', 'a', '--status', 'complete']]) {
    expect(await tara(cwd, ...argv)).toMatchObject({ code: 0, err: '' });
  }
  mkdirSync(join(cwd, '.tara/builds'), { recursive: true });
  return cwd;
}
const slowBuild = ['build-phase', '1', '--quantization', 'IQ3_S', '--threads', '1'];
const show = async (cwd: string) => JSON.parse((await tara(cwd, 'show-phase', '1', '--json')).out) as { status: string; reason: string | null; builds: { status: string }[] };

describe.skipIf(!ready)('a build', () => {
  it('that another process runs is left alone; SIGINT ends it with 130 and takes its files away', async () => {
    const cwd = await prepared();
    const { child, ended } = start(cwd, slowBuild);
    await appears(join(cwd, '.tara/builds'), TEMPORARY);
    // Stopped, so that it still runs however fast this machine is.
    child.kill('SIGSTOP');
    const second = await tara(cwd, ...slowBuild);
    expect(second).toEqual(failed(1, 'TARA_PHASE_BUSY'));
    expect(second.err).toContain(`process ${child.pid}`);
    expect(await show(cwd)).toMatchObject({ status: 'compressing', builds: [{ status: 'running' }] });
    child.kill('SIGINT');
    child.kill('SIGCONT');
    expect(await ended).toEqual(failed(130, 'TARA_ABORTED'));
    expect(below(join(cwd, '.tara/builds'))).toEqual(['phase-1']);
    expect(await show(cwd)).toMatchObject({ status: 'failed', reason: expect.stringContaining('TARA_ABORTED') as string, builds: [{ status: 'failed' }] });
  });

  it('that is killed is repaired by the next command, and can be built again', async () => {
    const cwd = await prepared();
    const { child, ended } = start(cwd, slowBuild);
    await appears(join(cwd, '.tara/builds'), TEMPORARY);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(below(join(cwd, '.tara/builds')).some((name) => TEMPORARY.test(name))).toBe(true);
    expect(await show(cwd)).toMatchObject({ status: 'failed', reason: expect.stringContaining('ended before the build did') as string, builds: [{ status: 'failed' }] });
    expect(below(join(cwd, '.tara/builds'))).toEqual(['phase-1']);
    const again = await tara(cwd, 'build-phase', '1', '--quantization', 'Q8_0', '--json');
    expect([again.code, again.err]).toEqual([0, '']);
    const { output, bytes } = JSON.parse(again.out) as { output: string; bytes: number };
    expect(statSync(output).size).toBe(bytes);
    writeFileSync(join(cwd, 'file'), '');
    expect(await tara(cwd, 'deploy-phase', '1', '--target', 'file')).toEqual(failed(1, 'TARA_DEPLOY_TARGET'));
    expect(await tara(cwd, 'deploy-phase', '1', '--target', '/proc/none/here')).toEqual(failed(1, 'TARA_WRITE_FAILED'));
    // It is loaded and says a token before it is switched to.
    const deployed = await tara(cwd, 'deploy-phase', '1', '--target', 'dep', '--json');
    expect([deployed.code, deployed.err]).toEqual([0, '']);
    expect(JSON.parse((await tara(cwd, 'verify', 'dep', '--json')).out)).toMatchObject({ ok: true, issues: [] });
  });

  it('with an adapter of another base names that adapter, not its cleaned copy', async () => {
    const cwd = await prepared();
    const other = tinyAdapter(cwd, 'other', { 'model.layers.0.self_attn.q_proj': [64, 64] });
    await tara(cwd, 'add-domain', '1', 'a', '--adapter-path', other);
    const refused = await tara(cwd, 'build-phase', '1');
    expect(refused).toEqual(failed(1, 'TARA_ADAPTER_MISMATCH'));
    expect(refused.err).toContain(`${other} does not fit`);
    expect(below(join(cwd, '.tara/builds'))).toEqual(['phase-1']);
  });

  it('that runs out of space leaves nothing, and the phase can be built elsewhere', async () => {
    const cwd = await prepared();
    // A limit on file sizes stands for a full disk; 16 MB lets the registry grow.
    const full = await shell(cwd, 'ulimit -f 32768 && exec "$0" "$@"', 'build-phase', '1', '--quantization', 'Q8_0');
    expect(full).toEqual(failed(1, 'TARA_DISK_FULL'));
    expect(below(join(cwd, '.tara/builds'))).toEqual(['phase-1']);
    expect(await show(cwd)).toMatchObject({ status: 'failed', builds: [{ status: 'failed' }] });
  });
});

describe.skipIf(!ready)('a quantization', () => {
  it('ends on SIGTERM with 143, leaves the old output as it was, and sweeps what a killed one left', async () => {
    const cwd = fresh();
    writeFileSync(join(cwd, 'out.gguf'), 'the old one');
    const argv = ['quantize', slow, 'out.gguf', '--type', 'IQ3_S', '--threads', '1'];
    const first = start(cwd, argv);
    await appears(cwd, TEMPORARY);
    first.child.kill('SIGKILL');
    await first.ended;
    const [left] = readdirSync(cwd).filter((name) => TEMPORARY.test(name));
    const second = start(cwd, argv);
    await appears(cwd, new RegExp(`${TEMPORARY.source}(?!${left?.split('.tmp-')[1] ?? ''})`));
    second.child.kill('SIGTERM');
    expect(await second.ended).toEqual(failed(143, 'TARA_ABORTED'));
    expect([readdirSync(cwd), statSync(join(cwd, 'out.gguf')).size]).toEqual([['out.gguf'], 11]);
  });

  it.skipIf(isRoot)('into a folder without permission is refused', async () => {
    const cwd = fresh();
    chmodSync(cwd, 0o555);
    expect(await tara(dirname(cwd), 'quantize', TINY, join(cwd, 'out.gguf'), '--type', 'Q8_0')).toEqual(failed(1, 'TARA_WRITE_FAILED'));
    chmodSync(cwd, 0o755);
  });
});

describe.skipIf(!ready)('streams', () => {
  /** A generation that goes on for minutes. */
  let endless: string[] = [];
  beforeAll(async () => {
    const model = await withKeys(join(fresh(), 'long.gguf'), { 'llama.context_length': 60_000 });
    endless = ['generate', model, '--prompt', 'a', '--raw', '--temperature', '0', '--context', '60000', '--max-tokens', '1000000', '--threads', '1'];
  });

  it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('a generation ends on %s with %i', async (signal, code) => {
    const { child, ended } = start(fresh(), endless);
    if (child.stdout) await once(child.stdout, 'data');
    child.kill(signal);
    const { code: exit, err } = await ended;
    expect([exit, err]).toEqual([code, expect.stringMatching(/^error TARA_ABORTED: [^\n]+\n$/) as string]);
  });

  it('a generation ends silently when its reader goes away', async () => {
    const { child, ended } = start(fresh(), endless);
    if (child.stdout) await once(child.stdout, 'data');
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('closed standard streams are no reason to crash', async () => {
    const cwd = fresh();
    expect(await shell(cwd, 'exec "$0" "$@" <&-', 'chat', TINY)).toEqual(failed(2, 'TARA_USAGE'));
    expect(await shell(cwd, 'exec "$0" "$@" <&-', 'inspect', TINY)).toMatchObject({ code: 0, err: '' });
    expect(await shell(cwd, 'exec "$0" "$@" >&- 2>&-', 'inspect', 'nowhere')).toMatchObject({ code: 1, signal: null });
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [BIN, 'inspect', TINY], { cwd, stdio: ['ignore', full, 'pipe'] });
    const ended = await follow(child);
    closeSync(full);
    expect([ended.code, ended.err]).toEqual([1, expect.stringMatching(/^error TARA_\w+: [^\n]+\n$/) as string]);
  });
});
