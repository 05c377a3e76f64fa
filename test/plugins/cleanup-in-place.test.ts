import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { undo } from '../../plugins/cleanup/undo.js';
import { exactTree } from './cleanup-cases.js';
import { makeModel, readJson, write } from './cleanup-model.js';

describe('in place', () => {
  test('everything removed or rewritten can be brought back to the byte', async () => {
    const root = makeModel({ pad_token_id: undefined });
    write(root, 'a.tmp', 'a');
    write(root, 'docs/deep/b.log', 'b');
    write(root, 'docs/keep.md', 'c');
    write(root, 'runs/x/y.txt', 'd');
    rmSync(join(root, 'tokenizer_config.json'));
    const before = exactTree(dirname(root));
    const report = await clean(root, { inPlace: true });
    expect(report.valid).toBe(true);
    expect(report.removed).toEqual(['a.tmp', 'docs/deep/', 'runs/']);
    expect(report.output).toBe(root);
    expect(Object.entries(exactTree(root)).filter(([path]) => lstatSync(join(root, path)).isFile()).map(([path]) => path.slice(1)).sort()).toEqual(['config.json', 'docs/keep.md', 'generation_config.json', 'model.safetensors', 'tokenizer.model', 'tokenizer_config.json']);
    expect(readJson(join(root, 'config.json')).pad_token_id).toBe(2);
    expect(report.trash).toMatch(/model\.trash-\d{8}T\d{6}Z$/);
    expect((await undo(root)).restored).toEqual(['a.tmp', 'config.json', 'docs/deep', 'runs']);
    expect(exactTree(dirname(root))).toEqual(before);
    await expect(undo(root)).rejects.toMatchObject({ code: 'TARA_UNDO_NOTHING' });
  });

  test('folders that may not be written keep their permissions', async () => {
    const root = makeModel();
    write(root, 'docs/a.tmp', 'a');
    write(root, 'docs/keep.md', 'b');
    write(root, 'runs/x.txt', 'c');
    for (const path of ['docs', 'runs', 'docs/keep.md', '']) chmodSync(join(root, path), path.endsWith('.md') ? 0o444 : 0o555);
    const report = await clean(root, { inPlace: true });
    const modes = ['docs', ''].map((path) => lstatSync(join(root, path)).mode & 0o777);
    const trashed = lstatSync(join(report.trash ?? '', 'removed', 'runs')).mode & 0o777;
    expect(report.removed).toEqual(['docs/a.tmp', 'runs/']);
    expect(modes).toEqual([0o555, 0o555]);
    expect(trashed).toBe(0o555);
    await undo(root);
    expect(['docs', 'runs', ''].map((path) => lstatSync(join(root, path)).mode & 0o777)).toEqual([0o555, 0o555, 0o555]);
    for (const path of ['docs', 'runs', '']) chmodSync(join(root, path), 0o755);
  });

  test('a clean model gets no trash', async () => {
    const root = makeModel();
    expect(await clean(root, { inPlace: true })).toMatchObject({ valid: true, removed: [], trash: null });
    expect(readdirSync(dirname(root)).sort()).toEqual(['model', 'model.manifest.json', 'model.sha256']);
  });
});
