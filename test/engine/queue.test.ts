/** Who gets a slot, and when. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type GenerateOptions, type Generation, type Model } from '../../src/engine/index.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
let path: string;
let model: Model;

beforeAll(async () => {
  path = await writeTinyModel(join(folder.path, 'random.gguf'), { contextLength: 16384 });
  model = await engine.load(path, { slots: 1, threads: 1, contextSize: 16384, maxQueued: 8 });
});
afterAll(() => engine.dispose());

const short = (options: GenerateOptions = {}) => model.generate('short', { temperature: 0, maxTokens: 2, ...options });

/** Runs `work` while the only slot is taken. */
async function whileBusy(work: (holder: Generation) => Promise<void>): Promise<void> {
  const holder = model.generate('long', { temperature: 0, ignoreEos: true });
  await holder[Symbol.asyncIterator]().next();
  try {
    await work(holder);
  } finally {
    holder.cancel();
    await holder.result.catch(() => undefined);
  }
}

test('first come, first served within a priority; higher ones first', async () => {
  const order: string[] = [];
  await whileBusy(async (holder) => {
    const ask = (name: string, priority?: number) => short({ priority }).result.then(() => order.push(name));
    const all = [ask('a'), ask('b', -3), ask('c', 5), ask('d'), ask('e', 5)];
    while (model.stats().queued < all.length) await new Promise((resolve) => setImmediate(resolve));
    holder.cancel();
    await Promise.all(all);
  });
  expect(order).toEqual(['c', 'e', 'a', 'd', 'b']);
});

test('more than maxQueued are refused, and the others are served', async () => {
  await whileBusy(async (holder) => {
    const all = Array.from({ length: 12 }, () => short().result);
    const settled = Promise.allSettled(all);
    const refused = await Promise.all(all.map((result) => Promise.race([result.then(() => undefined, (error: unknown) => error), settledSoon()])));
    expect(refused.filter((error) => (error as { code?: string } | undefined)?.code === 'TARA_QUEUE_FULL')).toHaveLength(4);
    holder.cancel();
    expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
  });
  async function settledSoon(): Promise<undefined> {
    while (model.stats().queued < 8) await new Promise((resolve) => setImmediate(resolve));
    // Those that are refused have come after the eighth.
    await model.tokenize('after all that was asked before');
    await new Promise((resolve) => setImmediate(resolve));
    return undefined;
  }
});

describe('waiting', () => {
  test('ends after queueTimeoutMs, and is told', async () => {
    await whileBusy(async (holder) => {
      await expect(short({ queueTimeoutMs: 30 }).result).rejects.toMatchObject({ code: 'TARA_QUEUE_TIMEOUT', fields: { ms: 30 } });
      const waits = short({ queueTimeoutMs: 600_000 });
      await expect(short({ queueTimeoutMs: 20 }).result).rejects.toMatchObject({ code: 'TARA_QUEUE_TIMEOUT' });
      holder.cancel();
      const { timings } = await waits.result;
      expect(timings.queueMs).toBeGreaterThan(15);
      expect(timings.firstTokenMs).toBeGreaterThanOrEqual(timings.queueMs);
    });
  });

  test('ends at once when it is cancelled', async () => {
    await whileBusy(async (holder) => {
      const waiting = short();
      while (model.stats().queued < 1) await new Promise((resolve) => setImmediate(resolve));
      waiting.cancel();
      await expect(waiting.result).rejects.toMatchObject({ code: 'TARA_ABORTED' });
      await expect(Promise.race([holder.result, Promise.resolve('still at work')])).resolves.toBe('still at work');
    });
  });

  test.each([{ priority: 11 }, { priority: 0.5 }, { queueTimeoutMs: -1 }, { cachePrompt: 1 }, { contextShift: 'yes' }])('%j is refused', async (options) => {
    await expect(short(options as GenerateOptions).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: Object.keys(options)[0] } });
  });
});
