/** kill -9 before every single change that cleaning in place and undoing make to the file system. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { undo } from '../../plugins/cleanup/undo.js';
import { exactTree } from './cleanup-cases.js';
import { makeModel, temporary, write } from './cleanup-model.js';

const CHILD = fileURLToPath(new URL('cleanup-killed.mjs', import.meta.url));
const AT_ONCE = 2;

/** The number of changes, or undefined when it was killed. */
async function child(act: 'clean' | 'undo', folder: string, at: number): Promise<number | undefined> {
  try {
    return Number((await promisify(execFile)(process.execPath, [CHILD, act, folder, String(at)])).stdout);
  } catch (thrown) {
    if ((thrown as { signal?: string }).signal !== 'SIGKILL') throw thrown;
    return undefined;
  }
}

/** A small model with something of every kind to do: files, links and folders that go, one text that is rewritten and one that is made. */
function dirtyModel(): string {
  const root = makeModel({ pad_token_id: undefined });
  write(root, 'a.tmp', 'a');
  write(root, 'docs/b.log', 'b');
  write(root, 'docs/keep.md', 'c');
  write(root, 'runs/x/y.txt', 'd');
  write(root, 'two\nlines~', 'e');
  if (process.platform === 'linux') writeFileSync(Buffer.concat([Buffer.from(`${root}/docs/`), Buffer.from([0xff]), Buffer.from('.tmp')]), 'f');
  symlinkSync('../elsewhere', join(root, 'out'));
  chmodSync(join(root, 'runs'), 0o555);
  rmSync(join(root, 'tokenizer_config.json'));
  return root;
}

const treeOf = (root: string): Record<string, string> => Object.fromEntries(Object.entries(exactTree(dirname(root))).filter(([name]) => name === '/model' || name.startsWith('/model/')));

function fresh(model: string): string {
  const root = join(temporary(), 'model');
  execFileSync('cp', ['-a', model, root]);
  return root;
}

/** Runs `attempt` for 1, 2, 3, … until it says that nothing was killed. */
async function atEveryStep(attempt: (step: number) => Promise<boolean>): Promise<number> {
  let [step, ended] = [0, false];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (!ended) ended = !(await attempt(++step)) || ended;
  }));
  return step;
}

describe('kill -9', () => {
  test('while cleaning in place: undo restores the exact tree', async () => {
    const model = dirtyModel();
    const steps = await atEveryStep(async (step) => {
      const root = fresh(model);
      const before = treeOf(root);
      const killed = (await child('clean', root, step)) === undefined;
      const restored = await undo(root).then(() => true, (thrown: { code?: string }) => {
        // Killed before the undo manifest was written, nothing has happened yet.
        expect(thrown.code).toBe('TARA_UNDO_NOTHING');
        return false;
      });
      expect(treeOf(root), `killed before change ${step}`).toEqual(before);
      if (restored) expect(readdirSync(dirname(root)), `killed before change ${step}`).toEqual(['model']);
      return killed;
    });
    expect(steps).toBeGreaterThan(20);
  });

  test('while undoing: undoing again restores the exact tree', async () => {
    const model = dirtyModel();
    const steps = await atEveryStep(async (step) => {
      const root = fresh(model);
      const before = treeOf(root);
      await clean(root, { inPlace: true });
      const killed = (await child('undo', root, step)) === undefined;
      if (killed) await undo(root).catch((thrown: { code?: string }) => expect(thrown.code).toBe('TARA_UNDO_NOTHING'));
      expect(treeOf(root), `killed before change ${step}`).toEqual(before);
      return killed;
    });
    expect(steps).toBeGreaterThan(10);
  });

  test('what was put in the place of something since is kept', async () => {
    const root = fresh(dirtyModel());
    const before = treeOf(root);
    await clean(root, { inPlace: true });
    write(root, 'a.tmp', 'mine');
    write(root, 'config.json', '{"mine": true}');
    const { after } = await undo(root);
    expect(treeOf(root)).toEqual(before);
    expect(readdirSync(after ?? '').sort()).toEqual(['a.tmp', 'config.json']);
  });

  test('cleaned twice, undone twice, with manifests', async () => {
    const root = fresh(dirtyModel());
    const before = exactTree(dirname(root));
    await clean(root, { inPlace: true });
    const between = exactTree(root);
    write(root, 'late.tmp', 'late');
    const dirty = treeOf(root);
    await clean(root, { inPlace: true });
    await undo(root);
    expect(treeOf(root)).toEqual(dirty);
    rmSync(join(root, 'late.tmp'));
    expect(Object.keys(exactTree(root))).toEqual(Object.keys(between));
    await undo(root);
    expect(Object.keys(exactTree(dirname(root)))).toEqual(Object.keys(before));
  });
});
