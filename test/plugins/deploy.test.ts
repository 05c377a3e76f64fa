import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployer, DeployRequest, HookAnswer, HookCaller } from 'tara-gguf/plugin';
import { TaraError } from 'tara-gguf/plugin';
import { afterAll, describe, expect, test } from 'vitest';
import { createDeployer, type DeployerOptions, type DeployStep } from '../../plugins/deploy/deployer.js';
import { placeFiles } from '../../plugins/deploy/release/place.js';
import { inlineWork } from './deploy-inline.js';

const scratch = mkdtempSync(join(tmpdir(), 'tara-deploy-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const folder = (): string => {
  const path = join(scratch, String(count++));
  mkdirSync(path);
  return path;
};

interface Verdict { readonly ok: boolean; readonly reason: string }

/** A caller whose only plugins are these answers. */
const hooksOf = (answers: readonly HookAnswer<Verdict>[] = [], told: unknown[] = []): HookCaller => ({
  first: async () => undefined,
  waterfall: async (_: string, value: unknown) => value,
  parallel: async () => answers,
  observe: async (name: string, value: unknown) => { told.push([name, value]); },
} as unknown as HookCaller);

const make = (options: Partial<DeployerOptions> = {}): Deployer => createDeployer({ hooks: hooksOf(), work: inlineWork, keep: 5, ...options });

/** A model file with these bytes, and a request to deploy it. */
function requestOf(target: string, content: string | Buffer = 'GGUF one', more: Partial<DeployRequest> = {}): DeployRequest {
  const model = join(folder(), 'phase-1.gguf');
  writeFileSync(model, content);
  return { phase: 1, target, files: [{ path: model, role: 'model' }], metadata: { domains: ['health'], routing: { domains: [{ name: 'health', keywords: ['pain'] }] } }, ...more };
}

const json = (...path: string[]): Record<string, unknown> => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;
const currentModel = (target: string): string => readFileSync(join(target, 'releases', String(json(target, 'current.json').release), 'models', 'phase-1.gguf'), 'utf8');
/** What lies in a target beside what belongs there. */
const leftovers = (target: string): string[] => [
  ...readdirSync(target).filter((name) => !['blobs', 'current', 'current.json', 'journal.jsonl', 'previous', 'releases'].includes(name)),
  ...readdirSync(join(target, 'releases')).filter((name) => !/^\d+-\d+-[0-9a-f]{8}$/.test(name)),
  ...readdirSync(join(target, 'blobs')).filter((name) => !/^sha256-[0-9a-f]{64}$/.test(name)),
];

describe('deploy', () => {
  test('writes a release that verifies, and switches to it', async () => {
    const target = join(folder(), 'new', 'target');
    const told: unknown[] = [];
    const deployer = make({ hooks: hooksOf([], told) });
    const first = await deployer.deploy(requestOf(target));
    expect(first.previous).toBeNull();
    expect(first.id).toMatch(/^1-1-[0-9a-f]{8}$/);
    expect(first.files.map(({ path }) => path)).toEqual(['models/phase-1.gguf', 'config.json', 'routing.json', 'emotion.json', 'checklist.json']);
    expect(json(target, 'current.json')).toMatchObject({ format: 1, release: first.id, previous: null, phase: 1 });
    expect(json(first.path, 'config.json')).toEqual({ format: 1, phase: 1, release: first.id, model: 'models/phase-1.gguf', adapters: [] });
    expect(json(first.path, 'routing.json')).toEqual({ domains: [{ name: 'health', keywords: ['pain'] }] });
    expect(await deployer.verify(target)).toEqual({ ok: true, issues: [] });
    const second = await deployer.deploy(requestOf(target, 'GGUF two'));
    expect(second.previous).toBe(first.id);
    expect(second.id).toMatch(/^1-2-/);
    expect(currentModel(target)).toBe('GGUF two');
    expect((await deployer.releases(target)).map(({ id, current }) => [id, current])).toEqual([[second.id, true], [first.id, false]]);
    expect(told).toMatchObject([['deploy:after', { id: first.id }], ['deploy:after', { id: second.id }]]);
    expect(leftovers(target)).toEqual([]);
    const events = readFileSync(join(target, 'journal.jsonl'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['switching', 'deployed', 'switching', 'deployed']);
  });

  test('the source may change afterwards', async () => {
    const target = folder();
    const request = requestOf(target);
    await make().deploy(request);
    appendFileSync(request.files[0]?.path ?? '', 'more');
    expect(await make().verify(target)).toEqual({ ok: true, issues: [] });
  });

  test('files of one name do not meet, and a name cannot leave its folder', () => {
    const files = [{ path: '/a/x.gguf', role: 'model' }, { path: '/b/X.gguf', role: 'model' }, { path: '/c/x.gguf', role: 'adapter', domain: 'health' }, { path: '/d/x.gguf', role: 'model', domain: 'health' }] as const;
    expect(placeFiles(files).map(({ path }) => path)).toEqual(['models/x.gguf', 'models/2-X.gguf', 'adapters/health/x.gguf', 'models/health/x.gguf']);
    expect(() => placeFiles([{ path: '/a', role: 'adapter', domain: '../x' }])).toThrow(/no name of a domain/);
  });

  test('files of every layout keep their role and domain', async () => {
    const target = folder();
    const file = (name: string) => {
      const path = join(folder(), name);
      writeFileSync(path, `GGUF ${path}`);
      return path;
    };
    const adapters = await make().deploy(requestOf(target, 'GGUF base', { files: [{ path: file('base.gguf'), role: 'model' }, ...['health', 'law'].map((domain) => ({ path: file('lora.gguf'), role: 'adapter' as const, domain }))] }));
    expect(json(adapters.path, 'config.json')).toMatchObject({ model: 'models/base.gguf', adapters: [{ domain: 'health', path: 'adapters/health/lora.gguf' }, { domain: 'law', path: 'adapters/law/lora.gguf' }] });
    const perDomain = await make().deploy(requestOf(target, 'GGUF', { files: ['health', 'law'].map((domain) => ({ path: file(`${domain}.gguf`), role: 'model' as const, domain })) }));
    expect(json(perDomain.path, 'config.json')).toMatchObject({ model: 'models/health/health.gguf', models: [{ domain: 'health' }, { domain: 'law', path: 'models/law/law.gguf' }], adapters: [] });
    const [newest, older] = await make().releases(target);
    const served = (release: typeof newest) => release?.files.filter(({ role }) => role !== 'config').map(({ path, role, domain }) => [path, role, domain]);
    expect(served(newest)).toEqual([['models/health/health.gguf', 'model', 'health'], ['models/law/law.gguf', 'model', 'law']]);
    expect(served(older)).toEqual([['models/base.gguf', 'model', null], ['adapters/health/lora.gguf', 'adapter', 'health'], ['adapters/law/lora.gguf', 'adapter', 'law']]);
    expect(await make().verify(target)).toEqual({ ok: true, issues: [] });
    await make().rollback(target);
    const changed = join(adapters.path, 'adapters/law/lora.gguf');
    writeFileSync(changed, readFileSync(changed, 'utf8').replace('lora', 'lorb'));
    expect(await make().verify(target)).toMatchObject({ ok: false, issues: [{ code: 'FILE_HASH', path: `${adapters.id}/adapters/law/lora.gguf` }] });
  });

  test('a check that disagrees or fails stops it before anything is written', async () => {
    const target = join(folder(), 'target');
    const refuse: HookAnswer<Verdict> = { plugin: 'gate', value: { ok: false, reason: 'not on a Friday' } };
    await expect(make({ hooks: hooksOf([{ plugin: 'fine', value: { ok: true, reason: '' } }, refuse]) }).deploy(requestOf(target))).rejects.toMatchObject({ code: 'TARA_DEPLOY_REFUSED', fields: { plugin: 'gate', reason: 'not on a Friday' } });
    const error = new TaraError('TARA_HOOK_TIMEOUT', { plugin: 'gate', hook: 'deploy:before', ms: 1 });
    await expect(make({ hooks: hooksOf([{ plugin: 'gate', error }]) }).deploy(requestOf(target))).rejects.toMatchObject({ code: 'TARA_DEPLOY_REFUSED' });
    expect(existsSync(target)).toBe(false);
  });

  test('too little space is said before anything is copied', async () => {
    const target = folder();
    await make().deploy(requestOf(target));
    const before = readdirSync(join(target, 'releases'));
    await expect(make({ freeBytes: async () => 7 }).deploy(requestOf(target, 'GGUF two'))).rejects.toMatchObject({ code: 'TARA_DISK_FULL', fields: { needed: 8 } });
    expect(readdirSync(join(target, 'releases'))).toEqual(before);
  });

  test.each(['started', 'copied', 'written', 'verified', 'placed', 'switching'] satisfies DeployStep[])('a failure at %s leaves the old release and nothing else', async (step) => {
    const target = folder();
    const first = await make().deploy(requestOf(target));
    const failing = make({ onStep: (at) => { if (at === step) throw Object.assign(new Error('full'), { code: 'ENOSPC' }); } });
    await expect(failing.deploy(requestOf(target, 'GGUF two'))).rejects.toMatchObject({ code: 'TARA_DISK_FULL' });
    expect(currentModel(target)).toBe('GGUF one');
    expect(readdirSync(join(target, 'releases'))).toEqual([first.id]);
    expect(leftovers(target)).toEqual([]);
    expect(await make().verify(target)).toEqual({ ok: true, issues: [] });
  });

  test('bytes that change between writing and reading back are not served', async () => {
    const target = folder();
    await make().deploy(requestOf(target));
    const tamper = make({ onStep(at) {
      if (at !== 'written') return;
      const partial = readdirSync(join(target, 'releases')).find((name) => name.endsWith('.partial')) ?? '';
      writeFileSync(join(target, 'releases', partial, 'models', 'phase-1.gguf'), 'GGUF 2wo');
    } });
    await expect(tamper.deploy(requestOf(target, 'GGUF two'))).rejects.toMatchObject({ code: 'TARA_DEPLOY_CORRUPT' });
    expect(currentModel(target)).toBe('GGUF one');
    expect(leftovers(target)).toEqual([]);
  });

  test('an abort is an abort', async () => {
    const target = folder();
    const controller = new AbortController();
    const deployer = make({ onStep: (at) => { if (at === 'started') controller.abort(); } });
    await expect(deployer.deploy(requestOf(target, 'GGUF one', { signal: controller.signal }))).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(leftovers(target)).toEqual([]);
    expect(existsSync(join(target, 'current.json'))).toBe(false);
  });

  test('targets that cannot be used', async () => {
    const target = folder();
    writeFileSync(join(target, 'file'), '');
    await expect(make().deploy(requestOf(join(target, 'file')))).rejects.toMatchObject({ code: 'TARA_DEPLOY_TARGET' });
    const linked = folder();
    symlinkSync(target, join(linked, 'releases'));
    await expect(make().deploy(requestOf(linked))).rejects.toMatchObject({ code: 'TARA_DEPLOY_TARGET' });
    const damaged = folder();
    writeFileSync(join(damaged, 'current.json'), '{"release": "../../etc"}');
    await expect(make().deploy(requestOf(damaged))).rejects.toMatchObject({ code: 'TARA_DEPLOY_TARGET' });
    await expect(make().deploy({ phase: 1, target, files: [{ path: target, role: 'model' }], metadata: {} })).rejects.toMatchObject({ code: 'TARA_FILE_UNREADABLE' });
    await expect(make().deploy({ phase: 1, target, files: [{ path: join(target, 'none'), role: 'model' }], metadata: {} })).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    expect(readdirSync(target)).toEqual(['file']);
  });

  test('hashing and copying let the event loop run', async () => {
    const request = requestOf(folder(), Buffer.alloc(64 << 20, 7));
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    turn();
    await make().deploy(request);
    running = false;
    // Each MiB is read, hashed and written between turns; the file is read twice.
    expect(turns).toBeGreaterThan(128);
  });
});

describe('lock', () => {
  test('a second deployment waits for nobody: it says who holds the target', async () => {
    const target = folder();
    let other: Promise<unknown> = Promise.resolve();
    await make({ onStep: (at) => {
      if (at === 'started') other = make().deploy(requestOf(target)).then(() => 'deployed', (thrown: TaraError) => [thrown.code, thrown.fields.pid]);
      return at === 'copied' ? other.then(() => undefined) : undefined;
    } }).deploy(requestOf(target));
    expect(await other).toEqual(['TARA_DEPLOY_BUSY', process.pid]);
    expect(leftovers(target)).toEqual([]);
  });

  test.each([
    ['a dead process', JSON.stringify({ pid: 2 ** 22 + 1, token: 'x', host: hostname() })],
    ['another process with the same id', JSON.stringify({ pid: process.pid, token: 'another start', host: hostname() })],
    ['nobody', 'garbage'],
  ])('the lock of %s is broken', async (_, text) => {
    const target = folder();
    writeFileSync(join(target, '.deploy.lock'), text);
    await make().deploy(requestOf(target));
    expect(leftovers(target)).toEqual([]);
  });

  test('the lock of another machine holds', async () => {
    const target = folder();
    writeFileSync(join(target, '.deploy.lock'), JSON.stringify({ pid: 2 ** 22 + 1, token: 'x', host: `not-${hostname()}` }));
    await expect(make().deploy(requestOf(target))).rejects.toMatchObject({ code: 'TARA_DEPLOY_BUSY' });
  });
});

describe('verify', () => {
  /** A target with one release, and a file of it. */
  async function deployed(): Promise<{ target: string; inRelease(path: string): string }> {
    const target = folder();
    const { path } = await make().deploy(requestOf(target));
    return { target, inRelease: (name) => join(path, name) };
  }

  test.each<[string, (inRelease: (path: string) => string, target: string) => void, string]>([
    ['a flipped byte', (at) => writeFileSync(at('models/phase-1.gguf'), 'GGUF onf'), 'FILE_HASH'],
    ['a shorter file', (at) => writeFileSync(at('models/phase-1.gguf'), 'GGUF'), 'FILE_SIZE'],
    ['a missing file', (at) => rmSync(at('routing.json')), 'FILE_MISSING'],
    ['a foreign file', (at) => writeFileSync(at('models/extra.gguf'), ''), 'FILE_FOREIGN'],
    ['a link to the same bytes', (at) => { renameSync(at('models/phase-1.gguf'), join(scratch, 'moved')); symlinkSync(join(scratch, 'moved'), at('models/phase-1.gguf')); }, 'FILE_LINK'],
    ['a manifest changed with its file', (at) => { const manifest = json(at('manifest.json')); writeFileSync(at('manifest.json'), JSON.stringify({ ...manifest, metadata: {} })); }, 'MANIFEST_CHANGED'],
    ['a manifest that leads outside', (at) => { const manifest = json(at('manifest.json')); writeFileSync(at('manifest.json'), JSON.stringify({ ...manifest, files: [{ path: '../../x', bytes: 0, sha256: '0'.repeat(64) }] })); }, 'MANIFEST_INVALID'],
    ['no manifest', (at) => rmSync(at('manifest.json')), 'MANIFEST_MISSING'],
    ['a pointer that is no JSON', (_, target) => writeFileSync(join(target, 'current.json'), '{'), 'CURRENT_INVALID'],
    ['no pointer', (_, target) => rmSync(join(target, 'current.json')), 'CURRENT_MISSING'],
  ])('finds %s', async (_, damage, code) => {
    const { target, inRelease } = await deployed();
    damage(inRelease, target);
    const report = await make().verify(target);
    expect(report.ok).toBe(false);
    expect(report.issues.map((issue) => issue.code)).toEqual([code]);
  });
});

describe('rollback', () => {
  test('goes to the release before, to a named one, and back', async () => {
    const target = folder();
    const deployer = make();
    const ids: string[] = [];
    for (const content of ['GGUF one', 'GGUF two', 'GGUF six']) ids.push((await deployer.deploy(requestOf(target, content))).id);
    const [first = '', second = '', third = ''] = ids;
    expect(await deployer.rollback(target)).toMatchObject({ current: second, previous: third });
    expect(currentModel(target)).toBe('GGUF two');
    expect(await deployer.rollback(target, first)).toMatchObject({ current: first, previous: second });
    expect(currentModel(target)).toBe('GGUF one');
    expect(await deployer.verify(target)).toEqual({ ok: true, issues: [] });
    await expect(deployer.rollback(target, '1-9-00000000')).rejects.toMatchObject({ code: 'TARA_RELEASE_NOT_FOUND' });
    await expect(deployer.rollback(target, '../..')).rejects.toMatchObject({ code: 'TARA_RELEASE_NOT_FOUND' });
  });

  test('not to a damaged release, and not where there is none', async () => {
    const target = folder();
    const first = await make().deploy(requestOf(target));
    await expect(make().rollback(target)).rejects.toMatchObject({ code: 'TARA_DEPLOY_NO_PREVIOUS' });
    await make().deploy(requestOf(target, 'GGUF two'));
    writeFileSync(join(first.path, 'models', 'phase-1.gguf'), 'GGUF onf');
    await expect(make().rollback(target)).rejects.toMatchObject({ code: 'TARA_DEPLOY_CORRUPT' });
    expect(currentModel(target)).toBe('GGUF two');
    await expect(make().rollback(join(target, 'none'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });

  test('repairs a damaged pointer when the release is named', async () => {
    const target = folder();
    const { id } = await make().deploy(requestOf(target));
    writeFileSync(join(target, 'current.json'), '');
    expect(await make().rollback(target, id)).toMatchObject({ current: id, previous: null });
    expect(await make().verify(target)).toEqual({ ok: true, issues: [] });
  });
});
