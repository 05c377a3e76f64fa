import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool, type Pool } from '../../src/workers/index.js';

/** A task module as a plugin would write it. */
const TASK = `
export default async function task({ act, value }, { check }) {
  if (act === 'echo') return value;
  if (act === 'throw') throw new Error('broken task');
  if (act === 'spin') for (;;) { check(); await new Promise((resolve) => setImmediate(resolve)); }
}
`;

describe('the worker pool', () => {
  let folder: string;
  let task: string;
  let pool: Pool;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tara-pool-'));
    task = join(folder, 'task.mjs');
    await writeFile(task, TASK);
    pool = createPool({ threads: 2 });
  });

  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true });
  });

  it('runs a module by absolute path and returns its output', async () => {
    expect(await pool.run(task, { act: 'echo', value: { n: 1, bytes: new Uint8Array([1, 2]) } })).toEqual({ n: 1, bytes: new Uint8Array([1, 2]) });
  });

  it('runs a module of the package by name', async () => {
    const expected = createHash('sha256').update(TASK).digest('hex');
    expect(await pool.run('workers/hash-file', task)).toBe(expected);
  });

  it('keeps what a foreign error says', async () => {
    await expect(pool.run(task, { act: 'throw' })).rejects.toMatchObject({ code: 'TARA_INTERNAL', fields: { reason: 'broken task' } });
  });

  it('reports a module that does not exist as an error of its own call', async () => {
    await expect(pool.run(join(folder, 'missing.mjs'), {})).rejects.toMatchObject({ code: 'TARA_INTERNAL' });
    expect(await pool.run(task, { act: 'echo', value: 2 })).toBe(2);
  });

  it('cancels by a flag and keeps its threads', async () => {
    const controller = new AbortController();
    const spinning = pool.run(task, { act: 'spin' }, { signal: controller.signal });
    await pool.run(task, { act: 'echo', value: 1 });
    controller.abort();
    await expect(spinning).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    await expect(pool.run(task, { act: 'echo', value: 1 }, { signal: controller.signal })).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(await pool.run(task, { act: 'echo', value: 3 })).toBe(3);
  });
});
