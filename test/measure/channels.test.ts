/** Channels that can go, and the weights that make up for them, on networks of which it is known. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convert } from '../../src/convert/index.js';
import { createEngine, type Model } from '../../src/engine/index.js';
import { readGguf } from '../../src/formats/index.js';
import { expectedTokens } from '../../src/measure/index.js';
import { Surgery } from '../../plugins/compression/sparse/channels.js';
import { byteToken, writeChainModel, writeTinyModel } from '../support/tiny-model.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-channels-'));
const engine = createEngine();
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const INNER = 128;
/** More tokens than channels, or anything could be refitted to them. */
const SEQUENCES = Array.from({ length: 24 }, (_, text) => Int32Array.from({ length: 40 }, (_, at) => 3 + ((at * 53 + text * 97 + at * at * 7) % 250)));

const load = (path: string): Promise<Model> => engine.load(path, { slots: 1, contextSize: 64, threads: 1 });

async function loss(path: string): Promise<number[]> {
  const model = await load(path);
  const { logProbabilities } = await model.score(SEQUENCES[0] ?? new Int32Array());
  await model.dispose();
  return [...logProbabilities];
}

/** The upper half of the channels says what the lower half says. */
const doubled = (name: string, values: Float32Array, ne: readonly number[]): void => {
  if (!/ffn_(gate|up)\.weight$/.test(name)) return;
  const [width = 0] = ne;
  values.copyWithin((INNER / 2) * width, 0, (INNER / 2) * width);
};

describe('channels', () => {
  it('that say the same go first, and what read them reads their twins', async () => {
    const path = await writeTinyModel(join(folder, 'doubled.gguf'), { layers: 2, change: doubled });
    const model = await load(path);
    using surgery = await Surgery.open(await readGguf(path), model, SEQUENCES, { threads: 2 });
    await model.dispose();
    if (!surgery) throw new Error('the channels were not seen');
    const healed = await surgery.heal({ layers: [], width: INNER / 2 }, join(folder, 'doubled.safetensors'), { threads: 2 });
    for (const kept of Object.values(healed.channels ?? {})) expect(new Set(kept.map((channel: number) => channel % (INNER / 2))).size).toBe(INNER / 2);
    const { weights, ...unhealed } = healed;
    expect(weights).toBeDefined();
    const write = async (name: string, pruning: typeof healed): Promise<string> => {
      const output = join(folder, name);
      await convert({ base: path, adapters: [], pruning, outputs: [{ id: 'x', path: output, type: 'f32' }] });
      return output;
    };
    const before = await loss(path);
    const distance = (after: readonly number[]): number => Math.max(...after.map((one, at) => Math.abs(one - (before[at] ?? 0))));
    const [with_, without] = [distance(await loss(await write('healed.gguf', healed))), distance(await loss(await write('unhealed.gguf', unhealed)))];
    // What is left is the ridge's.
    expect(with_).toBeLessThan(0.1);
    expect(without).toBeGreaterThan(5 * with_);
  });

  it('are left to the bit where none goes, and made up for a layer that goes where it did the same for all', async () => {
    const path = await writeTinyModel(join(folder, 'plain.gguf'), { layers: 3, seed: 5 });
    const model = await load(path);
    using surgery = await Surgery.open(await readGguf(path), model, SEQUENCES, { threads: 1 });
    await model.dispose();
    expect(await surgery?.heal({ layers: [], width: null }, join(folder, 'none.safetensors'), {})).toEqual({});
    expect([...(surgery?.influence.values() ?? [])].every((value, layer) => (layer === 0 ? value === 0 : value > 0 && value < 2))).toBe(true);
    const healed = await surgery?.heal({ layers: [1], width: null }, join(folder, 'one.safetensors'), {});
    expect(healed?.layers).toEqual([0, 2]);
    expect(healed?.weights).toBeDefined();
  });
});

describe('expected tokens', () => {
  it('sum to the number of positions, and are those that a chain says', async () => {
    const tiny = await load(await writeTinyModel(join(folder, 'tiny.gguf')));
    const sums = await expectedTokens(tiny, SEQUENCES.slice(0, 2));
    expect(sums).toHaveLength(tiny.info.vocabularySize);
    expect(sums.reduce((sum, value) => sum + value, 0)).toBeCloseTo(80, 2);
    const chain = await load(await writeChainModel(join(folder, 'chain.gguf'), 'abc'));
    const said = await expectedTokens(chain, [Int32Array.from(Buffer.from('aab'), byteToken)]);
    expect(said[byteToken(98)]).toBeCloseTo(2, 3);
    expect(said[byteToken(99)]).toBeCloseTo(1, 3);
    await Promise.all([tiny.dispose(), chain.dispose()]);
  });
});
