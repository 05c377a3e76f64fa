/** Killed, or out of space, at every single change of a file: what is served stays whole, and the next command puts the rest right. */
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployer, HookCaller, TargetLayout } from 'tara-gguf/plugin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDeployer } from '../../../plugins/deploy/deployer.js';
import { inlineWork } from '../deploy-inline.js';
import { compileDeploy, run, type Command } from './children.js';
import { watchChanges, withFault, type Fault } from './faults.js';

/** In memory where there is such a folder: thousands of fsyncs would say nothing more on a disk. */
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tara-faults-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let compiled: ReturnType<typeof compileDeploy> | undefined;
beforeAll(async () => {
  compiled = compileDeploy();
  await watchChanges();
});
afterAll(() => compiled?.remove());

const hooks = { parallel: async () => [], observe: async () => undefined } as unknown as HookCaller;
const deployer: Deployer = createDeployer({ hooks, work: inlineWork, keep: 1 });

const FOREIGN: Readonly<Record<string, string>> = {
  '.env': '# settings\nAPI_PORT=8000 # the port\nMEETARA_HF_MODEL_ID=lab/model\nSECRET="a b"\n',
  'config/domain_config.yaml': '# domains\ncategories:\n  health_care: # first\n    tier: safety\n    domains:\n      health:\n        model: old.gguf # to go\nother: [1, 2]\n',
  'config/domain_keywords.yaml': 'stop_words: [the, a]\n',
  'app/main.py': 'print("hello")\n',
};

let count = 0;
const file = (content: string): string => {
  const path = join(scratch, `${count++}.bin`);
  writeFileSync(path, content);
  return path;
};

interface Scenario {
  readonly name: string;
  readonly layout: TargetLayout;
  /** How many releases there are before. */
  readonly before: number;
  readonly command: Command['command'];
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'the first deployment', layout: 'plain', before: 0, command: 'deploy' },
  { name: 'a later deployment, with retention', layout: 'plain', before: 3, command: 'deploy' },
  { name: 'a rollback', layout: 'plain', before: 2, command: 'rollback' },
  { name: 'the first deployment into meetara-core', layout: 'meetara-core', before: 0, command: 'deploy' },
  { name: 'a later deployment into meetara-core', layout: 'meetara-core', before: 2, command: 'deploy' },
  { name: 'a rollback in meetara-core', layout: 'meetara-core', before: 2, command: 'rollback' },
];

/** A target as it is before the command. */
async function prepare({ layout, before }: Scenario): Promise<string> {
  const target = join(scratch, `target-${count++}`);
  for (const [path, text] of Object.entries(layout === 'plain' ? { 'notes.txt': 'mine\n' } : FOREIGN)) {
    mkdirSync(join(target, path, '..'), { recursive: true });
    writeFileSync(join(target, path), text);
  }
  for (let n = 0; n < before; n++) {
    const path = file(`release ${n}`);
    await deployer.deploy({ phase: 1, target, targetLayout: layout, metadata: { domains: ['health'] }, files: [{ path, role: 'model' }, { path, role: 'adapter', domain: 'health' }] });
  }
  return target;
}

/** Links of a folder are copied as they are, names of blobs as names of blobs. */
function copyOf(target: string): string {
  const to = join(scratch, `copy-${count++}`);
  cpSync(target, to, { recursive: true, verbatimSymlinks: true });
  return to;
}

const text = (target: string, path: string): string => readFileSync(join(target, path), 'utf8');

/** What must hold at any moment, whatever died. */
async function holds(target: string, { layout, before }: Scenario): Promise<void> {
  const { issues } = await deployer.verify(target);
  const codes = issues.map(({ code }) => code).filter((code) => code !== 'SWITCH_UNFINISHED' && !(before === 0 && code === 'CURRENT_MISSING'));
  expect(codes).toEqual([]);
  if (lstatSync(join(target, 'current'), { throwIfNoEntry: false }) !== undefined) expect(existsSync(join(target, readlinkSync(join(target, 'current')), 'manifest.json'))).toBe(true);
  if (layout === 'plain') {
    expect(text(target, 'notes.txt')).toBe('mine\n');
    return;
  }
  expect(text(target, '.env')).toMatch(/^# settings\nAPI_PORT=8000 # the port\nMEETARA_HF_MODEL_ID=.*\nSECRET="a b"\n/);
  expect(text(target, 'config/domain_config.yaml')).toMatch(/^# domains\ncategories:\n {2}health_care: # first\n {4}tier: safety\n {4}domains:\n {6}health:\n {8}model: \S+ # to go\n[^]*other: \[1, 2\]\n$/);
  expect(text(target, 'config/domain_keywords.yaml')).toMatch(/^stop_words: \[the, a\]\n/);
  expect(text(target, 'app/main.py')).toBe(FOREIGN['app/main.py']);
}

/** The next command succeeds and leaves nothing of the one that died. */
async function repairs(target: string, scenario: Scenario): Promise<void> {
  const path = file('the next');
  const next = await deployer.deploy({ phase: 1, target, metadata: { domains: ['health'] }, targetLayout: scenario.layout, files: [{ path, role: 'model' }] });
  expect(await deployer.verify(target)).toEqual({ ok: true, issues: [] });
  await holds(target, { ...scenario, before: 1 });
  expect(readlinkSync(join(target, 'current'))).toBe(`releases/${next.id}`);
  expect(readdirSync(join(target, 'releases')).filter((name) => !/^1-\d+-[0-9a-f]{8}$/.test(name))).toEqual([]);
  expect(readdirSync(join(target, 'blobs')).filter((name) => !/^sha256-/.test(name))).toEqual([]);
  expect(readdirSync(target).filter((name) => name.startsWith('.tara-') || name.startsWith('.deploy') || name === 'pending.json')).toEqual([]);
  for (const line of text(target, 'journal.jsonl').trim().split('\n')) if (line.endsWith('}')) JSON.parse(line);
}

/** As the death of its process would leave the lock. */
function killHolder(target: string): void {
  const lock = join(target, '.deploy.lock');
  if (existsSync(lock)) writeFileSync(lock, readFileSync(lock, 'utf8').replace(/"token":"[^"]*"/, '"token":"dead"'));
  // A claim names its process, which is this one.
  for (const name of readdirSync(target).filter((one) => one.startsWith('.deploy.lock.'))) rmSync(join(target, name));
}

/** Every point of a command's run; with TARA_FAULTS=all also those where a process of its own is killed, else each 29th of them. */
const STRIDE = process.env.TARA_FAULTS === 'all' ? 1 : 29;

describe.each(SCENARIOS)('$name', (scenario) => {
  const command = (target: string): Command => ({ command: scenario.command, target, layout: scenario.layout, file: file('the one that dies') });
  const work = ({ target, file: path, layout }: Command) => (scenario.command === 'rollback' ? deployer.rollback(target) : deployer.deploy({
    phase: 1, target, targetLayout: layout, metadata: { domains: ['health'] }, files: [{ path, role: 'model' }, { path, role: 'adapter', domain: 'health' }],
  }));

  /** Each point on a copy of its own; how many there were. */
  async function everyPoint(fault: (at: number) => Omit<Fault, 'at'>, check: (target: string, ended: Awaited<ReturnType<typeof withFault>>) => Promise<void>): Promise<number> {
    const prepared = await prepare(scenario);
    const whole = command(copyOf(prepared));
    const { changes } = await withFault(undefined, () => work(whole));
    expect(changes).toBeGreaterThan(20);
    for (let at = 1; at <= changes; at++) {
      const one = command(copyOf(prepared));
      const ended = await withFault({ ...fault(at), at }, () => work(one));
      await check(one.target, ended);
      rmSync(one.target, { recursive: true });
    }
    return changes;
  }

  test('stopped, as by a power failure, at every change of a file', { timeout: 300_000 }, async () => {
    const points = await everyPoint(() => ({ how: 'stop', power: true }), async (target, ended) => {
      expect(ended.stopped).toBe(true);
      killHolder(target);
      await holds(target, scenario);
      await repairs(target, scenario);
    });
    console.log(`${scenario.name}: stopped at ${points} points`);
  });

  test('no space, or no permission, at every change of a file', { timeout: 300_000 }, async () => {
    await everyPoint((at) => ({ how: at % 2 === 0 ? 'ENOSPC' : 'EROFS' }), async (target, { code }) => {
      // What only tidies up may fail unheard; everything else says why.
      if (code !== undefined) expect(['TARA_DISK_FULL', 'TARA_WRITE_FAILED']).toContain(code);
      killHolder(target);
      await holds(target, scenario);
      await repairs(target, scenario);
    });
  });

  test('kill -9', { timeout: 600_000 }, async () => {
    const prepared = await prepare(scenario);
    const folder = compiled?.folder ?? '';
    const { changes } = await run(folder, command(copyOf(prepared)));
    const points = Array.from({ length: Math.ceil(changes / STRIDE) }, (_, index) => 1 + index * STRIDE);
    for (const at of points) {
      const target = copyOf(prepared);
      expect(await run(folder, { ...command(target), at })).toMatchObject({ killed: true });
      await holds(target, scenario);
      await repairs(target, scenario);
      rmSync(target, { recursive: true });
    }
    console.log(`${scenario.name}: killed at ${points.length} of ${changes} points`);
  });
});
