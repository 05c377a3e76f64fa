/** `emotion train`: a model of a user's own rows, and what is refused. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emotion } from 'tara-gguf/plugin';
import { createTestHost } from 'tara-gguf/testing';
import plugin from '../../plugins/emotion/index.js';
import { temporaryFolder } from '../engine/setup.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
/** Words that no shipped row has, so that only training can have taught them. */
const ROWS = Array.from({ length: 40 }, (_, n) => [`the zorblax came back, round ${n}\tdisgust`, `we saw the mimsy grove, round ${n}\tneutral`, `a vorpal gift, round ${n}\tjoy,surprise`]).flat();
const train = async (...argv: string[]) => {
  await using host = await createTestHost({ plugins: [plugin] });
  return await host.run('emotion', ['train', ...argv]);
};

describe('emotion train', () => {
  it('writes a model that the configuration can name, and the same bytes again', async () => {
    await writeFile(at('my.tsv'), ROWS.join('\n'));
    const { json } = await train('--data', at('my.tsv'), '--output', at('first'));
    expect(json).toMatchObject({ rows: 120, output: at('first') });
    expect((await readdir(at('first'))).sort()).toEqual(['weights.bin', 'weights.json']);
    await train('--data', at('my.tsv'), '--output', at('second'));
    for (const name of ['weights.bin', 'weights.json']) expect(await readFile(join(at('second'), name))).toEqual(await readFile(join(at('first'), name)));

    await using own = await createTestHost({ plugins: [plugin], config: { emotion: { weights: at('first') } } });
    await using shipped = await createTestHost({ plugins: [plugin] });
    const text = 'look, the zorblax came back';
    const [taught, untaught] = [await own.use(emotion).analyze(text), await shipped.use(emotion).analyze(text)];
    expect(taught.labels).toContain('disgust');
    expect(untaught.labels).not.toContain('disgust');
    expect((await own.use(emotion).analyze('a vorpal gift')).labels).toEqual(expect.arrayContaining(['joy', 'surprise']));
    expect((await own.use(emotion).analyze('I want to kill myself')).crisis.level).toBe('acute');
  }, 120_000);

  it('takes several files, and only looks at a dry run', async () => {
    await writeFile(at('a.tsv'), ROWS.slice(0, 60).join('\n'));
    await writeFile(at('b.tsv'), ROWS.slice(60).join('\r\n'));
    expect((await train('--data', at('a.tsv'), '--data', at('b.tsv'), '--output', at('dry'), '--dry-run')).json).toEqual({ rows: 120, output: at('dry'), head: false, dryRun: true });
    await expect(readdir(at('dry'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses rows that it cannot learn from, and says which', async () => {
    const refused = async (lines: readonly string[]) => {
      await writeFile(at('bad.tsv'), lines.join('\n'));
      return expect(train('--data', at('bad.tsv'), '--output', at('never'))).rejects;
    };
    await (await refused(ROWS.with(70, 'so what\thappyness'))).toMatchObject({ code: 'TARA_CONFIG_INVALID', fields: { reason: expect.stringMatching(/^line 71: "happyness"/) as string } });
    await (await refused(ROWS.slice(0, 20))).toMatchObject({ code: 'TARA_CONFIG_INVALID', fields: { reason: expect.stringContaining('at least 50') as string } });
    await (await refused(['', '\t\t'])).toMatchObject({ code: 'TARA_CONFIG_INVALID' });
    await expect(train('--data', at('none.tsv'), '--output', at('never'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await expect(train('--data', folder.path, '--output', at('never'))).rejects.toMatchObject({ code: 'TARA_FILE_UNREADABLE' });
    await expect(train('--output', at('never'))).rejects.toMatchObject({ code: 'TARA_USAGE' });
    await expect(readdir(at('never'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
