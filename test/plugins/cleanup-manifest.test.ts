/** Manifests beside cleaned folders, several folders at once, and what must not go wrong with the disk. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { ISSUES } from '../../plugins/cleanup/codes.js';
import { cleanDomain } from '../../plugins/cleanup/hook.js';
import { plainJobs } from '../../plugins/cleanup/jobs.js';
import { verify, type Verified } from '../../plugins/cleanup/verify.js';
import { makeAdapter, makeModel, readJson, temporary, write } from './cleanup-model.js';

const CLI = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const run = (args: string[], options: object = {}) => spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', ...options });
const check = (path: string): Promise<Verified> => verify(path, { deployer: () => { throw new Error('no target'); } });
const issuesOf = ({ issues }: Verified): string[] => issues.map(({ code, path }) => `${code} ${path}`).sort();
const hasSums = spawnSync('sha256sum', ['--version']).status === 0;
if (!hasSums) console.log('test/plugins/cleanup-manifest: sha256sum is not here, so its reading of our lists is not checked');

describe('the manifest', () => {
  test.skipIf(!hasSums)('is what sha256sum reads, whatever the names', async () => {
    const root = makeModel({ pad_token_id: undefined });
    for (const name of ['two\nlines.md', 'back\\slash.md', 'return\r.md', '\\n.md', ' space .md', 'größe.md', '-c', '*star.md']) write(root, `docs/${name}`, name);
    if (process.platform === 'linux') writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a, 0x5c])]), 'raw');
    symlinkSync('config.json', join(root, 'link.json'));
    const output = join(dirname(root), 'new\nmodel');
    const report = await clean(root, { outputPath: output });
    expect(report.manifest).toBe(`${output}.manifest.json`);
    const listed = execFileSync('sha256sum', ['-c', '--strict', `${basename(output)}.sha256`], { cwd: dirname(root), encoding: 'utf8' });
    expect(listed.trim().split('\n').filter((line) => line.endsWith('OK')).length).toBe(report.files.after - 1);
    expect(await check(output)).toMatchObject({ ok: true, manifestFiles: report.files.after - 1 });
  });

  test('verify finds what changed, went, came, or leads elsewhere', async () => {
    const root = makeModel();
    write(root, 'docs/a.md', 'aaa');
    symlinkSync('docs/a.md', join(root, 'link.md'));
    await clean(root, { outputPath: `${root}-out` });
    const out = `${root}-out`;
    write(out, 'docs/a.md', 'aab');
    write(out, 'new.md', 'x');
    rmSync(join(out, 'generation_config.json'));
    rmSync(join(out, 'link.md'));
    symlinkSync('config.json', join(out, 'link.md'));
    expect(issuesOf(await check(out))).toEqual(['CHANGED_FILE docs/a.md', 'CHANGED_FILE link.md', 'EXTRA_FILE new.md', 'MISSING_FILE generation_config.json']);
    writeFileSync(`${out}.manifest.json`, '{"format": 2}');
    expect(issuesOf(await check(out))).toEqual(['BAD_MANIFEST model-out.manifest.json']);
  });

  test('one of somebody else is not overwritten, an own one is', async () => {
    const root = makeModel();
    writeFileSync(`${root}-out.sha256`, 'mine');
    await expect(clean(root, { outputPath: `${root}-out` })).rejects.toMatchObject({ code: 'TARA_FILE_EXISTS' });
    expect(readdirSync(dirname(root)).sort()).toEqual(['model', 'model-out.sha256']);
    rmSync(`${root}-out.sha256`);
    await clean(root, { outputPath: `${root}-out` });
    rmSync(`${root}-out`, { recursive: true });
    write(root, 'more.md', 'x');
    await clean(root, { outputPath: `${root}-out` });
    expect(await check(`${root}-out`)).toMatchObject({ ok: true });
  });

  test('in place, and a folder cleaned again', async () => {
    const root = makeModel();
    write(root, 'a.tmp', 'a');
    await clean(root, { inPlace: true });
    expect(await check(root)).toMatchObject({ ok: true });
    expect(await clean(root, { inPlace: true })).toMatchObject({ removed: [], trash: null });
  });
});

describe('several folders', () => {
  test('one fails, the others are cleaned', () => {
    const [one, two] = [makeModel(), makeAdapter()];
    const output = temporary();
    const { status, stdout } = run(['clean-model', one, join(one, 'nothing'), two, '--output-path', output, '--json', '--report-path', join(output, 'report.json')]);
    const json = JSON.parse(stdout) as { valid: boolean; reports: { valid: boolean; error?: { code: string } }[] };
    expect(status).toBe(1);
    expect(json).toMatchObject({ valid: false, reports: [{ valid: true, kind: 'hf-model' }, { error: { code: 'TARA_FILE_NOT_FOUND' } }, { valid: true, kind: 'peft-adapter' }] });
    expect(readdirSync(output).sort()).toEqual(['adapter', 'adapter.manifest.json', 'adapter.sha256', 'model', 'model.manifest.json', 'model.sha256', 'report.json', 'report.txt']);
  });

  test('two that would become one are refused', () => {
    expect(() => plainJobs(['a/model', 'b/model'], 'out')).toThrow(/both become/);
    expect(plainJobs(['a/model', 'b/model'], undefined)).toHaveLength(2);
  });

  test('the adapters of a phase, and undo from the command line', () => {
    const cwd = temporary();
    const adapters = [makeAdapter(), makeAdapter()];
    run(['create-phase', '1', '--domains', 'health,money'], { cwd });
    run(['add-domain', '1', 'health', '--adapter-path', adapters[0] ?? ''], { cwd });
    run(['add-domain', '1', 'money', '--adapter-path', adapters[1] ?? ''], { cwd });
    const { status, stdout } = run(['clean-model', '--phase', '1', '--output-path', 'clean', '--json'], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, reports: [{ kind: 'peft-adapter' }, { kind: 'peft-adapter' }] });
    expect(status).toBe(0);
    expect(readdirSync(join(cwd, 'clean')).filter((name) => !name.includes('.')).sort()).toEqual(['health', 'money']);
    const [adapter = ''] = adapters;
    const before = readFileSync(join(adapter, 'adapter_config.json'), 'utf8');
    run(['clean-model', adapter, '--in-place'], { cwd });
    expect(readFileSync(join(adapter, 'adapter_config.json'), 'utf8')).not.toBe(before);
    expect(run(['clean-model', adapter, '--undo'], { cwd })).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(adapter, 'adapter_config.json'), 'utf8')).toBe(before);
  });

  test('the report has the fields of the first cleaner', async () => {
    const root = makeModel();
    write(root, 'a.tmp', 'aaa');
    await clean(root, { outputPath: `${root}-out`, reportPath: `${root}.json` });
    expect(readJson(`${root}.json`)).toMatchObject({
      cleanup_summary: { removed_count: 1, space_saved: 3, fixes_applied: 0 }, removed_files: ['a.tmp'], model_config: { model_type: 'llama' },
      validation_result: { is_valid: true, validation_score: 1, errors: [], warnings: [] },
    });
    expect(readFileSync(`${root}.txt`, 'utf8')).toMatch(/^hf-model: valid \(score 1\.00: files 1/);
  });
});

describe('the disk', () => {
  test.skipIf(process.platform === 'win32')('is full during the copy: nothing is left, and what was needed is said', () => {
    const root = makeModel();
    write(root, 'large.txt', Buffer.alloc(3 << 20));
    const before = readdirSync(dirname(root));
    // No file may grow beyond 1 MB in this process: the system refuses as it does on a full disk.
    const { stdout, status } = spawnSync('sh', ['-c', 'ulimit -f 2048; exec "$0" "$@"', process.execPath, CLI, 'clean-model', root, '--json'], { encoding: 'utf8' });
    expect(status).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe('TARA_DISK_FULL');
    expect(Number(/(\d+) bytes needed/.exec(error.message)?.[1])).toBeGreaterThan(3 << 20);
    expect(readdirSync(dirname(root))).toEqual(before);
  });

  test('a folder that grows meanwhile: what came later is not in the copy, and stays', async () => {
    const root = makeModel();
    let grown = false;
    await clean(root, { outputPath: `${root}-out`, onProgress: (fraction) => {
      if (fraction !== null && !grown) write(root, 'late.md', 'x');
      grown ||= fraction !== null;
    } });
    expect(existsSync(join(`${root}-out`, 'late.md'))).toBe(false);
    expect(existsSync(join(root, 'late.md'))).toBe(true);
  });

  test('a file that becomes a link to the outside meanwhile is not copied', async () => {
    const root = makeModel();
    write(root, '../secret.txt', '{}');
    write(root, 'note.txt', '{}');
    let changed = false;
    const work = clean(root, { outputPath: `${root}-out`, onProgress: (fraction) => {
      if (fraction === null || changed) return;
      changed = true;
      rmSync(join(root, 'note.txt'));
      symlinkSync('../secret.txt', join(root, 'note.txt'));
    } });
    await expect(work).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
    expect(existsSync(`${root}-out`)).toBe(false);
  });

  test('in place, a file that changes meanwhile: everything is put back', async () => {
    const root = makeModel({ pad_token_id: undefined });
    write(root, 'a.tmp', 'a');
    const config = join(root, 'config.json');
    const work = clean(root, { inPlace: true, onProgress: (fraction) => {
      if (fraction !== null) writeFileSync(config, '{"mine": 1}');
    } });
    await expect(work).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
    expect(readFileSync(config, 'utf8')).toBe('{"mine": 1}');
    expect(existsSync(join(root, 'a.tmp'))).toBe(true);
    expect(readdirSync(dirname(root))).toEqual(['model']);
  });

  test("a copy shares no file with its source; a build's passing copy may", async () => {
    const adapter = makeAdapter();
    await clean(adapter, { outputPath: `${adapter}-out` });
    const inode = (folder: string): number => lstatSync(join(folder, 'adapter_model.safetensors')).ino;
    expect(inode(`${adapter}-out`)).not.toBe(inode(adapter));
    const { path } = await cleanDomain({ phase: 1, domain: 'd', path: adapter, baseDir: makeModel(), workDir: temporary(), reports: [] }, new AbortController().signal);
    expect(inode(path)).toBe(inode(adapter));
  });
});

test('docs/cleanup.md lists every issue with what it means and counts against', () => {
  const page = readFileSync(new URL('../../docs/cleanup.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.+) \|$/gm)].map(([, code, part, about]) => [code, { part, about }]);
  expect(Object.fromEntries(rows)).toEqual(ISSUES);
});
