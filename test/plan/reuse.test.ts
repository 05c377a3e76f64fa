/** Tensors from a folder of earlier ones: the same files as without, and nothing made twice. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { planConvert, type ConvertOutput } from '../../src/convert/index.js';
import { runReusing, type ReuseOptions, type ReuseReport } from '../../src/convert/reuse/reuse.js';
import { TaraError } from '../../src/errors.js';
import { writeImatrix } from '../../src/formats/imatrix-write.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { inlinePool, type Pool } from '../../src/workers/index.js';
import { hashFile, K_QUANTABLE, random, scratch, writeLlama } from './synthetic.js';

const at = scratch();
const MATRICES = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
/** Some tensors of a type that takes long; the tables of IQ1 and IQ2 would take longer than all else here. */
const SLOW = { type: 'Q4_0', tensorTypes: [{ pattern: 'attn_[kv]', type: 'iq3_s' }] };
const ENTRIES = 2 * K_QUANTABLE.layers;

beforeAll(async () => {
  await writeLlama(at('model.gguf'), K_QUANTABLE);
  for (const seed of [1, 2]) {
    const next = random(seed);
    const entries = new Map(MATRICES.flatMap((part) => Array.from({ length: K_QUANTABLE.layers }, (_, layer) => {
      const width = part === 'ffn_down' ? K_QUANTABLE.ff : K_QUANTABLE.width;
      return [`blk.${layer}.${part}.weight`, { sums: Float32Array.from({ length: width }, () => 10 * next() ** 3), counts: Float32Array.of(1) }] as const;
    })));
    await writeImatrix(at(`imatrix-${seed}.gguf`), { source: 'model', entries, datasets: ['x'], chunks: 1, chunkSize: 512 });
  }
});

const planned = (outputs: readonly Omit<ConvertOutput, 'id'>[], imatrix?: number) => planConvert({
  base: at('model.gguf'), adapters: [], outputs: outputs.map((output, index) => ({ id: `o${index}`, ...output })),
  ...(imatrix === undefined ? {} : { imatrix: { path: at(`imatrix-${imatrix}.gguf`), name: 'imatrix' } }),
});

async function reusing(folder: string, outputs: readonly Omit<ConvertOutput, 'id'>[], imatrix?: number, options: Partial<ReuseOptions> = {}): Promise<ReuseReport> {
  const plan = await planned(outputs, imatrix);
  return (await runReusing(plan, await lower(plan), at(folder), { pool: inlinePool, ...options })).reuse;
}

async function alone(path: string, output: Omit<ConvertOutput, 'id' | 'path'>, imatrix?: number): Promise<string> {
  await runPlan(await lower(await planned([{ ...output, path }], imatrix)));
  return hashFile(path);
}

async function failure(work: () => Promise<unknown>): Promise<TaraError> {
  const thrown = await work().then(() => undefined, (error: unknown) => error);
  if (thrown instanceof TaraError) return thrown;
  throw new Error(`expected a TaraError, got ${String(thrown)}`);
}

describe('reused tensors', () => {
  it('give the same file, the second time without making any again', async () => {
    const expected = await alone(at('alone.gguf'), SLOW);
    expect(await reusing('cache', [{ ...SLOW, path: at('a.gguf') }])).toMatchObject({ reused: 0, stored: ENTRIES });
    expect(await reusing('cache', [{ ...SLOW, path: at('b.gguf') }])).toMatchObject({ reused: ENTRIES, stored: 0 });
    expect([await hashFile(at('a.gguf')), await hashFile(at('b.gguf'))]).toEqual([expected, expected]);
    const { bytes } = await reusing('cache', [{ ...SLOW, path: at('b.gguf') }]);
    const files = await readdir(at('cache'));
    expect(files).toHaveLength(ENTRIES);
    expect(bytes).toBe((await Promise.all(files.map(async (name) => (await readFile(at(`cache/${name}`))).length))).reduce((a, b) => a + b));
  });

  it('are found from other outputs, several at once, and not from another importance', async () => {
    const some = { type: 'F16', tensorTypes: [{ pattern: 'attn_v', type: 'iq3_s' }] };
    await reusing('other', [{ ...SLOW, path: at('first.gguf') }]);
    expect(await reusing('other', [{ ...some, path: at('some.gguf') }, { ...SLOW, path: at('all.gguf') }])).toMatchObject({ reused: ENTRIES, stored: 0 });
    expect(await hashFile(at('some.gguf'))).toBe(await alone(at('alone.gguf'), some));
    expect(await hashFile(at('all.gguf'))).toBe(await alone(at('alone.gguf'), SLOW));
    for (const imatrix of [1, 2]) {
      expect(await reusing('other', [{ ...SLOW, path: at('weighted.gguf') }], imatrix)).toMatchObject({ reused: 0, stored: ENTRIES });
      expect(await hashFile(at('weighted.gguf'))).toBe(await alone(at('alone.gguf'), SLOW, imatrix));
    }
  });

  it('are not kept where making them again takes no longer', async () => {
    expect(await reusing('fast', [{ type: 'Q4_K_M', path: at('fast.gguf') }])).toMatchObject({ reused: 0, stored: 0, bytes: 0 });
    expect(await hashFile(at('fast.gguf'))).toBe(await alone(at('alone.gguf'), { type: 'Q4_K_M' }));
  });

  it('are made again when one is damaged, cut or no tensor at all', async () => {
    const output = [{ ...SLOW, path: at('damaged.gguf') }];
    await reusing('damaged', output);
    const [first = '', second = '', third = ''] = await readdir(at('damaged'));
    const bytes = await readFile(at(`damaged/${first}`));
    bytes[bytes.length - 40] = 255 - (bytes[bytes.length - 40] ?? 0);
    await writeFile(at(`damaged/${first}`), bytes);
    await writeFile(at(`damaged/${second}`), (await readFile(at(`damaged/${second}`))).subarray(0, 100));
    await writeFile(at(`damaged/${third}`), 'nothing');
    expect(await reusing('damaged', output)).toMatchObject({ reused: ENTRIES - 3, stored: 3 });
    expect(await hashFile(at('damaged.gguf'))).toBe(await alone(at('alone.gguf'), SLOW));
    expect(await readdir(at('damaged'))).toHaveLength(ENTRIES);
  });

  it('survive a run that is stopped, whose output does not appear', async () => {
    const abort = new AbortController();
    let taken = 0;
    const pool: Pool = {
      ...inlinePool,
      run<T>(module: string, input: unknown, options?: { signal?: AbortSignal | undefined }): Promise<T> {
        if (module === 'workers/hash-file' && ++taken === 4) abort.abort();
        return inlinePool.run<T>(module, input, options);
      },
    };
    const output = [{ ...SLOW, path: at('stopped.gguf') }];
    const error = await failure(() => reusing('stopped', output, undefined, { pool, signal: abort.signal, batchValues: 1 }));
    expect(error.code).toBe('TARA_ABORTED');
    expect(await readFile(at('stopped.gguf')).catch(() => undefined)).toBeUndefined();
    expect(await reusing('stopped', output)).toMatchObject({ reused: 3, stored: ENTRIES - 3 });
    expect(await hashFile(at('stopped.gguf'))).toBe(await alone(at('alone.gguf'), SLOW));
    expect((await readdir(at('stopped'))).every((name) => name.endsWith('.gguf'))).toBe(true);
  });

  it('may be made by two runs at once', async () => {
    const runs = await Promise.all(['x', 'y'].map((name) => reusing('shared', [{ ...SLOW, path: at(`${name}.gguf`) }], undefined, { batchValues: 1e5 })));
    expect(runs.every(({ reused, stored }) => reused + stored === ENTRIES)).toBe(true);
    const expected = await alone(at('alone.gguf'), SLOW);
    expect([await hashFile(at('x.gguf')), await hashFile(at('y.gguf'))]).toEqual([expected, expected]);
    expect(await readdir(at('shared'))).toHaveLength(ENTRIES);
  });

  it('need a folder that can be written', async () => {
    await writeFile(at('file'), '');
    expect((await failure(() => reusing('file', [{ ...SLOW, path: at('z.gguf') }]))).code).toBe('TARA_WRITE_FAILED');
    await mkdir(at('foreign'));
    await writeFile(at('foreign/notes.txt'), 'not ours');
    await reusing('foreign', [{ ...SLOW, path: at('z.gguf') }]);
    expect(await readFile(at('foreign/notes.txt'), 'utf8')).toBe('not ours');
  });

  it('tell their progress as one run', async () => {
    const seen: { bytesRead: number; bytesTotal: number }[] = [];
    await reusing('progress', [{ ...SLOW, path: at('progress.gguf') }], undefined, { threads: 1, batchValues: 1e5, onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen.map(({ bytesTotal }) => bytesTotal)).size).toBe(1);
    for (const [index, { bytesRead, bytesTotal }] of seen.entries()) {
      expect(bytesRead).toBeLessThanOrEqual(bytesTotal);
      expect(bytesRead).toBeGreaterThanOrEqual(seen[index - 1]?.bytesRead ?? 0);
    }
  });
});
