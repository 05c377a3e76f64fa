/** Whole targets: what a layout writes into a MeeTARA checkout, and that a rollback gives back every byte. */
import { mkdirSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Deployer, DeployRequest, HookCaller } from 'tara-gguf/plugin';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createDeployer } from '../../../plugins/deploy/deployer.js';
import { inlineWork } from '../deploy-inline.js';
import { writeTinyModel } from '../../support/tiny-model.js';

const scratch = mkdtempSync(join(tmpdir(), 'tara-layout-targets-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const hooks = { parallel: async () => [], observe: async () => undefined } as unknown as HookCaller;
const deployer: Deployer = createDeployer({ hooks, work: inlineWork, keep: 5 });

let count = 0;
function target(files: Readonly<Record<string, string>>): string {
  const path = join(scratch, `target-${count++}`);
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const OWN = ['releases', 'blobs', 'current.json', 'journal.jsonl', 'current', 'previous', 'readers'];
/** Every file that is not the deployer's own, with its bytes and mode. */
function tree(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).filter((path) => !OWN.includes(path.split('/')[0] ?? ''));
  return Object.fromEntries(paths.sort().map((path) => [path, `${(statSync(join(folder, path)).mode & 0o777).toString(8)} ${readFileSync(join(folder, path), 'utf8')}`]));
}

function request(into: string, phase: number, domains: readonly string[], more: Partial<DeployRequest> = {}): DeployRequest {
  const path = join(scratch, `phase-${phase}-${count++}.gguf`);
  writeFileSync(path, `GGUF ${path}`);
  return { phase, target: into, files: [{ path, role: 'model' }], metadata: { quantization: 'Q4_K_M', domains: domains.map((name) => ({ name, quality: 0.9 })) }, ...more };
}

const CORE: Readonly<Record<string, string>> = {
  '.env': '# Meetara\nAPI_PORT=8000\nMEETARA_HF_MODEL_ID=lab/model # downloads\nexport USE_MEETARA_MODELS=false\nSECRET=\'k y\'\n',
  'config/model_config.yaml': '# models\nmodels:\n  small: { path: a.gguf } # keep\ndefault: small\n',
  'config/domain_config.yaml': 'categories:\n  healthcare: # the body\n    tier: safety_critical\n    domains:\n      healthcare:\n        model: old.gguf\n        requires_validation: true\ndefault:\n  model: old.gguf\n',
  'config/domain_keywords.yaml': 'domains:\n  healthcare:\n    keywords: [pain, fever]\nstop_words:\n- the\n- a\n',
  'models/gguf/theirs.gguf': 'GGUF theirs',
  'main.py': 'pass\n',
};

describe('meetara-core', () => {
  test('is recognised, merged into, and given back to the byte', async () => {
    const into = target(CORE);
    chmodSync(join(into, '.env'), 0o600);
    const before = tree(into);
    const first = await deployer.deploy(request(into, 1, ['healthcare', 'business']));
    expect(first.layout).toBe('meetara-core');
    const name = `tara-${first.id}-${first.files[0]?.path.split('/').at(-1) ?? ''}`;
    const one = tree(into);
    expect(one['.env']).toBe(`600 # Meetara\nAPI_PORT=8000\nMEETARA_HF_MODEL_ID="" # downloads\nexport USE_MEETARA_MODELS=true\nSECRET='k y'\nMEETARA_MODELS_PATH=models/gguf\nMEETARA_INSTRUCT_MODEL=${name}\n`);
    expect(parse(readFileSync(join(into, 'config/domain_config.yaml'), 'utf8'))).toEqual({
      categories: { healthcare: { tier: 'safety_critical', domains: { healthcare: { model: `models/gguf/${name}`, requires_validation: true } } }, tara: { tier: 'quality', domains: { business: { model: `models/gguf/${name}` } } } },
      default: { model: 'old.gguf' },
    });
    expect(parse(readFileSync(join(into, 'config/domain_keywords.yaml'), 'utf8'))).toMatchObject({ domains: { healthcare: { keywords: ['pain', 'fever'] }, business: { keywords: ['business'] } }, stop_words: ['the', 'a'] });
    expect(parse(readFileSync(join(into, 'config/model_config.yaml'), 'utf8'))).toMatchObject({ models: { small: { path: 'a.gguf' }, 'tara-phase-1': { release: first.id, quantization: 'Q4_K_M' } }, default: 'small' });
    expect(one[`models/gguf/${name}`]).toContain('GGUF');
    expect(one['models/gguf/theirs.gguf']).toBe(before['models/gguf/theirs.gguf']);
    expect(await deployer.verify(into)).toEqual({ ok: true, issues: [] });

    await deployer.deploy(request(into, 1, ['healthcare']));
    const two = tree(into);
    expect(two['config/domain_config.yaml']).not.toContain('tara:');
    await deployer.rollback(into);
    expect(tree(into)).toEqual(one);
    await deployer.rollback(into);
    expect(tree(into)).toEqual(two);
    await deployer.rollback(into, 'none');
    expect(tree(into)).toEqual(before);
  });

  test('what people change after a deployment is theirs: it stays through rollbacks', async () => {
    const into = target(CORE);
    const first = await deployer.deploy(request(into, 1, ['healthcare']));
    writeFileSync(join(into, '.env'), `${readFileSync(join(into, '.env'), 'utf8')}ADDED=later\n`);
    expect(await deployer.verify(into)).toEqual({ ok: true, issues: [] });
    const edited = tree(into);
    await deployer.deploy(request(into, 1, ['healthcare']));
    expect(readFileSync(join(into, '.env'), 'utf8')).toContain('ADDED=later\n');
    await deployer.rollback(into);
    expect(tree(into)).toEqual(edited);
    await deployer.deploy(request(into, 1, ['healthcare']));
    writeFileSync(join(into, '.env'), `${readFileSync(join(into, '.env'), 'utf8')}AFTER=2\n`);
    await deployer.rollback(into, first.id);
    expect(readFileSync(join(into, '.env'), 'utf8')).toMatch(new RegExp(`MEETARA_INSTRUCT_MODEL=tara-${first.id}[^]*ADDED=later\nAFTER=2\n`));
    writeFileSync(join(into, '.env'), readFileSync(join(into, '.env'), 'utf8').replace(/MEETARA_INSTRUCT_MODEL=.*/, 'MEETARA_INSTRUCT_MODEL=mine.gguf'));
    expect(await deployer.verify(into)).toMatchObject({ ok: false, issues: [{ code: 'SURFACE_CHANGED', path: '.env' }] });
  });

  test('files that cannot be merged, and links, stop it before anything changes', async () => {
    const broken = target({ ...CORE, 'config/model_config.yaml': 'models: [' });
    const before = tree(broken);
    await expect(deployer.deploy(request(broken, 1, ['healthcare']))).rejects.toMatchObject({ code: 'TARA_CONFIG_INVALID' });
    expect(tree(broken)).toEqual(before);
    const linked = target(CORE);
    const elsewhere = target({ '.env': 'OTHER=1\n' });
    rmSync(join(linked, '.env'));
    symlinkSync(join(elsewhere, '.env'), join(linked, '.env'));
    await expect(deployer.deploy(request(linked, 1, ['healthcare']))).rejects.toMatchObject({ code: 'TARA_DEPLOY_TARGET' });
    expect(readFileSync(join(elsewhere, '.env'), 'utf8')).toBe('OTHER=1\n');
    const folder = target(CORE);
    rmSync(join(folder, 'config'), { recursive: true });
    symlinkSync(elsewhere, join(folder, 'config'));
    await expect(deployer.deploy(request(folder, 1, ['healthcare']))).rejects.toMatchObject({ code: 'TARA_DEPLOY_TARGET' });
    expect(readdirSync(elsewhere)).toEqual(['.env']);
  });
});

describe('meetara-services', () => {
  test('several phases, each domain with its model; rollback to the byte', async () => {
    const into = target({ 'config/services/service_config.json': '{\n    "port": 8080,\n    "z": 1.0\n}\n', 'models/theirs.bin': 'x' });
    const before = tree(into);
    const first = await deployer.deploy(request(into, 1, ['healthcare', 'business']));
    expect(first.layout).toBe('meetara-services');
    const one = tree(into);
    const second = await deployer.deploy(request(into, 2, ['creative']));
    const json = (name: string) => JSON.parse(readFileSync(join(into, name), 'utf8')) as Record<string, never>;
    expect(json('config/services/model_mapping.json')).toMatchObject({ domains: { business: { release: first.id, phase: 1 }, creative: { release: second.id, phase: 2 }, healthcare: { release: first.id } } });
    expect(json('config/services/service_config.json')).toMatchObject({ port: 8080, tara: { release: second.id, phases: { 1: { release: first.id }, 2: { release: second.id } } } });
    expect(json('bundle_manifest.json')).toMatchObject({ tara: [{ phase: 1 }, { phase: 2, files: [{ sha256: second.files[0]?.sha256 }] }] });
    expect(readFileSync(join(into, 'config/services/service_config.json'), 'utf8')).toMatch(/^\{\n {4}"port": 8080,\n {4}"z": 1\.0,\n/);
    expect(await deployer.verify(into)).toEqual({ ok: true, issues: [] });
    expect((await deployer.releases(into)).filter(({ current }) => current).map(({ id }) => id)).toEqual([second.id, first.id]);
    expect(await deployer.rollback(into)).toMatchObject({ current: first.id, previous: second.id });
    expect(tree(into)).toEqual(one);
    await deployer.rollback(into, 'none');
    expect(tree(into)).toEqual(before);
  });
});

describe('readers and retention', () => {
  test('a release that a process has open, or that a reader holds, stays', async () => {
    const into = target({});
    const first = await deployer.deploy(request(into, 1, ['a']));
    const held = await deployer.hold(into);
    const second = await deployer.deploy(request(into, 1, ['a']));
    const file = openSync(join(second.path, second.files[0]?.path ?? ''), 'r');
    const ids = [first.id, second.id];
    for (let n = 0; n < 3; n++) ids.push((await deployer.deploy(request(into, 1, ['a'], { keep: 1 }))).id);
    const present = async () => (await deployer.releases(into)).map(({ id }) => id).reverse();
    expect(await present()).toEqual(process.platform === 'linux' ? [first.id, second.id, ...ids.slice(3)] : [first.id, ...ids.slice(3)]);
    await held.release();
    closeSync(file);
    await deployer.prune(into, { keep: 1 });
    expect(await present()).toEqual(ids.slice(3));
    expect(await deployer.verify(into)).toEqual({ ok: true, issues: [] });
    expect(readdirSync(join(into, 'blobs')).length).toBeLessThan(20);
  });

  test('an unchanged model is not copied again', async () => {
    const into = target({});
    const asked = request(into, 1, ['a']);
    const first = await deployer.deploy(asked);
    const second = await deployer.deploy(asked);
    expect([first.copiedBytes > 0, second.copiedBytes]).toEqual([true, 0]);
    const model = (release: typeof first) => statSync(join(release.path, release.files[0]?.path ?? '')).ino;
    expect(model(second)).toBe(model(first));
  });

  test('the tensors of an unchanged model are not hashed again, unless the manifest that knows them was changed', async () => {
    const into = target({});
    const path = await writeTinyModel(join(scratch, 'whole.gguf'), { layers: 1 });
    const asked = { ...request(into, 1, ['a']), files: [{ path, role: 'model' as const }] };
    let spans = 0;
    const counting = createDeployer({ hooks, keep: 5, work: { ...inlineWork, hashSpans: (...args) => { spans += 1; return inlineWork.hashSpans(...args); } } });
    const manifestOf = ({ path: folder }: { readonly path: string }): { files: { gguf?: object }[] } => JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: { gguf?: object }[] };
    const first = await counting.deploy(asked);
    expect(spans).toBe(1);
    const second = await counting.deploy(asked);
    expect(spans).toBe(1);
    expect(manifestOf(second).files[0]?.gguf).toEqual(manifestOf(first).files[0]?.gguf);
    expect(Object.keys(manifestOf(second).files[0]?.gguf ?? {})).toEqual(['header', 'tensors']);
    const manifest = join(second.path, 'manifest.json');
    chmodSync(manifest, 0o644);
    writeFileSync(manifest, `${readFileSync(manifest, 'utf8')} `);
    await counting.deploy(asked);
    expect(spans).toBe(2);
  });

  test('a damaged blob is not taken for the file, and heals', async () => {
    const into = target({});
    const asked = request(into, 1, ['a']);
    const first = await deployer.deploy(asked);
    const blob = join(into, 'blobs', `sha256-${first.files[0]?.sha256 ?? ''}`);
    chmodSync(blob, 0o644);
    writeFileSync(blob, readFileSync(blob, 'utf8').replace('GGUF', 'FUGG'));
    await expect(deployer.deploy(asked)).rejects.toMatchObject({ code: 'TARA_DEPLOY_CORRUPT' });
    const healed = await deployer.deploy(asked);
    expect(await deployer.verify(into)).toEqual({ ok: true, issues: [] });
    expect(healed.copiedBytes).toBeGreaterThan(0);
  });

  test('the clock may go backwards', async () => {
    const into = target({});
    const ids: string[] = [];
    for (const year of ['2030', '2020', '2025']) {
      const asked = request(into, 1, ['a']);
      const { Date: RealDate } = globalThis;
      globalThis.Date = class extends RealDate { constructor() { super(`${year}-01-01T00:00:00Z`); } } as DateConstructor;
      ids.push(await deployer.deploy(asked).then(({ id }) => id).finally(() => { globalThis.Date = RealDate; }));
    }
    expect((await deployer.releases(into)).map(({ id }) => id)).toEqual([...ids].reverse());
    expect(await deployer.rollback(into)).toMatchObject({ current: ids[1] });
  });
});
