/** One embedding a text, whoever asks: what is computed, remembered and refused. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type EmbedOptions, type Model } from '../../src/engine/index.js';
import type { Embedder } from '../../src/kernel/capabilities/index.js';
import { createEmbedder, createModelStore, type Lease } from '../../src/models/index.js';
import { bootHost } from '../../src/boot.js';
import { embedder as embedderToken, TaraError } from '../../src/plugin.js';
import { homeOf } from '../../src/phases/home.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from '../engine/setup.js';

const folder = temporaryFolder();
const engine = createEngine();
const store = createModelStore(engine);
let path: string;
let model: Model;
/** What models were asked for, one list of texts a call. */
let asked: (readonly string[])[];
let held: number;

/** An embedder whose model tells what it is asked. */
function watched(file = path): Embedder {
  asked = [];
  held = 0;
  return createEmbedder(file, {
    async acquire(at, options): Promise<Lease> {
      const lease = await store.acquire(at, options);
      held += 1;
      const release = () => {
        held -= 1;
        lease.release();
      };
      const embed = (texts: readonly string[], options: EmbedOptions) => {
        asked.push(texts);
        return lease.model.embed(texts, options);
      };
      const { info } = lease.model;
      return { model: { info, embed, tokenize: (...input: Parameters<Model['tokenize']>) => lease.model.tokenize(...input) } as Model, identity: lease.identity, release, [Symbol.dispose]: release };
    },
  });
}

beforeAll(async () => {
  path = await writeTinyModel(join(folder.path, 'encoder.gguf'), { seed: 5, contextLength: 64, causal: false });
  model = await engine.load(path, { slots: 1 });
});
afterAll(async () => {
  await store.close();
  await engine.dispose();
});

describe('an embedder', () => {
  test('gives what the model gives, in order, and its length', async () => {
    const embedder = watched();
    expect(await embedder.dimensions()).toBe(64);
    const texts = ['hello', 'are you there?', 'hello'];
    expect(await embedder.embed(texts)).toEqual(await model.embed(texts));
    expect(await embedder.embed([])).toEqual([]);
    expect(held).toBe(0);
  });

  test('computes a text once: repeated, later, at the same time, with other spaces', async () => {
    const embedder = watched();
    const [[first], [second, third]] = await Promise.all([embedder.embed(['one two']), embedder.embed(['three', ' one\n two '])]);
    expect(third).toBe(first);
    expect(await embedder.embed(['three', 'one two'])).toEqual([second, first]);
    expect(asked.map(([text]) => text).sort()).toEqual(['one two', 'three']);
    expect(asked.flat()).toHaveLength(2);
  });

  test('looks inside the model where it is asked to, and computes a text once all the same', async () => {
    const embedder = watched();
    const depths = [0.9, 0, 0.4];
    const [row] = await embedder.embed(['one'], { depths });
    expect(row).toEqual((await model.embed(['one'], { blocks: [1, 0] })).map((both) => Float32Array.from([...both, ...both.slice(128)]))[0]);
    const [plain] = await embedder.embed(['one']);
    expect(plain).toEqual(await model.embed('one'));
    const [, [other]] = await Promise.all([embedder.embed(['two']), embedder.embed(['two'], { depths: [0.5] })]);
    expect(other?.length).toBe(128);
    expect(asked).toEqual([['one'], ['two']]);
    const [blank] = await embedder.embed([''], { depths });
    expect(blank).toEqual(new Float32Array(4 * 64));
  });

  test('computes a text again for those who look deeper than anybody before', async () => {
    const embedder = watched();
    await embedder.embed(['one']);
    expect((await embedder.embed(['one'], { depths: [0.5] }))[0]?.length).toBe(128);
    expect(asked).toEqual([['one'], ['one']]);
  });

  test('goes on without what a model does not show', async () => {
    const shallow = createEmbedder(path, {
      async acquire(at, options) {
        const lease = await store.acquire(at, options);
        const embed = (texts: readonly string[], asked: EmbedOptions) =>
          (asked.blocks?.length ?? 0) > 0 ? Promise.reject(new TaraError('TARA_MODEL_UNSUPPORTED', { path: at, reason: 'nothing shows what enters its block 1' })) : lease.model.embed(texts, asked);
        return { ...lease, model: { info: lease.model.info, embed, tokenize: () => Promise.resolve(new Int32Array(0)) } as unknown as Model };
      },
    });
    await expect(shallow.embed(['one'], { depths: [0.5] })).rejects.toMatchObject({ code: 'TARA_MODEL_UNSUPPORTED' });
    expect(await shallow.embed(['one'])).toEqual([await model.embed('one')]);
  });

  test('reads the beginning of a text that does not fit, and nothing of an empty one', async () => {
    const embedder = watched();
    const [long, blank, broken] = await embedder.embed(['word '.repeat(100_000), ' \n', `${'é'.repeat(500)}\ud800`]);
    expect(Math.hypot(...(long ?? []))).toBeCloseTo(1, 5);
    expect(blank).toEqual(new Float32Array(64));
    expect(Math.hypot(...(broken ?? []))).toBeCloseTo(1, 5);
    expect(asked[0]?.map((text) => text.length > 10 && text.length <= 64)).toEqual([true, true]);
  });

  test('says what is wrong with its file, and tries again', async () => {
    const later = join(folder.path, 'later.gguf');
    const embedder = watched(later);
    await expect(embedder.dimensions()).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await expect(embedder.embed(['x'])).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await copyFile(path, later);
    expect(await embedder.embed(['x'])).toEqual([await model.embed('x')]);
  });
});

describe('the real MiniLM', () => {
  const file = process.env['TARA_EMBEDDING_MODEL'];

  test.skipIf(file === undefined)('agrees with a float64 computation of BERT (skipped unless TARA_EMBEDDING_MODEL names its GGUF)', async () => {
    const { rows } = JSON.parse(await readFile(new URL('../fixtures/minilm-expected.json', import.meta.url), 'utf8')) as { rows: { text: string; tokens: number[]; embedding: number[]; inputs: Record<string, number[]> }[] };
    const minilm = await engine.load(file ?? '', { slots: 1, contextSize: 256 });
    for (const { text, tokens, embedding, inputs } of rows) {
      expect([...(await minilm.tokenize(text))]).toEqual(tokens);
      const row = await minilm.embed(text);
      const cosine = (a: Float32Array, b: readonly number[] = []) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
      expect(cosine(row, embedding)).toBeGreaterThan(0.99999);
      const deep = await minilm.embed(text, { blocks: [2, 4] });
      expect(cosine(deep.slice(384, 768), inputs['2'])).toBeGreaterThan(0.99999);
      expect(cosine(deep.slice(768), inputs['4'])).toBeGreaterThan(0.99999);
    }
  });
});

describe('the capability', () => {
  const home = () => homeOf({ home: join(folder.path, '.tara'), env: {}, cwd: folder.path });

  test('is there where a model is named, and closed with the host', async () => {
    await using host = await bootHost(home(), folder.path, { embeddingModel: 'encoder.gguf' });
    await host.start();
    expect(await host.use(embedderToken).embed(['x'])).toEqual([await model.embed('x')]);
    await host.stop();
    await expect(host.use(embedderToken).embed(['y'])).rejects.toMatchObject({ code: 'TARA_DISPOSED' });
  });

  test('is absent where none is', async () => {
    await using host = await bootHost(home(), folder.path);
    expect(host.find(embedderToken)).toBeUndefined();
  });
});
