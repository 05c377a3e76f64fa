/** Rounding with error feedback: against a naive computation in double with the same scales, and against what it is for. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { convert, measureTypes } from '../../src/convert/index.js';
import { FEEDBACK_FORMAT, readGguf, writeSafetensors } from '../../src/formats/index.js';
import { inlinePool } from '../../src/workers/index.js';
import { K_QUANTABLE, random, scratch, writeLlama } from './synthetic.js';

const at = scratch();
const NAME = 'blk.1.ffn_down.weight';
const COLS = K_QUANTABLE.ff;
const TYPES = ['q4_0', 'q4_1', 'q5_0', 'q5_1', 'iq4_nl', 'q2_k', 'q3_k', 'q4_k', 'q5_k', 'q6_k', 'iq4_xs'] as const;

/** H = M D M^T of inputs that go together, and the file of M above D. */
const m = Array.from({ length: COLS }, () => new Float64Array(COLS));
const d = new Float64Array(COLS);

beforeAll(async () => {
  await writeLlama(at('model.gguf'), K_QUANTABLE);
  const next = random(11);
  const square = new Float32Array(COLS * COLS);
  for (let j = 0; j < COLS; j++) {
    d[j] = square[j * COLS + j] = Math.fround(0.05 + next() ** 4);
    // Inputs go together with a few before them.
    for (let i = Math.max(0, j - 6); i < j; i++) (m[i] as Float64Array)[j] = square[i * COLS + j] = Math.fround(0.8 * (next() - 0.3));
  }
  await writeSafetensors(at('factors.safetensors'), [{ name: NAME, dtype: 'F32', shape: [COLS, COLS], data: new Uint8Array(square.buffer) }], { metadata: { format: FEEDBACK_FORMAT, [NAME]: NAME } });
});

/** Rows of a tensor as float32, by llama.cpp's decoders. */
async function rowsOf(path: string): Promise<Float32Array[]> {
  await convert({ base: path, adapters: [], outputs: [{ id: 'f32', path: `${path}.f32`, type: 'f32' }] }, { pool: inlinePool });
  const tensor = (await readGguf(`${path}.f32`)).tensors.find(({ name }) => name === NAME);
  const file = await readFile(`${path}.f32`);
  const [cols = 0, rows = 0] = tensor?.ne ?? [];
  const start = file.byteOffset + (tensor?.offset ?? 0);
  return Array.from({ length: rows }, (_, row) => new Float32Array(file.buffer.slice(start + 4 * row * cols, start + 4 * (row + 1) * cols)));
}

async function written(type: string, feedback: boolean, threads = 2): Promise<string> {
  const path = at(`${type}-${feedback}-${threads}.gguf`);
  await convert({ base: at('model.gguf'), adapters: [], ...(feedback && { feedback: at('factors.safetensors') }), outputs: [{ id: 'out', path, type: 'Q8_0', types: { [NAME]: type } }] }, { pool: inlinePool, threads });
  return path;
}

/** e M of a row of errors. */
const residues = (errors: ArrayLike<number>): number[] => Array.from({ length: COLS }, (_, j) => {
  let sum = errors[j] ?? 0;
  for (let i = Math.max(0, j - 6); i < j; i++) sum += (errors[i] ?? 0) * (m[i]?.[j] ?? 0);
  return sum;
});
const lossOf = (original: readonly Float32Array[], made: readonly Float32Array[]): number =>
  original.reduce((total, row, index) => total + residues(row.map((value, j) => value - (made[index]?.[j] ?? 0))).reduce((sum, r, j) => sum + (d[j] ?? 0) * r * r, 0), 0);

describe('rounding with error feedback', () => {
  it.each(TYPES)('leaves less of e H e^T than rounding as %s alone, as measured and as read back', async (type) => {
    const original = await rowsOf(at('model.gguf'));
    const [plain, fed] = [lossOf(original, await rowsOf(await written(type, false))), lossOf(original, await rowsOf(await written(type, true)))];
    expect(fed).toBeLessThan(0.8 * plain);
    const measured = await measureTypes({ input: at('model.gguf'), types: [type], feedback: at('factors.safetensors'), tensors: /^blk\.1\.ffn_down/, pool: inlinePool });
    const error = measured.get(NAME)?.types[type]?.error ?? 0;
    expect(Math.abs(error / fed - 1)).toBeLessThan(1e-4);
  });

  it('measures types that it does not change by the same e H e^T', async () => {
    const original = await rowsOf(at('model.gguf'));
    const measured = await measureTypes({ input: at('model.gguf'), types: ['q8_0'], feedback: at('factors.safetensors'), tensors: /^blk\.1\.ffn_down/, pool: inlinePool });
    const plain = lossOf(original, await rowsOf(await written('q8_0', true)));
    expect(Math.abs((measured.get(NAME)?.types['q8_0']?.error ?? 0) / plain - 1)).toBeLessThan(1e-4);
  });

  it.each(['q4_0', 'q4_1', 'q5_0', 'q5_1', 'iq4_nl'] as const)('rounds each column of %s to the level nearest to what is wanted of it', async (type) => {
    const original = await rowsOf(at('model.gguf'));
    const path = await written(type, true);
    const made = await rowsOf(path);
    const tensor = (await readGguf(path)).tensors.find(({ name }) => name === NAME);
    const file = await readFile(path);
    const blockBytes = (tensor?.bytes ?? 0) / ((COLS / 32) * original.length);
    let far = 0;
    original.forEach((row, index) => {
      const errors = row.map((value, j) => value - (made[index]?.[j] ?? 0));
      const left = residues(errors);
      for (let block = 0; block < COLS / 32; block++) {
        const bytes = file.subarray((tensor?.offset ?? 0) + ((index * COLS) / 32 + block) * blockBytes).subarray(0, blockBytes);
        const levels = levelsOf(type, bytes);
        for (let j = block * 32; j < block * 32 + 32; j++) {
          const wanted = (made[index]?.[j] ?? 0) + (left[j] ?? 0);
          const nearest = Math.min(...levels.map((level) => Math.abs(level - wanted)));
          // A tie within float32's rounding may fall either way.
          if (Math.abs(left[j] ?? 0) > nearest + 1e-6) far += 1;
        }
      }
    });
    expect(far).toBe(0);
  });

  it('gives the same bytes with any number of threads', async () => {
    const [one, four] = await Promise.all([written('q5_1', true, 1), written('q5_1', true, 4)]);
    expect((await readFile(one)).equals(await readFile(four))).toBe(true);
  });

  it('is plain rounding where inputs have nothing to do with each other', async () => {
    const square = new Float32Array(COLS * COLS);
    for (let j = 0; j < COLS; j++) square[j * COLS + j] = 1;
    await writeSafetensors(at('unit.safetensors'), [{ name: NAME, dtype: 'F32', shape: [COLS, COLS], data: new Uint8Array(square.buffer) }], { metadata: { format: FEEDBACK_FORMAT, [NAME]: NAME } });
    const loss = async (feedback?: string) => (await measureTypes({ input: at('model.gguf'), types: ['q4_k'], feedback, tensors: /^blk\.1\.ffn_down/, pool: inlinePool })).get(NAME)?.types['q4_k']?.error ?? 0;
    // The stock search weighs by importance of 1 in one case and by the values in the other.
    expect(await loss(at('unit.safetensors')) / (await loss())).toBeCloseTo(1, 1);
  });

  it('refuses factors of another model and files of another kind', async () => {
    const base = { base: at('model.gguf'), adapters: [], outputs: [{ id: 'out', path: at('never.gguf'), type: 'Q4_0' }] };
    const unit = new Uint8Array(new Float32Array(32 * 32).buffer);
    await writeSafetensors(at('other.safetensors'), [{ name: NAME, dtype: 'F32', shape: [32, 32], data: unit }], { metadata: { format: FEEDBACK_FORMAT, [NAME]: NAME } });
    await writeSafetensors(at('kind.safetensors'), [{ name: NAME, dtype: 'F32', shape: [32, 32], data: unit }]);
    await writeSafetensors(at('lost.safetensors'), [{ name: NAME, dtype: 'F32', shape: [32, 32], data: unit }], { metadata: { format: FEEDBACK_FORMAT, [NAME]: 'gone' } });
    for (const name of ['other', 'kind', 'lost']) {
      await expect(convert({ ...base, feedback: at(`${name}.safetensors`) }, { pool: inlinePool })).rejects.toMatchObject({ code: 'TARA_FEEDBACK_INVALID' });
    }
  });
});

const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};
const NONLINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** What a block's codes can stand for, from the formats' descriptions. */
function levelsOf(type: string, block: Buffer): number[] {
  const d = half(block.readUInt16LE(0));
  const upTo = (count: number, level: (k: number) => number): number[] => Array.from({ length: count }, (_, k) => level(k));
  if (type === 'iq4_nl') return NONLINEAR.map((level) => d * level);
  if (type === 'q4_0') return upTo(16, (k) => d * (k - 8));
  if (type === 'q5_0') return upTo(32, (k) => d * (k - 16));
  const min = half(block.readUInt16LE(2));
  return upTo(type === 'q4_1' ? 16 : 32, (k) => d * k + min);
}
