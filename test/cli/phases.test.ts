import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/phases/registry/registry.js';
import { temporary } from '../phases/temporary.js';
import { tara } from './run.js';

const fresh = temporary();

describe('phase commands', () => {
  it('take a phase from planning to training, one command after another', async () => {
    const cwd = fresh();
    mkdirSync(join(cwd, 'adapters/law'), { recursive: true });
    writeFileSync(join(cwd, 'law.jsonl'), '{"text":"x"}\n');

    const made = await tara(cwd, ['create-phase', '1', '--domains', 'Health,business', '--quantization', 'q5_k_m', '--compression-type', 'hybrid', '--target-size', '88.2', '--quality-threshold', '0.9', '--speed-priority', '--json']);
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.json()).toMatchObject({
      phase: 1, status: 'planning', current: true, output: null, release: null,
      settings: { quantization: 'Q5_K_M', compressionType: 'hybrid', targetSize: 88_200_000, qualityThreshold: 0.9, speedPriority: true, base: null },
      domains: [{ name: 'business', status: 'pending', path: join(cwd, 'models/adapters/business') }, { name: 'health', status: 'pending' }],
    });

    const added = await tara(cwd, ['add-domain', '1', 'law', '--adapter-path', 'adapters/law', '--text', 'law.jsonl', '--json']);
    expect(added.json()).toMatchObject({ phase: 1, name: 'law', created: true, path: join(cwd, 'adapters/law'), text: join(cwd, 'law.jsonl') });
    expect((await tara(cwd, ['add-domain', '1', 'health', '--adapter-path', 'adapters/law', '--json'])).json()).toMatchObject({ created: false });

    const updated = await tara(cwd, ['update-domain', 'HEALTH', '--status', 'complete', '--quality', '0.93', '--metrics', '{"loss":1.4}']);
    expect([updated.code, updated.out]).toEqual([0, 'now: domain health of phase 1 complete, quality 0.93\n']);

    const listed = await tara(cwd, ['list-phases', '--json']);
    expect(listed.json()).toMatchObject({ phases: [{ phase: 1, status: 'training' }] });
    const shown = (await tara(cwd, ['show-phase', '1', '--events', '--json'])).json();
    expect(shown).toMatchObject({
      phase: 1, status: 'training', builds: [], releases: [],
      domains: [{ name: 'business' }, { name: 'health', status: 'complete', quality: 0.93, metrics: { loss: 1.4 } }, { name: 'law' }],
    });
    expect(shown.events).toContainEqual(expect.objectContaining({ kind: 'phase.status', from: 'planning', to: 'training' }));
    expect((await tara(cwd, ['list-phases'])).out).toMatch(/\* +1 +training +Q5_K_M +1\/3 complete/);
    expect((await tara(cwd, ['show-phase', '1', '--events'])).out).toContain('planning -> training');
  });

  it('build, deploy (as the factory records it), advance and clean up', async () => {
    const cwd = fresh();
    await tara(cwd, ['create-phase', '1', '--domains', 'a']);
    await tara(cwd, ['update-domain', 'a', '--status', 'complete']);
    const early = await tara(cwd, ['advance-phase']);
    expect([early.code, early.err]).toEqual([1, 'error TARA_PHASE_NOT_FINISHED: phase 1 is not finished: it is training; no good build; not deployed. Next: tara-gguf build-phase 1.\n']);
    {
      using registry = Registry.open(join(cwd, '.tara'));
      for (const id of [1, 2]) {
        const { folder } = registry.builds.start(1);
        writeFileSync(join(folder, 'm.gguf'), 'x'.repeat(1500));
        registry.builds.finish(id, { output: join(folder, 'm.gguf'), bytes: 1500, seconds: 2, peakRssBytes: 3, ratio: 0.3 });
      }
      registry.releases.record({ id: 'rel-1', phase: 1, build: 2, target: '/t', layout: 'plain' });
    }
    expect((await tara(cwd, ['advance-phase', '--dry-run', '--json'])).json()).toMatchObject({ from: 1, to: 2, created: true, dryRun: true });
    expect((await tara(cwd, ['advance-phase', '--json'])).json()).toMatchObject({ from: 1, to: 2, created: true, phase: { phase: 2, current: true } });

    const folder = join(cwd, '.tara/builds/phase-1/1');
    expect((await tara(cwd, ['cleanup-phase', '1', '--dry-run', '--json'])).json()).toMatchObject({ builds: [1], removed: [folder], bytes: 1500 });
    expect(existsSync(folder)).toBe(true);
    expect((await tara(cwd, ['cleanup-phase', '1'])).out).toBe(`removed ${folder} (1.5 kB)\n1.5 kB in 1 folder\n`);
    expect([existsSync(folder), existsSync(join(cwd, '.tara/builds/phase-1/2'))]).toEqual([false, true]);
    expect((await tara(cwd, ['cleanup-phase', '1'])).out).toBe('phase 1: nothing to remove\n');
    expect((await tara(cwd, ['show-phase', '1', '--json'])).json()).toMatchObject({
      status: 'deployed', output: { build: 2, bytes: 1500 }, release: 'rel-1',
      builds: [{ id: 1, status: 'good', cleaned: true }, { id: 2, status: 'good', cleaned: false, ratio: 0.3 }],
      releases: [{ id: 'rel-1', status: 'current', target: '/t' }],
    });
    expect((await tara(cwd, ['show-phase', '1'])).out).toContain('rel-1');
  });

  it('write nothing with --dry-run, and reading makes no folder', async () => {
    const cwd = fresh();
    const dry = await tara(cwd, ['create-phase', '4', '--domains', 'a,b', '--dry-run']);
    expect([dry.code, dry.out]).toEqual([0, 'would make phase 4 (Q4_K_M, standard) with domains a, b\n']);
    expect((await tara(cwd, ['list-phases', '--json'])).json()).toEqual({ phases: [] });
    expect((await tara(cwd, ['list-phases'])).out).toContain('no phases yet');
    expect(existsSync(join(cwd, '.tara'))).toBe(false);
  });

  it('keep the state where --home or TARA_HOME say', async () => {
    const cwd = fresh();
    await tara(cwd, ['--home', 'a', 'create-phase', '1']);
    await tara(cwd, ['create-phase', '2', '--home=b']);
    await tara(cwd, ['create-phase', '3'], { env: { TARA_HOME: join(cwd, 'c') } });
    for (const [home, number] of [['a', 1], ['b', 2], ['c', 3]] as const) {
      expect(existsSync(join(cwd, home, 'registry.db'))).toBe(true);
      expect((await tara(cwd, ['list-phases', '--json'], { env: { TARA_HOME: home } })).json()).toMatchObject({ phases: [{ phase: number }] });
    }
  });

  it.each([
    [['create-phase', '0'], 2, 'TARA_NAME_INVALID'],
    [['create-phase', '1', '--domains', 'a b'], 2, 'TARA_NAME_INVALID'],
    [['create-phase', '1', '--quantization', 'Q4 K'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--quantization', 'Q99_K'], 2, 'TARA_TYPE_UNKNOWN'],
    [['create-phase', '1', '--compression-type', 'zip'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--target-size', '-1'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--target-size', '1e400'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--quality-threshold', '2'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--speed-priority', 'maybe'], 2, 'TARA_OPTION_INVALID'],
    [['create-phase', '1', '--base', 'nowhere'], 1, 'TARA_FILE_NOT_FOUND'],
    [['create-phase', '1', '--home', '/dev/null/x'], 1, 'TARA_WRITE_FAILED'],
    [['create-phase'], 2, 'TARA_USAGE'],
    [['create-phase', '1', '2'], 2, 'TARA_USAGE'],
    [['create-phase', '1', '--domain', 'a'], 2, 'TARA_USAGE'],
    [['create-phase', '1', '--domains'], 2, 'TARA_USAGE'],
    [['add-domain', '1', 'a'], 1, 'TARA_PHASE_NOT_FOUND'],
    [['add-domain', '1', 'a', '--adapter-path', 'nowhere'], 1, 'TARA_FILE_NOT_FOUND'],
    [['add-domain', '1', 'a', '--text', '.'], 1, 'TARA_FILE_UNREADABLE'],
    [['update-domain', 'a'], 2, 'TARA_USAGE'],
    [['update-domain', 'a', '--status', 'done'], 2, 'TARA_OPTION_INVALID'],
    [['update-domain', 'a', '--quality', '1.5'], 2, 'TARA_OPTION_INVALID'],
    [['update-domain', 'a', '--metrics', '{oops'], 2, 'TARA_OPTION_INVALID'],
    [['update-domain', 'a', '--metrics', '[]'], 2, 'TARA_OPTION_INVALID'],
    [['update-domain', 'a', '--quality', '1'], 1, 'TARA_DOMAIN_NOT_FOUND'],
    [['show-phase', '7'], 1, 'TARA_PHASE_NOT_FOUND'],
    [['show-phase', 'x'], 2, 'TARA_NAME_INVALID'],
    [['advance-phase'], 1, 'TARA_PHASE_NOT_FOUND'],
    [['cleanup-phase', '7'], 1, 'TARA_PHASE_NOT_FOUND'],
  ])('answer bad input %j with exit code %i and %s, in one line', async (argv, exit, code) => {
    const cwd = fresh();
    const plain = await tara(cwd, argv);
    expect(plain.code).toBe(exit);
    expect(plain.out).toBe('');
    expect(plain.err).toMatch(new RegExp(`^error ${code}: [^\\n]+\\n$`));
    const json = await tara(cwd, [...argv, '--json']);
    if (argv.at(-1) === '--domains') return;
    expect([json.code, json.err]).toEqual([exit, '']);
    expect(json.json()).toEqual({ error: { code, message: expect.any(String) as string, hint: expect.any(String) as string } });
  });
});
