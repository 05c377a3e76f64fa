/** Each layout from build to answer, each command a process of its own (running the built library in dist), on a model whose every word is known. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/formats/index.js';
import type { BuildReport } from '../../src/phases/build/build.js';
import { writeTurnAdapter } from '../support/tiny-lora.js';
import { writeChainModel } from '../support/tiny-model.js';
import { tara as here } from './run.js';

const CLI = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
let folder: string;

interface Ran { readonly code: number; readonly json: Record<string, unknown> & { error?: { code: string; message: string; hint: string } } }

function run(...argv: string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CLI, ...argv, '--json'], { cwd: folder, env: { ...process.env, TARA_HOME: '', TARA_BASE: '' } }, (error, stdout, stderr) => {
      try {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, json: JSON.parse(stdout) as Ran['json'] });
      } catch {
        reject(new Error(`${argv.join(' ')}: ${stdout}${stderr}`));
      }
    });
  });
}

async function tara<T = Record<string, unknown>>(...argv: string[]): Promise<T> {
  const { code, json } = await run(...argv);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${JSON.stringify(json)}`);
  return json as T;
}

/** The base says abc; after a, healthcare's adapter makes it say H and business's B. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tara-layouts-'));
  await writeChainModel(join(folder, 'base.gguf'), 'abc');
  writeTurnAdapter(folder, 'healthcare', 'a', 'H');
  writeTurnAdapter(folder, 'business', 'a', 'B');
  writeFileSync(join(folder, 'healthcare.txt'), 'aHaHaH\n\naHaH\n');
  writeFileSync(join(folder, 'business.txt'), 'aBaBaB\n');
  await tara('create-phase', '1', '--quantization', 'Q8_0', '--base', 'base.gguf', '--layout', 'adapters');
  for (const name of ['healthcare', 'business']) {
    await tara('add-domain', '1', name, '--adapter-path', name, '--text', `${name}.txt`);
    await tara('update-domain', name, '--status', 'complete');
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HEALTH = 'What are the symptoms of high blood pressure?';
const BUSINESS = 'Which marketing strategy raises the revenue of a startup company?';

async function answer(target: string, message: string, ...more: string[]): Promise<[domain: string, answer: string]> {
  const { turns: [turn] } = await tara<{ turns: { domain: string; answer: string }[] }>('chat', target, '--message', message, '--max-tokens', '4', '--temperature', '0', ...more);
  return [turn?.domain ?? '', turn?.answer ?? ''];
}

const shown = (report: BuildReport) => report.files.map(({ path, role, domain }) => [basename(path), role, domain]);

describe('a phase', { timeout: 180_000 }, () => {
  test.each([
    ['adapters', [], [['phase-1-base-Q8_0.gguf', 'model', null], ['phase-1-business-lora.gguf', 'adapter', 'business'], ['phase-1-healthcare-lora.gguf', 'adapter', 'healthcare']], { healthcare: 'aHaH', business: 'aBaB', none: 'abc' }],
    ['per-domain', ['--layout', 'per-domain'], [['phase-1-business-Q8_0.gguf', 'model', 'business'], ['phase-1-healthcare-Q8_0.gguf', 'model', 'healthcare']], { healthcare: 'aHaH', business: 'aBaB', none: 'aBaB' }],
    ['merged', ['--layout', 'merged', '--weights', 'healthcare=0.9,business=0.1'], [['phase-1-Q8_0.gguf', 'model', null]], { healthcare: 'aHaH', business: 'aHaH', none: 'aHaH' }],
  ] as const)('is built, deployed, verified and answers in the layout %s', async (layout, flags, files, says) => {
    const report = await tara<BuildReport & Record<string, unknown>>('build-phase', '1', ...flags);
    expect(report.layout).toBe(layout);
    expect(shown(report)).toEqual(files);
    expect(report.output).toBe(report.files[0]?.path);
    for (const { path, bytes } of report.files) expect(statSync(path).size).toBe(bytes);
    expect(report.bytes).toBe(report.files.reduce((sum, { bytes }) => sum + bytes, 0));

    const { healthcare, business } = report.quality?.compared ?? {};
    for (const loss of [healthcare, business]) {
      expect(loss?.own ?? NaN).toBeLessThan(0.01);
      expect(loss?.base ?? NaN).toBeGreaterThan(4);
    }
    expect(healthcare).toMatchObject({ items: 2, tokens: 8 });
    expect(healthcare?.build).toBeLessThan(0.01);
    if (layout === 'merged') expect(business?.build).toBeGreaterThan(4);
    else expect(business?.build).toBe(business?.own);

    const target = `deployed-${layout}`;
    await tara('deploy-phase', '1', '--target', target);
    expect(await tara('verify', target)).toMatchObject({ ok: true });
    expect(await answer(target, HEALTH)).toEqual(['healthcare', says.healthcare]);
    expect(await answer(target, BUSINESS)).toEqual(['business', says.business]);
    expect(await answer(target, 'hi', '--domain', 'none')).toEqual(['none', says.none]);
    const { builds } = await tara<{ builds: { layout: string; files: unknown[] }[] }>('show-phase', '1');
    expect(builds.at(-1)).toMatchObject({ layout, files: report.files });
  });

  test('a release of one layout can follow another in a target, and be taken back', async () => {
    await tara('build-phase', '1', '--layout', 'adapters', '--no-measure');
    await tara('deploy-phase', '1', '--target', 'mixed');
    await tara('build-phase', '1', '--layout', 'merged', '--measure', 'none');
    await tara('deploy-phase', '1', '--target', 'mixed');
    await tara('rollback', 'mixed');
    expect(await answer('mixed', BUSINESS)).toEqual(['business', 'aBaB']);
  });

  test('an adapter that no LoRA file can hold is refused, says the way out, and leaves nothing', async () => {
    writeTurnAdapter(folder, 'dora', 'a', 'D', { dora: true });
    await tara('create-phase', '2', '--base', 'base.gguf', '--layout', 'adapters');
    await tara('add-domain', '2', 'dora', '--adapter-path', 'dora');
    await tara('update-domain', 'dora', '--status', 'complete');
    const { code, json } = await run('build-phase', '2');
    expect([code, json.error?.code]).toEqual([1, 'TARA_LAYOUT_ADAPTER']);
    expect(json.error?.message).toMatch(/DoRA/);
    expect(json.error?.hint).toMatch(/--layout merged/);
    const builds = join(folder, '.tara', 'builds', 'phase-2');
    expect(existsSync(builds) ? readdirSync(builds) : []).toEqual([]);
    expect(await tara('show-phase', '2')).toMatchObject({ status: 'failed' });
    const merged = await tara<BuildReport & Record<string, unknown>>('build-phase', '2', '--layout', 'merged');
    expect(statSync(merged.output).size).toBe(merged.bytes);
  });

  test('--merge auto without calibration text, and options that mean nothing, are refused before anything is made', async () => {
    const before = readdirSync(join(folder, '.tara', 'builds', 'phase-1'));
    mkdirSync(join(folder, 'calibration'), { recursive: true });
    writeFileSync(join(folder, 'calibration', 'business.txt'), 'aBaBaB');
    const refused = [
      [['--layout', 'merged', '--merge', 'auto'], 'TARA_CALIBRATION_MISSING', /business, healthcare/],
      [['--layout', 'merged', '--merge', 'auto', '--calibration', 'calibration'], 'TARA_CALIBRATION_MISSING', /for healthcare/],
      [['--layout', 'merged', '--merge', 'regmean'], 'TARA_CALIBRATION_MISSING', /business, healthcare/],
      [['--layout', 'merged', '--merge', 'regmean', '--density', '0.5'], 'TARA_OPTION_INVALID', /density/],
      [['--layout', 'merged', '--merge', 'auto', '--density', '0.5'], 'TARA_OPTION_INVALID', /^--density/],
      [['--layout', 'merged', '--merge', 'auto', '--weights', 'business=1'], 'TARA_OPTION_INVALID', /^--weights/],
      [['--layout', 'merged', '--merge', 'linear', '--density', '0.5'], 'TARA_OPTION_INVALID', /^--density/],
      [['--layout', 'merged', '--merge', 'ties', '--density', '0'], 'TARA_OPTION_INVALID', /^--density/],
      [['--layout', 'merged', '--merge', 'ties', '--calibration', 'calibration'], 'TARA_OPTION_INVALID', /^--calibration/],
      [['--layout', 'adapters', '--merge', 'ties'], 'TARA_OPTION_INVALID', /^--merge/],
      [['--layout', 'per-domain', '--weights', 'business=1'], 'TARA_OPTION_INVALID', /^--weights/],
      [['--layout', 'both'], 'TARA_OPTION_INVALID', /^--layout/],
      [['--measure', 'some'], 'TARA_OPTION_INVALID', /^--measure/],
    ] as const;
    for (const [flags, code, message] of refused) {
      const { error } = (await here(folder, ['build-phase', '1', ...flags, '--json'])).json<Ran['json']>();
      expect([flags.join(' '), error?.code]).toEqual([flags.join(' '), code]);
      expect(error?.message).toMatch(message);
    }
    expect(readdirSync(join(folder, '.tara', 'builds', 'phase-1'))).toEqual(before);
  });

  test('--merge auto shows what it tried and builds what it took', async () => {
    writeFileSync(join(folder, 'calibration', 'healthcare.jsonl'), '{"text":"aHaHaH"}\n');
    const ran = await here(folder, ['build-phase', '1', '--layout', 'merged', '--merge', 'auto', '--calibration', 'calibration', '--json']);
    expect(ran.err).toBe('');
    const { tried, merge, weights, quality } = ran.json<BuildReport & Record<string, unknown>>();
    expect(tried?.table.length).toBeGreaterThan(1);
    const taken = tried?.table[tried.chosen];
    expect([merge, weights]).toEqual([{ method: taken?.method, ...taken?.settings }, taken?.weights]);
    expect(Math.max(...(tried?.table ?? []).map(({ worstKept }) => worstKept))).toBe(taken?.worstKept);
    expect(Object.keys(quality?.compared ?? {})).toEqual(['business', 'healthcare']);
    expect((await here(folder, ['show-phase', '1'])).out).toContain('OWN ADAPTER');
  });

  test('--merge regmean builds from rewritten adapters, names itself and the adapters it was given, and leaves none of its files', async () => {
    writeFileSync(join(folder, 'calibration', 'healthcare.jsonl'), '{"text":"aHaHaH"}\n');
    const ran = await here(folder, ['build-phase', '1', '--layout', 'merged', '--merge', 'regmean', '--calibration', 'calibration', '--json']);
    expect(ran.err).toBe('');
    const { merge, weights, tried, output } = ran.json<BuildReport & Record<string, unknown>>();
    expect([merge, weights, tried]).toEqual([{ method: 'regmean' }, { business: 1, healthcare: 1 }, null]);
    const { metadata } = await readGguf(output);
    expect(metadata.find(({ key }) => key === 'tara.merge')?.value).toBe('{"method":"regmean"}');
    expect(readdirSync(join(output, '..', '..'))).toEqual(['merged']);
  });

  test('--dry-run names the files', async () => {
    expect((await here(folder, ['build-phase', '1', '--dry-run', '--json'])).json()).toMatchObject({ layout: 'adapters', files: [{ name: 'phase-1-base-Q8_0.gguf' }, { name: 'phase-1-business-lora.gguf' }, { name: 'phase-1-healthcare-lora.gguf' }] });
  });
});
