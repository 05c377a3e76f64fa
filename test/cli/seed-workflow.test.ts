/** The workflows of examples/workflows as they are written, each command a process of its own (running the built library in dist). */
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTurnAdapter } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOMAINS = ['healthcare', 'business', 'technology', 'education', 'creative', 'leadership'];
const shell = ['/bin/sh', '/usr/bin/sh'].find((path) => existsSync(path));
if (shell === undefined) console.log('skipped: the workflows are shell scripts, and here is no sh');

let scratch = '';
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'tara-seed-'));
  mkdirSync(join(scratch, 'bin'));
  writeFileSync(join(scratch, 'bin', 'tara-gguf'), `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'bin', 'tara-gguf.js')}" "$@"\n`);
  chmodSync(join(scratch, 'bin', 'tara-gguf'), 0o755);
  await writeChainModel(join(scratch, 'base.gguf'), 'abc');
  mkdirSync(join(scratch, 'adapters'));
  for (const [index, name] of DOMAINS.entries()) writeTurnAdapter(join(scratch, 'adapters'), name, 'a', 'HBTEKL'[index] ?? 'x');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A project folder as the workflows expect it, and its target. */
function project(name: string): { folder: string; target: string } {
  const folder = join(scratch, name);
  mkdirSync(join(folder, 'models'), { recursive: true });
  cpSync(join(scratch, 'adapters'), join(folder, 'models', 'adapters'), { recursive: true });
  return { folder, target: join(folder, 'meetara', 'models') };
}

function execute(folder: string, target: string, command: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${join(scratch, 'bin')}${delimiter}${process.env.PATH ?? ''}`, TARA_HOME: '', TARA_BASE: join(scratch, 'base.gguf'), TARGET: target };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { cwd: folder, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => (error ? reject(new Error(`${args.join(' ')}: ${stdout}${stderr}`)) : resolve(stdout)));
  });
}

const workflow = (name: string): string => join(ROOT, 'examples', 'workflows', name);

describe.skipIf(shell === undefined)('workflows', () => {
  test('a whole phase, then one domain more', { timeout: 240_000 }, async () => {
    const { folder, target } = project('phase');
    const tara = async (...args: string[]) => JSON.parse(await execute(folder, target, 'tara-gguf', [...args, '--json'])) as Record<string, unknown>;
    await execute(folder, target, shell ?? '', [workflow('phase-1.sh')]);
    expect(await tara('verify', target)).toEqual({ ok: true, issues: [] });
    expect(await tara('show-phase', '1')).toMatchObject({ status: 'deployed', domains: [{ name: 'business', quality: 0.95 }, { name: 'healthcare', quality: 0.97 }], builds: [{ status: 'good', quantization: 'Q4_K_M' }] });
    const { release: first } = JSON.parse(readFileSync(join(target, 'current.json'), 'utf8')) as { release: string };

    await execute(folder, target, shell ?? '', [workflow('add-domain.sh')]);
    const { release: second, previous } = JSON.parse(readFileSync(join(target, 'current.json'), 'utf8')) as { release: string; previous: string };
    expect(previous).toBe(first);
    expect(await tara('releases', target)).toMatchObject({ releases: [{ id: second, current: true, domains: ['business', 'healthcare', 'technology'] }, { id: first, current: false, domains: ['business', 'healthcare'] }] });
    expect(await tara('rollback', target)).toMatchObject({ current: first, previous: second });
    expect(await tara('verify', target)).toEqual({ ok: true, issues: [] });
    const metrics = await tara('metrics');
    expect(metrics).toMatchObject({ phases: { total: 1, completionRate: 1 }, domains: { total: 3, successRate: 1 }, buildSuccessRate: 1, releases: [{ release: first }, { release: second }], errors: [] });
  });

  test('three phases side by side: the router sees the domains of all', { timeout: 300_000 }, async () => {
    const { folder, target } = project('phases');
    await execute(folder, target, shell ?? '', [workflow('multi-phase.sh')]);
    const tara = async (...args: string[]) => JSON.parse(await execute(folder, target, 'tara-gguf', [...args, '--json'])) as Record<string, unknown>;
    const { releases } = await tara('releases', target) as { releases: { phase: number; current: boolean; primary: boolean }[] };
    expect(releases.map(({ phase, current, primary }) => [phase, current, primary])).toEqual([[3, true, true], [2, true, false], [1, true, false]]);
    expect(await tara('verify', target)).toEqual({ ok: true, issues: [] });
    for (const [question, domain] of [['What are the symptoms of high blood pressure?', 'healthcare'], ['Write a poem about the sea.', 'creative'], ['Why does my Python code raise a TypeError in this function?', 'technology']] as const) {
      expect(await tara('chat', target, '--message', question, '--max-tokens', '2', '--temperature', '0')).toMatchObject({ turns: [{ domain }] });
    }
    // Taking back phase 3 leaves the other two.
    await tara('rollback', target);
    expect((await tara('releases', target) as { releases: { phase: number; current: boolean }[] }).releases.filter(({ current }) => current).map(({ phase }) => phase)).toEqual([2, 1]);
    expect(await tara('list-phases')).toMatchObject({ phases: [{ phase: 1, status: 'deployed' }, { phase: 2, status: 'deployed' }, { phase: 3, status: 'deployed' }] });
  });
});
