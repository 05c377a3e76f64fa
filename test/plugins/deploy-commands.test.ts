/** deploy-phase, rollback, releases and verify as the command line runs them, on a registry with built phases. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CommandModule, CommandResult, Token } from 'tara-gguf/plugin';
import { afterAll, beforeEach, expect, test } from 'vitest';
import cleanup from '../../plugins/cleanup/index.js';
import deploy from '../../plugins/deploy/index.js';
import { analyze, prometheusText } from '../../src/analytics/index.js';
import { createHost, type Host } from '../../src/kernel/index.js';
import { service } from '../../src/kernel/container.js';
import { workers } from '../../src/kernel/services.js';
import { Registry } from '../../src/phases/registry/registry.js';
import { registryAccess, type RegistryAccess } from '../../src/phases/service.js';
import { inlineWorkers } from './deploy-inline.js';

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
  host = createHost({ plugins: [cleanup, deploy].map((value) => ({ source: value.name, value })), services: [service(registryAccess, () => access), service(workers, () => inlineWorkers)] });
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
  const first = await run(['deploy-phase', '1', target, '--no-smoke-test', '--label', 'stage=first']);
  expect(first.json).toMatchObject({ phase: 1, target, previous: null, bytes: expect.any(Number) as number });
  const release = first.json.release as string;
  const routing = JSON.parse(readFileSync(join(first.json.path as string, 'routing.json'), 'utf8')) as unknown;
  expect(routing).toEqual({ domains: [{ name: 'health', quality: 0.8 }] });
  build('GGUF two');
  const second = await run(['deploy-phase', '1', '--target', target, '--no-smoke-test']);
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
  await expect(run(['deploy-phase', '1', target, '--target-layout', 'odd'])).rejects.toMatchObject({ code: 'TARA_PHASE_NOT_FOUND' });
  await expect(run(['rollback'])).rejects.toMatchObject({ code: 'TARA_USAGE', exitCode: 2 });
  build('GGUF one');
  await expect(run(['deploy-phase', '1', target, '--target', '/elsewhere'])).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  expect((await run(['deploy-phase', '1', target, '--dry-run'])).json).toMatchObject({ phase: 1, target, bytes: 8 });
  expect(existsSync(target)).toBe(false);
});

test('a release that fails its smoke test is not switched to, and the failure is in the log until a deployment succeeds', async () => {
  build('GGUF one');
  await expect(run(['deploy-phase', '1', target])).rejects.toMatchObject({ code: 'TARA_SMOKE_TEST' });
  expect(existsSync(join(target, 'current.json'))).toBe(false);
  const errors = () => {
    using registry = Registry.open(home);
    return analyze(registry).errors;
  };
  expect(errors()).toMatchObject([{ what: 'deployment', phase: 1, resolved: null, message: expect.stringContaining('TARA_SMOKE_TEST') as string }]);
  const { json: { release } } = await run(['deploy-phase', '1', target, '--no-smoke-test']);
  expect(errors()).toMatchObject([{ resolved: { by: `release ${release as string}` } }]);
});

test('signed releases: keys, verification with the right key alone, and no rollback to what is not signed', async () => {
  const name = join(home, 'release');
  const { json: keys } = await run(['keys', 'create', '--output', name]);
  await run(['keys', 'create', '--output', `${name}-2`]);
  await expect(run(['keys', 'create', '--output', name])).rejects.toMatchObject({ code: 'TARA_FILE_EXISTS' });
  expect(statSync(keys.privateKey as string).mode & 0o777).toBe(0o600);
  build('GGUF one');
  const unsigned = await run(['deploy-phase', '1', target, '--no-smoke-test']);
  expect(await run(['verify', target, '--key', `${name}.pub`])).toMatchObject({ json: { ok: false, issues: [{ code: 'SIGNATURE_MISSING' }] }, exitCode: 1 });
  const signed = await run(['deploy-phase', '1', target, '--no-smoke-test', '--sign', `${name}.key`]);
  expect(await run(['verify', target, '--key', `${name}.pub`])).toMatchObject({ json: { ok: true }, exitCode: 0 });
  expect(await run(['verify', target, '--key', `${name}-2.pub`])).toMatchObject({ json: { ok: false, issues: [{ code: 'SIGNATURE_INVALID' }] } });
  await expect(run(['rollback', target, '--key', `${name}.pub`])).rejects.toMatchObject({ code: 'TARA_DEPLOY_CORRUPT' });
  expect((await run(['releases', target])).json.releases).toMatchObject([{ id: signed.json.release, current: true }, { id: unsigned.json.release, current: false }]);
  // A manifest that was changed with all its hashes in step is still not what was signed.
  const manifest = join(signed.json.path as string, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"createdAt": "2', '"createdAt": "3'));
  writeFileSync(join(target, 'current.json'), readFileSync(join(target, 'current.json'), 'utf8').replaceAll(/"manifest": "[0-9a-f]{64}"/g, `"manifest": "${createHash('sha256').update(readFileSync(manifest)).digest('hex')}"`));
  expect(await run(['verify', target, '--key', `${name}.pub`])).toMatchObject({ json: { issues: [{ code: 'SIGNATURE_INVALID', message: 'the manifest is not what was signed' }] } });
  chmodSync(`${name}.key`, 0o644);
  await expect(run(['deploy-phase', '1', target, '--no-smoke-test', '--sign', `${name}.key`])).rejects.toMatchObject({ code: 'TARA_KEY_INVALID' });
});

test('the checklist runs every check, remembers waivers, and guards a deployment', async () => {
  build('GGUF one');
  await expect(run(['deploy-phase', '1', target, '--require-checklist'])).rejects.toMatchObject({ code: 'TARA_CHECKLIST_OPEN' });
  const first = await run(['checklist', '1', target, '--owner', 'Ada']);
  const verdicts = (result: typeof first) => Object.fromEntries((result.json.items as { item: string; verdict: string }[]).map(({ item, verdict }) => [item, verdict]));
  expect(first.exitCode).toBe(1);
  // No real model, no router, no emotion engine here: what rests on them fails, the rest passes.
  expect(verdicts(first)).toMatchObject({ 'owner-named': 'pass', 'headroom': 'pass', 'integration-verified': 'pass', 'rollback-rehearsed': 'pass', 'routing-tested': 'fail', 'emotion-calibrated': 'fail', 'performance-passed': 'fail', 'security-validated': 'fail' });
  await expect(run(['deploy-phase', '1', target, '--require-checklist'])).rejects.toMatchObject({ code: 'TARA_CHECKLIST_OPEN', fields: { items: expect.stringContaining('routing-tested') as string } });
  await expect(run(['checklist', '1', target, '--waive', 'routing-tested'])).rejects.toMatchObject({ code: 'TARA_USAGE' });
  await expect(run(['checklist', '1', target, '--waive', 'nothing', '--reason', 'x', '--by', 'y'])).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  let last = first;
  for (const item of Object.entries(verdicts(first)).filter(([, verdict]) => verdict === 'fail').map(([name]) => name)) last = await run(['checklist', '1', target, '--waive', item, '--reason', 'a test', '--by', 'Ada', '--markdown', join(home, 'checklist.md')]);
  expect(last).toMatchObject({ exitCode: 0, json: { ready: true, owner: 'Ada' } });
  expect(readFileSync(join(home, 'checklist.md'), 'utf8')).toContain('Waived by Ada');
  const { json: { path } } = await run(['deploy-phase', '1', target, '--require-checklist', '--no-smoke-test']);
  expect(JSON.parse(readFileSync(join(path as string, 'checklist.json'), 'utf8'))).toMatchObject({ ready: true, owner: 'Ada' });
  // Another build was not checked.
  build('GGUF two');
  await expect(run(['deploy-phase', '1', target, '--require-checklist'])).rejects.toMatchObject({ code: 'TARA_CHECKLIST_OPEN' });
});

test('retention tells the registry, and figures keep what went', async () => {
  const ids: unknown[] = [];
  for (const content of ['GGUF one', 'GGUF two', 'GGUF six']) {
    build(content);
    ids.push((await run(['deploy-phase', '1', target, '--no-smoke-test', '--label', `of=${content.slice(5)}`])).json.release);
  }
  expect((await run(['releases', target, '--prune', '--keep', '1', '--dry-run'])).json).toMatchObject({ removed: [ids[0]] });
  expect((await run(['releases', target, '--prune', '--keep', '1'])).json.releases).toMatchObject([{ id: ids[2], labels: { of: 'six' } }, { id: ids[1] }]);
  using registry = Registry.open(home);
  expect(registry.releases.list({ target }).map(({ id }) => id)).toEqual([ids[2], ids[1]]);
  const analytics = analyze(registry);
  expect(analytics.releases.map(({ release, labels }) => [release, labels.of])).toEqual([[ids[0], 'one'], [ids[1], 'two'], [ids[2], 'six']]);
  expect(analytics.deployments.map(({ kind }) => kind)).toContain('release.removed');
  expect(await prometheusText(analytics)).toMatch(/^tara_phase_completion_ratio 1$/m);
});

test('verify says what a path is not', async () => {
  writeFileSync(join(home, 'x.txt'), 'text');
  expect(await run(['verify', join(home, 'x.txt')])).toMatchObject({ json: { ok: false, issues: [{ code: 'UNKNOWN_KIND', path: 'x.txt' }] }, exitCode: 1 });
  await expect(run(['verify', join(home, 'none')])).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
});
