/** Feedback factors: against moments by hand, of a model whose inputs are known, and as a file that quantizing takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureTypes } from '../../src/convert/index.js';
import { createEngine, type Model } from '../../src/engine/index.js';
import { readFeedback, readGguf, readPart } from '../../src/formats/index.js';
import { collectFeedback, evaluate, Fusion } from '../../src/measure/index.js';
import { tara } from '../cli/run.js';
import { VOCABULARY_SIZE, writeTinyModel } from '../support/tiny-model.js';

const WIDTH = 64;
const EPSILON = 1e-5;
const QUERY = 'blk.0.attn_q.weight';

const folder = mkdtempSync(join(tmpdir(), 'tara-feedback-'));
const engine = createEngine();
const path = join(folder, 'tiny.gguf');
let embeddings: Float32Array;
let model: Model;

beforeAll(async () => {
  await writeTinyModel(path);
  const table = (await readGguf(path)).tensors.find(({ name }) => name === 'token_embd.weight');
  embeddings = new Float32Array((await readPart(path, table?.offset ?? 0, WIDTH * VOCABULARY_SIZE * 4)).buffer);
  model = await engine.load(path, { slots: 1, threads: 2 });
});

afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** What query, key and value of the first layer get for a token. */
function inputOf(token: number): number[] {
  const x = [...embeddings.subarray(token * WIDTH, (token + 1) * WIDTH)];
  const root = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / WIDTH + EPSILON);
  return x.map((value) => value / root);
}

/** M D M^T. */
function product(factor: Float32Array, i: number, j: number): number {
  const m = (row: number, column: number): number => (row === column ? 1 : row < column ? factor[row * WIDTH + column] ?? 0 : 0);
  return Array.from({ length: WIDTH }, (_, k) => m(i, k) * (factor[k * WIDTH + k] ?? 0) * m(j, k)).reduce((a, b) => a + b, 0);
}

describe('feedback factors', () => {
  it('multiply to the damped moments of the inputs', async () => {
    const tokens = [1, 5, 9, 13, 2, 6, 10, 5];
    const inputs = tokens.map(inputOf);
    const [ridge, shrink] = [0.05, 0.9];
    using fusion = new Fusion([{ tensor: QUERY, size: WIDTH }, { tensor: 'blk.0.attn_k.weight', size: WIDTH }], 1, 1 << 20);
    await fusion.observe(model, { domain: 0, weight: 1, sequences: [Int32Array.from(tokens)], factors: [] });
    expect(fusion.inputs()).toEqual([{ size: WIDTH, tensors: [QUERY, 'blk.0.attn_k.weight'] }]);
    const factors: Float32Array[] = [];
    await fusion.feedback({ ridge, shrink, onFactor: (input, bytes) => { factors[input] = new Float32Array(bytes.slice().buffer); } });
    const [factor = new Float32Array()] = factors;
    const moment = (i: number, j: number): number => inputs.reduce((sum, x) => sum + (x[i] ?? 0) * (x[j] ?? 0), 0) / inputs.length;
    const mean = Array.from({ length: WIDTH }, (_, i) => moment(i, i)).reduce((a, b) => a + b, 0) / WIDTH;
    for (let i = 0; i < WIDTH; i += 5) {
      for (let j = 0; j < WIDTH; j += 3) {
        const wanted = i === j ? moment(i, i) + ridge * mean : shrink * moment(i, j);
        expect(Math.abs(product(factor, i, j) - wanted)).toBeLessThan(2e-5 * mean);
        if (j < i) expect(factor[i * WIDTH + j]).toBe(0);
      }
    }
  });

  it('as a file name every weight\'s factor, the tied head\'s too, and are the same with any number of threads', async () => {
    const text = join(folder, 'text.txt');
    await writeFile(text, Array.from({ length: 400 }, (_, index) => `sentence ${index} of many`).join('\n'));
    const [one, two] = [join(folder, 'one.safetensors'), join(folder, 'two.safetensors')];
    const { unseen } = await collectFeedback({ model: path, text: [text], output: one, contextSize: 64, chunks: 4, threads: 1 });
    await collectFeedback({ model: path, text: [text], output: two, contextSize: 64, chunks: 4, threads: 3 });
    const { file, factors } = await readFeedback(one);
    expect(unseen.filter((name) => factors.has(name))).toEqual([]);
    expect(factors.get('blk.0.attn_v.weight')).toEqual(factors.get(QUERY));
    expect(factors.get('blk.0.ffn_down.weight')?.size).not.toBe(0);
    const other = await readFeedback(two);
    expect(await readPart(one, file.tensors[0]?.offset ?? 0, file.size - (file.tensors[0]?.offset ?? 0))).toEqual(await readPart(two, other.file.tensors[0]?.offset ?? 0, other.file.size - (other.file.tensors[0]?.offset ?? 0)));
    const measured = await measureTypes({ input: path, types: ['q4_0'], feedback: one });
    expect(measured.get(QUERY)?.types['q4_0']?.error).toBeGreaterThan(0);
  });

  it('refuse moments beyond the memory, and leave no file', async () => {
    const text = join(folder, 'short.txt');
    await writeFile(text, 'word '.repeat(400));
    const output = join(folder, 'never.safetensors');
    await expect(collectFeedback({ model: path, text: [text], output, contextSize: 64, memory: 100 })).rejects.toMatchObject({ code: 'TARA_OUT_OF_MEMORY' });
    await expect(readFeedback(output)).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });

  it('on the command line give a preset of the same types and bytes, closer to the model', async () => {
    const at = (name: string): string => join(folder, name);
    const words = ['the', 'model', 'reads', 'a', 'word', 'and', 'says', 'another'];
    await writeFile(at('words.txt'), Array.from({ length: 3000 }, (_, index) => words[(index * index + index) % 7]).join(' '));
    const ran = async (...args: string[]): Promise<void> => {
      const { code, err } = await tara(folder, args);
      expect(err).toBe('');
      expect(code).toBe(0);
    };
    await ran('imatrix', path, '--text', at('words.txt'), '--context', '64', '--chunks', '32', '--threads', '1', '--output', at('words.imatrix'), '--feedback', at('words.feedback'));
    const quantize = (output: string, ...more: string[]): Promise<void> => ran('quantize', path, at(output), '--type', 'Q4_0', '--imatrix', at('words.imatrix'), ...more);
    await quantize('plain.gguf');
    await quantize('fed.gguf', '--feedback', at('words.feedback'));
    const [plain, fed] = await Promise.all(['plain.gguf', 'fed.gguf'].map((name) => readGguf(at(name))));
    expect(fed?.tensors.map(({ name, type }) => [name, type])).toEqual(plain?.tensors.map(({ name, type }) => [name, type]));
    expect(fed?.size).toBe(plain?.size);
    const divergence = async (name: string): Promise<number> =>
      (await evaluate({ engine, model: at(name), reference: path, text: at('words.txt'), contextSize: 64, chunks: 16, threads: 1 })).kld?.mean ?? NaN;
    expect(await divergence('fed.gguf')).toBeLessThan(await divergence('plain.gguf'));
  });
});
