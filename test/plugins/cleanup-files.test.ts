import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { exactTree } from './cleanup-cases.js';
import { check, copyOf, errors, makeModel, readJson, write } from './cleanup-model.js';

if (process.platform !== 'linux') console.log('test/plugins/cleanup-files: names in bytes (and pipes on Windows) are skipped, this system has none');

describe('links and odd files', () => {
  test('links inside stay and lead into the copy', async () => {
    const root = makeModel();
    mkdirSync(join(root, 'real'));
    renameSync(join(root, 'model.safetensors'), join(root, 'real', 'weights.tmp'));
    symlinkSync(join('real', 'weights.tmp'), join(root, 'model.safetensors'));
    symlinkSync(join(root, 'config.json'), join(root, 'real', 'absolute.json'));
    symlinkSync(join('..', basename(root), 'real'), join(root, 'round'));
    const report = await copyOf(root);
    expect(errors(report)).toEqual([]);
    const out = realpathSync(`${root}-out`);
    for (const path of ['model.safetensors', 'real/absolute.json', 'round']) {
      expect(lstatSync(join(out, path)).isSymbolicLink()).toBe(true);
      expect(realpathSync(join(out, path)).startsWith(`${out}/`)).toBe(true);
    }
    expect(readlinkSync(join(out, 'real', 'absolute.json'))).toBe(join('..', 'config.json'));
  });

  test('a needed file that is a link to the outside makes the model invalid, a circle too', async () => {
    const root = makeModel();
    renameSync(join(root, 'model.safetensors'), join(root, '..', 'elsewhere.safetensors'));
    symlinkSync('../elsewhere.safetensors', join(root, 'model.safetensors'));
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    symlinkSync('../nowhere', join(root, 'dangling'));
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['SYMLINK_ESCAPE model.safetensors']);
    expect(report.removed).toEqual(['a', 'b', 'dangling', 'model.safetensors']);
    expect(existsSync(join(root, '..', 'elsewhere.safetensors'))).toBe(true);
  });

  test('a link to what goes goes too', async () => {
    const root = makeModel();
    write(root, 'a.tmp', 'x');
    symlinkSync('a.tmp', join(root, 'latest'));
    expect((await check(root)).removed).toEqual(['a.tmp', 'latest']);
  });

  test.skipIf(process.platform === 'win32')('a pipe is not opened', async () => {
    const root = makeModel();
    execFileSync('mkfifo', [join(root, 'pipe.bin')]);
    const report = await copyOf(root);
    expect(report.removed).toEqual(['pipe.bin']);
    expect(report.valid).toBe(true);
  });

  test.skipIf(process.platform !== 'linux')('names with newlines and names that are no UTF-8', async () => {
    const root = makeModel();
    write(root, 'two\nlines.md', 'a');
    write(root, 'two\nlines.tmp', 'b');
    const raw = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]);
    mkdirSync(raw);
    writeFileSync(Buffer.concat([raw, Buffer.from('/in.md')]), 'c');
    writeFileSync(Buffer.concat([raw, Buffer.from('/in.tmp')]), 'd');
    const report = await copyOf(root);
    expect(report.removed).toEqual(['f\\xff/in.tmp', 'two\nlines.tmp']);
    expect(readFileSync(join(`${root}-out`, 'two\nlines.md'), 'utf8')).toBe('a');
    expect(readFileSync(Buffer.concat([Buffer.from(`${root}-out/`), Buffer.from([0x66, 0xff]), Buffer.from('/in.md')]), 'utf8')).toBe('c');
  });
});

describe('the copy', () => {
  test('nothing is left of one that fails, and nothing is overwritten', async () => {
    const root = makeModel();
    const siblings = () => readdirSync(dirname(root)).sort();
    const before = siblings();
    await expect(clean(root, { outputPath: join(root, 'inside') })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(clean(root, { outputPath: root })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    const controller = new AbortController();
    const aborted = clean(root, { outputPath: `${root}-out`, signal: controller.signal, onProgress: () => controller.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(siblings()).toEqual(before);
    write(root, '../taken/file', 'mine');
    await expect(clean(root, { outputPath: join(dirname(root), 'taken') })).rejects.toMatchObject({ code: 'TARA_FILE_EXISTS' });
    expect(siblings()).toEqual([...before, 'taken'].sort());
    await expect(clean(join(root, 'nothing'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });

  test('a file that changes meanwhile is noticed', async () => {
    const root = makeModel();
    let changed = false;
    const work = clean(root, { outputPath: `${root}-out`, onProgress: (fraction) => {
      if (fraction !== null && !changed) writeFileSync(join(root, 'tokenizer_config.json'), '{}');
      changed ||= fraction !== null;
    } });
    await expect(work).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
    expect(existsSync(`${root}-out`)).toBe(false);
  });

  test('thousands of files are copied whole, and made durable together', async () => {
    const root = makeModel();
    for (let index = 0; index < 3000; index++) write(root, `docs/${index % 7}/${index}.md`, `file ${index}`);
    const report = await copyOf(root);
    expect(report.valid).toBe(true);
    const lines = execFileSync('sha256sum', ['-c', '--quiet', `${basename(root)}-out.sha256`], { cwd: dirname(root), encoding: 'utf8' });
    expect(lines).toBe('');
    expect(Object.keys(exactTree(`${root}-out`)).length).toBe(Object.keys(exactTree(root)).length);
  });

  test('the report file holds the report', async () => {
    const root = makeModel();
    const reportPath = join(dirname(root), 'report.json');
    const report = await clean(root, { outputPath: `${root}-out`, reportPath });
    expect(readJson(reportPath)).toMatchObject({ kind: report.kind, valid: true, score: 1, output: `${root}-out` });
    await expect(clean(root, { reportPath: join(root, 'report.json') })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });
});
