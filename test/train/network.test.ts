/** The training graph against llama.cpp's logits, and its gradients against finite differences. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGguf } from '../../src/formats/index.js';
import { layoutOf } from '../../src/train/architecture.js';
import { Network, NOTHING, type LabelledBatch, type LabelShape, type Section, type Trainable } from '../../src/train/network.js';
import { createTaraEngine } from '../../src/tara.js';
import { temporary } from '../phases/temporary.js';
import { random } from '../plan/synthetic.js';
import { writeTinyModel } from '../support/tiny-model.js';

const folder = temporary()();
const at = (name: string): string => join(folder, name);
const engine = createTaraEngine();
const LABELS: LabelShape = { top: 12, drawn: 6 };
const EVERYTHING: Trainable = { norms: true, scales: true, rank: 4, rest: false, seed: 7 };

beforeAll(async () => {
  for (const architecture of ['llama', 'qwen2', 'qwen3'] as const) {
    await writeTinyModel(at(`${architecture}.gguf`), { architecture, seed: 3 });
    await writeTinyModel(at(`${architecture}-teacher.gguf`), { architecture, seed: 4 });
    await engine.quantizeMany(at(`${architecture}.gguf`), [{ output: at(`${architecture}-q4_0.gguf`), type: 'Q4_0' }]);
  }
  await writeTinyModel(at('tied.gguf'), { tied: true });
});

afterAll(() => engine.dispose());

const open = async (name: string, wanted: Trainable = NOTHING, threads = 1): Promise<Network> => Network.open(layoutOf(await readGguf(at(name))), wanted, { threads });

/** Tokens of bytes, as text has them. */
function tokens(count: number, seed: number): Int32Array {
  const next = random(seed);
  return Int32Array.from({ length: count }, () => 3 + Math.floor(next() * 256));
}

/** ln p of each token given those before it, from logits. */
function logProbabilities(logits: Float32Array, sequence: Int32Array): number[] {
  const vocabulary = logits.length / sequence.length;
  return Array.from(sequence.subarray(1), (token, index) => {
    const row = logits.subarray(index * vocabulary, (index + 1) * vocabulary);
    const top = row.reduce((most, value) => Math.max(most, value), -Infinity);
    return (row[token] ?? NaN) - top - Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
  });
}

describe('the logits of a training graph', () => {
  it.each(['llama', 'qwen2', 'qwen3', 'tied'])('are those of llama.cpp: %s', async (name) => {
    using network = await open(`${name}.gguf`);
    const sequence = tokens(150, 5);
    const own = logProbabilities(await network.logits(sequence), sequence);
    await using model = await engine.load(at(`${name}.gguf`), { contextSize: 256, slots: 1, threads: 1 });
    const { logProbabilities: theirs } = await model.score(sequence);
    const errors = own.map((value, index) => Math.abs(value - (theirs[index] ?? NaN)));
    // llama.cpp keeps keys and values in float16.
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(2e-3);
    expect(Math.max(...errors)).toBeLessThan(0.02);
  });
});

async function labelled(name: string, groups: LabelledBatch['groups']): Promise<LabelledBatch> {
  using teacher = await open(`${name}-teacher.gguf`);
  return { groups, labels: await teacher.teach({ groups }, LABELS, 1) };
}

describe('soft labels', () => {
  it('give a model no divergence from itself, but for what is drawn', async () => {
    using network = await open('llama.gguf');
    const groups = [[tokens(40, 1)], [tokens(30, 2)]];
    const labels = await network.teach({ groups }, { top: 262, drawn: 4 }, 9);
    const { divergence, tokens: count } = await network.measure({ groups, labels }, { top: 262, drawn: 4 });
    expect(count).toBe(70);
    expect(Math.abs(divergence / count)).toBeLessThan(1e-5);
  });

  it('agree with the whole distribution on average', async () => {
    using teacher = await open('llama-teacher.gguf');
    using student = await open('llama.gguf');
    const groups = [[tokens(120, 3)]];
    const all = await student.measure({ groups, labels: await teacher.teach({ groups }, { top: 262, drawn: 0 }, 0) }, { top: 262, drawn: 0 });
    const few = await student.measure({ groups, labels: await teacher.teach({ groups }, { top: 20, drawn: 20 }, 0) }, { top: 20, drawn: 20 });
    expect(few.divergence / all.divergence).toBeCloseTo(1, 1);
    const again = await teacher.teach({ groups }, { top: 20, drawn: 20 }, 0);
    expect(again).toEqual(await teacher.teach({ groups }, { top: 20, drawn: 20 }, 0));
  });
});

/** Parameters of a state, as numbers that may be changed. */
const parametersOf = (network: Network, bytes: Uint8Array): Float32Array => new Float32Array(bytes.buffer, bytes.byteOffset, network.parameters);

/** The largest of a section's gradient: differences of small ones drown in rounding. */
function largest(gradient: Float32Array, { offset, count }: Section, most: number): number[] {
  const indices = Array.from({ length: count }, (_, index) => offset + index);
  return indices.sort((a, b) => Math.abs(gradient[b] ?? 0) - Math.abs(gradient[a] ?? 0)).slice(0, most);
}

describe('the gradient', () => {
  it.each(['llama', 'qwen2', 'qwen3'])('is that of finite differences for every trained tensor: %s', async (name) => {
    using network = await open(`${name}-q4_0.gguf`, EVERYTHING);
    const batch = await labelled(name, [[tokens(33, 11), tokens(18, 12)], [tokens(40, 13)]]);
    // B begins at zero, where A has no gradient.
    const { bytes } = await network.state();
    const parameters = parametersOf(network, bytes);
    const next = random(17);
    for (const { part, offset, count } of network.sections) {
      if (part === 'lora_b') for (let i = 0; i < count; i++) parameters[offset + i] = (next() - 0.5) * 0.2;
    }
    await network.restore({ steps: 0, bytes });
    const { gradient } = await network.gradient(batch, LABELS);
    const mean = async (): Promise<number> => {
      await network.restore({ steps: 0, bytes });
      const { divergence, tokens: count } = await network.measure(batch, LABELS);
      return divergence / count;
    };
    const parts = new Set(network.sections.map(({ part }) => part));
    expect([...parts].sort()).toEqual(['lora_a', 'lora_b', 'norm', 'scale']);
    for (const section of network.sections) {
      // Along the largest entries of the tensor together: one difference checks them all.
      const indices = largest(gradient, section, 24);
      const direction = indices.map((index) => Math.sign(gradient[index] ?? 0));
      const expected = indices.reduce((sum, index) => sum + Math.abs(gradient[index] ?? 0), 0);
      const size = 2e-3 / Math.max(expected, 0.05);
      const move = (by: number): void => indices.forEach((index, i) => (parameters[index] = (parameters[index] ?? 0) + by * (direction[i] ?? 0)));
      const before = indices.map((index) => parameters[index] ?? 0);
      move(size);
      const above = await mean();
      indices.forEach((index, i) => (parameters[index] = before[i] ?? 0));
      move(-size);
      const below = await mean();
      indices.forEach((index, i) => (parameters[index] = before[i] ?? 0));
      const measured = (above - below) / (2 * size);
      expect(Math.abs(measured / expected - 1), `${section.tensor} ${section.part}: ${measured} by differences, ${expected} by the graph`).toBeLessThan(0.02);
    }
  });

  it('is the same with any number of threads', async () => {
    const batch = await labelled('llama', [[tokens(20, 1)], [tokens(25, 2)], [tokens(22, 3), tokens(9, 4)], [tokens(31, 5)]]);
    const gradients = [];
    for (const threads of [1, 2]) {
      using network = await open('llama-q4_0.gguf', EVERYTHING, threads);
      gradients.push(await network.gradient(batch, LABELS));
    }
    expect(gradients[1]).toEqual(gradients[0]);
  });
});
