/** Importance matrices: read as llama-quantize reads them, and its whole files with them, for every preset and both formats. */
import { execFileSync } from 'node:child_process';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { planConvert } from '../../src/convert/index.js';
import { encodeHeader, type HeaderEntry, readImatrix } from '../../src/formats/index.js';
import { lower, PRESET_NAMES, PRESETS, runPlan } from '../../src/plan/index.js';
import { hashFile, type ModelShape, NARROW, random, scratch, writeLlama } from '../plan/synthetic.js';

const at = scratch();
const bin = process.env['TARA_LLAMA_BIN'];
/** Eight layers: the rules that look at the first eighth, and at whether there is an importance matrix, show. */
const DEEP: ModelShape = { width: 256, ff: 256, layers: 8, heads: 8, kvHeads: 4, vocab: 64, tied: false };
const MODELS: Readonly<Record<string, ModelShape>> = { deep: DEEP, narrow: NARROW };
/** Models and formats with the presets that are compared. */
const CASES: readonly (readonly [model: string, format: string, presets: readonly string[]])[] = [
  ['deep', 'gguf', PRESET_NAMES], ['deep', 'dat', ['Q4_K_M', 'Q5_0', 'IQ4_XS']], ['narrow', 'gguf', ['Q2_K', 'Q4_0', 'Q4_K_M', 'Q5_K_M', 'IQ4_NL']],
];
/** Their tables alone take many seconds to make. */
const SLOW = /^IQ[12]_/;
const CHUNKS = 3;
const DATASET = 'calibration.txt';

function widths({ width, ff, layers }: ModelShape): [string, number][] {
  return Array.from({ length: layers }, (_, layer): [string, number][] => [
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up'].map((name): [string, number] => [`blk.${layer}.${name}.weight`, width]),
    [`blk.${layer}.ffn_down.weight`, ff],
  ]).flat();
}

/** Sums of squares as a run leaves them: a tenth of the columns was never active. */
const sums = (width: number, next: () => number): Float32Array => Float32Array.from({ length: width }, () => (next() < 0.1 ? 0 : 100 * next() ** 3));

async function writeImatrix(path: string, entries: readonly [string, number][], counts: (index: number) => number = () => CHUNKS): Promise<void> {
  const next = random(3);
  const parts: { name: string; ne: number[]; type: 'f32'; offset: number; values: Float32Array }[] = [];
  let end = 0;
  const add = (name: string, ne: number[], values: Float32Array) => {
    parts.push({ name, ne, type: 'f32', offset: end, values });
    end += Math.ceil(values.byteLength / 32) * 32;
  };
  for (const [index, [name, width]] of entries.entries()) {
    add(`${name}.in_sum2`, [width, 1], sums(width, next));
    add(`${name}.counts`, [1, 1], Float32Array.of(counts(index)));
  }
  const payload = Buffer.alloc(8 + DATASET.length);
  payload.writeUInt32LE(payload.write(DATASET, 8), 0);
  const metadata: HeaderEntry[] = [
    { key: 'general.type', type: 'string', value: 'imatrix' }, { key: 'imatrix.datasets', type: 'array', value: { of: 'string', length: 1, blob: 'datasets' } },
    { key: 'imatrix.chunk_count', type: 'uint32', value: CHUNKS }, { key: 'imatrix.chunk_size', type: 'uint32', value: 512 },
  ];
  const data = new Float32Array(end / 4);
  for (const { offset, values } of parts) data.set(values, offset / 4);
  await writeFile(path, Buffer.concat([encodeHeader({ metadata, tensors: parts, alignment: 32 }, new Map([['datasets', payload]])), Buffer.from(data.buffer)]));
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

async function writeLegacy(path: string, entries: readonly [string, number][]): Promise<void> {
  const next = random(4);
  const parts = [int32(entries.length)];
  for (const [name, width] of entries) parts.push(int32(name.length), Buffer.from(name), int32(CHUNKS), int32(width), Buffer.from(sums(width, next).buffer));
  parts.push(int32(CHUNKS), int32(DATASET.length), Buffer.from(DATASET));
  await writeFile(path, Buffer.concat(parts));
}

const file = (model: string, format: string): string => at(`${model}-imatrix.${format}`);

beforeAll(async () => {
  for (const [name, shape] of Object.entries(MODELS)) {
    await writeLlama(at(`${name}.gguf`), shape);
    await writeImatrix(file(name, 'gguf'), widths(shape));
    await writeLegacy(file(name, 'dat'), widths(shape));
  }
});

/** The name under which the file remembers the matrix; the same for both programs and every folder. */
const remembered = (format: string): string => `importance.${format}`;

async function quantized(model: string, format: string, types: readonly string[]): Promise<Record<string, string>> {
  const outputs = types.map((type) => ({ id: type, type, path: at(`${model}-${format}-${type}.gguf`) }));
  const planned = await planConvert({ base: at(`${model}.gguf`), adapters: [], outputs, imatrix: { path: file(model, format), name: remembered(format) } });
  await runPlan(await lower(planned));
  return Object.fromEntries(await Promise.all(outputs.map(async ({ id, path }) => [id, await hashFile(path)])));
}

if (bin === undefined) console.log('skipped: importance matrices with llama-quantize itself, and its IQ1 and IQ2 presets (TARA_LLAMA_BIN does not name the folder of stock tools)');
describe.runIf(bin !== undefined)('llama-quantize itself', () => {
  it('writes what is recorded in test/fixtures/imatrix-expected.json', async () => {
    const expected: Record<string, Record<string, string>> = {};
    for (const [model, format, presets] of CASES) {
      const hashes: Record<string, string> = (expected[`${model}-${format}`] = {});
      await writeFile(at(remembered(format)), await readFile(file(model, format)));
      for (const type of presets) {
        const stock = at('stock.gguf');
        try {
          execFileSync(join(bin ?? '', 'llama-quantize'), ['--imatrix', remembered(format), at(`${model}.gguf`), stock, type, '2'], { stdio: 'pipe', cwd: at('') });
        } catch {
          continue; // a type that llama-quantize refuses for this model
        }
        hashes[type] = await hashFile(stock);
      }
    }
    await expect(`${JSON.stringify(expected, null, 1)}\n`).toMatchFileSnapshot('../fixtures/imatrix-expected.json');
  }, 900_000);
});

describe('quantizing with an importance matrix', async () => {
  const text = await readFile(new URL('../fixtures/imatrix-expected.json', import.meta.url), 'utf8').catch(() => '{}');
  const expected = JSON.parse(text) as Record<string, Record<string, string>>;

  it.each(CASES)("%s: llama-quantize's whole files, from a .%s", async (model, format) => {
    const wanted = Object.fromEntries(Object.entries(expected[`${model}-${format}`] ?? {}).filter(([type]) => bin !== undefined || !SLOW.test(type)));
    expect(Object.keys(wanted).length).toBeGreaterThan(2);
    expect(await quantized(model, format, Object.keys(wanted))).toEqual(wanted);
  }, 300_000);

  it('takes presets that need one, and only with it', async () => {
    const needing = PRESET_NAMES.filter((name) => PRESETS[name]?.needsImatrix);
    expect(Object.keys(expected['deep-gguf'] ?? {})).toEqual(expect.arrayContaining(needing));
    await expect(planConvert({ base: at('deep.gguf'), adapters: [], outputs: [{ id: 'o', path: at('o.gguf'), type: 'IQ2_XS' }] })).rejects.toMatchObject({ code: 'TARA_TYPE_NEEDS_IMATRIX' });
  });
});

describe('reading', () => {
  it('divides sums by counts; a count of zero makes all columns count alike', async () => {
    await writeImatrix(at('counts.gguf'), [['a.weight', 8], ['b.weight', 8]], (index) => index * 4);
    const { entries, datasets, chunks } = await readImatrix(at('counts.gguf'));
    const next = random(3);
    sums(8, next);
    expect(entries.get('a.weight')).toEqual(new Float32Array(8).fill(1));
    expect(entries.get('b.weight')).toEqual(sums(8, next).map((sum) => sum / 4));
    expect({ datasets, chunks }).toEqual({ datasets: [DATASET], chunks: CHUNKS });
  });

  it('refuses what is cut short, not finite, of another width, or no importance matrix', async () => {
    const whole = await readFile(file('deep', 'dat'));
    await writeFile(at('short.dat'), whole.subarray(0, 4000));
    await writeFile(at('empty.dat'), '');
    await writeFile(at('negative.dat'), Buffer.concat([int32(1), int32(-1)]));
    const nan = Buffer.from(whole);
    nan.writeFloatLE(Number.NaN, 4 + 4 + 'blk.0.attn_q.weight'.length + 8);
    await writeFile(at('nan.dat'), nan);
    for (const name of ['short.dat', 'empty.dat', 'negative.dat', 'nan.dat', 'deep.gguf']) {
      await expect(readImatrix(at(name)), name).rejects.toMatchObject({ code: 'TARA_IMATRIX_INVALID' });
    }
    const outputs = [{ id: 'o', path: at('o.gguf'), type: 'Q4_K_M' }];
    await expect(planConvert({ base: at('deep.gguf'), adapters: [], outputs, imatrix: { path: file('narrow', 'gguf'), name: 'x' } })).rejects.toMatchObject({ code: 'TARA_IMATRIX_INVALID' });
  });
});

describe('what planning read', () => {
  it('is lowered to the same as what is read again, unless a file changed since', async () => {
    const input = { base: at('deep.gguf'), adapters: [], outputs: [{ id: 'o', path: at('o.gguf'), type: 'Q4_K_M' }], imatrix: { path: file('deep', 'gguf'), name: 'x' } };
    const { plan, blobs, read } = await planConvert(input);
    expect([...(read?.keys() ?? [])]).toEqual(Object.keys(plan.sources));
    expect(await lower({ plan, blobs, read })).toEqual(await lower({ plan, blobs }));
    for (const path of [file('deep', 'gguf'), at('deep.gguf')]) {
      const { atime, mtime } = await stat(path);
      await utimes(path, atime, new Date(mtime.getTime() + 5000));
      await expect(lower({ plan, blobs, read })).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
      await utimes(path, atime, mtime);
    }
  });
});
