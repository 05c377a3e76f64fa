/** The low-rank residual of a quantization: what it gives back, that llama.cpp loads it, and what it refuses. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startJob } from '../../src/engine/jobs.js';
import { readGguf } from '../../src/formats/index.js';
import { residualLora, type ResidualOptions } from '../../src/train/index.js';
import { writeTensors } from '../../src/train/ship.js';
import { createTaraEngine } from '../../src/tara.js';
import { tara } from '../cli/run.js';
import { temporary } from '../phases/temporary.js';
import { random } from '../plan/synthetic.js';
import { writeTinyModel } from '../support/tiny-model.js';

const folder = temporary()();
const at = (name: string): string => join(folder, name);
const engine = createTaraEngine();
afterAll(() => engine.dispose());

beforeAll(async () => {
  await writeTinyModel(at('teacher.gguf'), { seed: 2 });
  // Embedding and head stay as they are: no LoRA goes on them.
  const ran = await tara(folder, ['quantize', 'teacher.gguf', 'student.gguf', '--type', 'Q4_0', '--tensor-type', 'token_embd=f32', '--tensor-type', '^output=f32']);
  if (ran.code !== 0) throw new Error(ran.err);
  await writeFile(at('items.jsonl'), Array.from({ length: 60 }, (_, line) => `${JSON.stringify({ prompt: `Say ${line * 31}.`, response: `It is ${line * 7} of ${line}.` })}\n`).join(''));
});

const options = (more: Partial<ResidualOptions> = {}): ResidualOptions => ({ student: at('student.gguf'), teacher: at('teacher.gguf'), text: [at('items.jsonl')], output: at('lora.gguf'), engine, threads: 1, ...more });

/** The native job on one matrix of numbers against zeros. */
async function lowRank(values: Float32Array, columns: number, squares: Float32Array, rank: number): Promise<{ left: number; a: Float32Array; b: Float32Array }> {
  const rows = values.length / columns;
  const write = async (name: string, numbers: Float32Array) => {
    await writeTensors(at(name), [], [{ name: 'm', ne: [columns, rows], type: 'f32', bytes: new Uint8Array(numbers.buffer) }]);
    const { path, size, mtimeMs, tensors: [tensor] } = await readGguf(at(name));
    return { file: { path, size, mtimeMs }, tensor: { type: 0, ne: tensor?.ne, offset: tensor?.offset, bytes: tensor?.bytes } };
  };
  const [teacher, student] = [await write('w.gguf', values), await write('q.gguf', new Float32Array(values.length))];
  const { data, blob } = await startJob('train.residual', { teacher: teacher.file, student: student.file, rank, threads: 1, pairs: [{ teacher: teacher.tensor, student: student.tensor }] }, { blobs: [new Uint8Array(squares.buffer)] }).done;
  const numbers = new Float32Array(blob ?? new ArrayBuffer(0));
  return { left: (data as { shares: number[] }).shares[0] ?? NaN, a: numbers.subarray(0, rank * columns), b: numbers.subarray(rank * columns) };
}

describe('a low-rank residual', () => {
  it('is the matrix itself where that has no higher rank, whatever the scales', async () => {
    const [rows, columns, rank] = [37, 29, 5];
    const next = random(3);
    const [left, right] = [Float32Array.from({ length: rows * rank }, () => next() - 0.5), Float32Array.from({ length: rank * columns }, () => next() - 0.5)];
    const product = new Float32Array(rows * columns);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) for (let r = 0; r < rank; r++) product[i * columns + j] = (product[i * columns + j] ?? 0) + (left[i * rank + r] ?? 0) * (right[r * columns + j] ?? 0);
    const found = await lowRank(product, columns, Float32Array.from({ length: columns }, () => 0.01 + next()), rank);
    expect(found.left).toBeLessThan(1e-6);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let value = 0;
        for (let r = 0; r < rank; r++) value += (found.b[i * rank + r] ?? 0) * (found.a[r * columns + j] ?? 0);
        expect(value).toBeCloseTo(product[i * columns + j] ?? NaN, 4);
      }
    }
  });

  it('keeps the largest singular values of a diagonal matrix, as its columns are weighed', async () => {
    const size = 24;
    const diagonal = new Float32Array(size * size);
    for (let i = 0; i < size; i++) diagonal[i * size + i] = i + 1;
    const plain = await lowRank(diagonal, size, new Float32Array(size).fill(1), 4);
    const squares = Array.from({ length: size }, (_, i) => (i + 1) ** 2);
    expect(plain.left).toBeCloseTo(squares.slice(0, -4).reduce((sum, value) => sum + value, 0) / squares.reduce((sum, value) => sum + value, 0), 4);
    // The first four columns count a hundred times as much now.
    const weighed = await lowRank(diagonal, size, Float32Array.from({ length: size }, (_, i) => (i < 4 ? 1e4 : 1)), 4);
    const energy = (row: number): number => weighed.a.filter((_, index) => index % size === row).reduce((sum, value) => sum + value * value, 0);
    for (let column = 0; column < size; column++) expect(energy(column) > 1e-6).toBe(column < 4);
  });

  it('brings the student nearer to its teacher, as a LoRA that llama.cpp loads', async () => {
    const few = await residualLora(options({ rank: 4 }));
    const many = await residualLora(options({ rank: 32, output: at('many.gguf') }));
    expect(few.matrices).toBe(14);
    expect(many.left).toBeLessThan(few.left);
    expect(few.left).toBeLessThan(1);
    expect(many.bytes).toBeGreaterThan(few.bytes);
    // At full rank llama.cpp computes what the teacher does: every token is as likely again.
    await residualLora(options({ rank: 64, output: at('full.gguf') }));
    const probabilities = async (name: string, adapters?: Record<string, number>): Promise<Float32Array> => {
      await using model = await engine.load(at(name), { contextSize: 256, slots: 1, threads: 1, adapters: adapters && { full: at('full.gguf') } });
      return (await model.score('the hill of the shell, well held by all', { adapters })).logProbabilities;
    };
    const teacher = await probabilities('teacher.gguf');
    const distance = (other: Float32Array): number => other.reduce((sum, value, index) => sum + Math.abs(value - (teacher[index] ?? NaN)), 0);
    expect(distance(await probabilities('student.gguf', { full: 1 }))).toBeLessThan(0.2 * distance(await probabilities('student.gguf')));
  });

  it('is refused for two files that are not one model', async () => {
    await writeTinyModel(at('other.gguf'), { layers: 3 });
    await expect(residualLora(options({ student: at('other.gguf') }))).rejects.toMatchObject({ code: 'TARA_REFERENCE_MISMATCH' });
    await expect(residualLora(options({ student: at('teacher.gguf') }))).rejects.toMatchObject({ code: 'TARA_REFERENCE_MISMATCH' });
    await expect(residualLora(options({ output: at('teacher.gguf') }))).rejects.toMatchObject({ code: 'TARA_OUTPUT_IS_INPUT' });
  });

  it('is what distill --residual writes', async () => {
    const ran = await tara(folder, ['distill', 'student.gguf', '--teacher', 'teacher.gguf', '--text', 'items.jsonl', '--output', 'cli.gguf', '--residual', '--rank', '8', '--threads', '1']);
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('held-out loss')]);
  });
});
