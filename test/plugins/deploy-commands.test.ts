/** deploy-phase, rollback, releases and verify as the command line runs them, on a registry with built phases. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CommandModule, CommandResult, Token } from 'tara-gguf/plugin';
import { afterAll, beforeEach, expect, test } from 'vitest';
import cleanup from '../../plugins/cleanup/index.js';
import deploy from '../../plugins/deploy/index.js';
import { createHost, type Host } from '../../src/kernel/index.js';
import { service } from '../../src/kernel/container.js';
import { Registry } from '../../src/phases/registry/registry.js';
import { registryAccess, type RegistryAccess } from '../../src/phases/service.js';

const scratch = mkdtempSync(join(tmpdir(), 'tara-deploy-commands-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let [home, target]: [string, string] = ['', ''];
let host: Host;

beforeEach(async () => {
  home = mkdtempSync(join(scratch, 'home-'));
  target = join(home, 'target');
  const access: RegistryAccess = {
    async with(mode, work) {
      using registry = Registry.open(home, { create: mode === 'write' });
      return await work(registry);
    },
  };
  host = createHost({ plugins: [cleanup, deploy].map((value) => ({ source: value.name, value })), services: [service(registryAccess, () => access)] });
  await host.start();
  expect(host.plugins().map(({ name, state }) => [name, state])).toEqual([['cleanup', 'started'], ['deploy', 'started']]);
  return () => host.stop();
});

/** Runs a plugin's command with this command line. */
async function run(line: string[]): Promise<CommandResult & { json: Record<string, unknown> }> {
  const [name, ...rest] = line;
  const entry = host.commands().find((candidate) => candidate.name === name);
  const module: CommandModule | undefined = await entry?.load();
  const opened = await entry?.open();
  const command = new Command(name).exitOverride();
  module?.describe(command);
  command.parse(rest, { from: 'user' });
  const result = await module?.run({
    args: command.processedArgs.filter((arg): arg is string => typeof arg === 'string'), options: command.opts(), config: opened?.config,
    signal: new AbortController().signal, use: <T>(token: Token<T>): T => host.use(token), progress: () => ({ report: () => undefined, done: () => undefined }),
  });
  return result as CommandResult & { json: Record<string, unknown> };
}

/** Phase 1 with one domain and a good build of these bytes. */
function build(content: string): void {
  using registry = Registry.open(home);
  if (registry.phases.find(1) === undefined) {
    registry.phases.create(1);
    const path = join(home, 'adapter');
    mkdirSync(path);
    registry.domains.add(1, { name: 'health', path });
    registry.domains.update(1, 'health', { status: 'complete', quality: 0.8 });
  }
  const { id, folder } = registry.builds.start(1);
  const output = join(folder, 'phase-1.gguf');
  writeFileSync(output, content);
  registry.builds.finish(id, { output, bytes: content.length, seconds: 1, peakRssBytes: 1, report: { domains: ['health'], weights: { health: 1 } } });
}

test('deploy, deploy again, list, verify, roll back', async () => {
  build('GGUF one');
  const first = await run(['deploy-phase', '1', target]);
  expect(first.json).toMatchObject({ phase: 1, target, previous: null, bytes: expect.any(Number) as number });
  const release = first.json.release as string;
  const routing = JSON.parse(readFileSync(join(first.json.path as string, 'routing.json'), 'utf8')) as unknown;
  expect(routing).toEqual({ domains: [{ name: 'health', quality: 0.8 }] });
  build('GGUF two');
  const second = await run(['deploy-phase', '1', '--target', target]);
  expect(second.json.previous).toBe(release);
  const listed = await run(['releases', target]);
  expect((listed.json.releases as { id: string }[]).map(({ id }) => id)).toEqual([second.json.release, release]);
  expect(await run(['verify', target])).toMatchObject({ json: { ok: true, issues: [] }, exitCode: 0 });
  expect((await run(['rollback', '--target', target])).json).toMatchObject({ current: release, previous: second.json.release });
  {
    using registry = Registry.open(home);
    expect(registry.phases.get(1).status).toBe('deployed');
    expect(registry.releases.get(release)).toMatchObject({ status: 'current', target, layout: 'plain' });
  }
  writeFileSync(join(first.json.path as string, 'models', 'phase-1.gguf'), 'GGUF onf');
  expect(await run(['verify', target])).toMatchObject({ json: { ok: false, issues: [{ code: 'FILE_HASH', severity: 'error' }] }, exitCode: 1 });
});

test('nothing is written where it cannot be done, or was not asked for', async () => {
  await expect(run(['deploy-phase', '1', target])).rejects.toMatchObject({ code: 'TARA_PHASE_NOT_FOUND' });
  await expect(run(['deploy-phase', 'one', target])).rejects.toMatchObject({ code: 'TARA_NAME_INVALID' });
  await expect(run(['rollback'])).rejects.toMatchObject({ code: 'TARA_USAGE', exitCode: 2 });
  build('GGUF one');
  await expect(run(['deploy-phase', '1', target, '--target', '/elsewhere'])).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  expect((await run(['deploy-phase', '1', target, '--dry-run'])).json).toMatchObject({ phase: 1, target, bytes: 8 });
  expect(existsSync(target)).toBe(false);
});

test('verify says what a path is not', async () => {
  writeFileSync(join(home, 'x.txt'), 'text');
  expect(await run(['verify', join(home, 'x.txt')])).toMatchObject({ json: { ok: false, issues: [{ code: 'UNKNOWN_KIND', path: 'x.txt' }] }, exitCode: 1 });
  await expect(run(['verify', join(home, 'none')])).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
});
