/** Conversations saved to a file and read back; nothing a file holds may do harm. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
const PROMPT = 'A long conversation about the weather, and what to wear when it rains.';
let model: Model;
let path: string;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  path = await writeTinyModel(at('random.gguf'));
  model = await engine.load(path, { slots: 2, threads: 1, contextSize: 256 });
  await model.saveState(at('saved.state'), PROMPT);
});
afterAll(() => engine.dispose());

const answer = (of: Model, options: object = {}) => of.generate(`${PROMPT} So?`, { temperature: 0, maxTokens: 24, ...options }).result;

test('goes on in another model object as if it had been read there', async () => {
  const expected = await answer(model, { cachePrompt: false });
  await using other = await engine.load(path, { slots: 1, threads: 1, contextSize: 256 });
  const { tokens } = await other.loadState(at('saved.state'));
  expect([...tokens]).toEqual([...(await other.tokenize(PROMPT, { parseSpecial: true }))]);
  const result = await answer(other);
  expect(result.text).toBe(expected.text);
  expect(result.usage.cachedTokens).toBeGreaterThanOrEqual(tokens.length - 1);
  expect(other.stats().promptTokens).toBe(result.usage.promptTokens - result.usage.cachedTokens);
});

test('from any slot into any slot of a model with another number of them', async () => {
  const expected = await answer(model, { cachePrompt: false });
  await using other = await engine.load(path, { slots: 5, threads: 1, contextSize: 256 });
  // Two slots are taken, so that it is read into the third, and saved from there.
  const busy = [0, 1].map((seed) => other.generate(`busy ${seed}`, { seed, maxTokens: 10_000, ignoreEos: true, contextShift: true })[Symbol.asyncIterator]());
  await Promise.all(busy.map((chunks) => chunks.next()));
  await other.loadState(at('saved.state'));
  expect((await answer(other)).text).toBe(expected.text);
  await other.saveState(at('again.state'), PROMPT);
  await using single = await engine.load(path, { slots: 1, threads: 1, contextSize: 256 });
  await single.loadState(at('again.state'));
  const { text, usage } = await answer(single);
  expect(text).toBe(expected.text);
  expect(usage.cachedTokens).toBeGreaterThan(PROMPT.length / 2);
  await Promise.all(busy.map((chunks) => chunks.return?.()));
});

test('what it does not fit is refused', async () => {
  await using other = await engine.load(await writeTinyModel(at('other.gguf'), { seed: 2 }), { slots: 1, contextSize: 256 });
  await expect(other.loadState(at('saved.state'))).rejects.toMatchObject({ code: 'TARA_STATE_INVALID', fields: { path: at('saved.state') } });
  await using small = await engine.load(path, { slots: 1, contextSize: 8 });
  await expect(small.loadState(at('saved.state'))).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL' });
  await expect(model.loadState(at('none.state'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  await expect(model.loadState(folder.path)).rejects.toMatchObject({ code: 'TARA_FILE_UNREADABLE' });
  await expect(model.saveState(join(folder.path, 'no', 'folder'), PROMPT)).rejects.toMatchObject({ code: 'TARA_WRITE_FAILED' });
  await expect(model.saveState(at('empty.state'), '')).rejects.toMatchObject({ code: 'TARA_PROMPT_EMPTY' });
});

test('a damaged file is refused, wherever the damage is', async () => {
  const whole = await readFile(at('saved.state'));
  const damage = fc.oneof(
    fc.record({ at: fc.oneof(fc.nat(400), fc.nat(whole.length - 1)), flip: fc.integer({ min: 1, max: 255 }) }).map((hurt) => {
      const bytes = Buffer.from(whole);
      bytes[hurt.at] = (bytes[hurt.at] ?? 0) ^ hurt.flip;
      return bytes;
    }),
    fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
    fc.uint8Array({ minLength: 1, maxLength: 64 }).map((more) => Buffer.concat([whole, more])),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(fc.asyncProperty(damage, async (bytes) => {
    await writeFile(at('damaged.state'), bytes);
    const failure = await model.loadState(at('damaged.state')).then(() => undefined, (error: { code: string }) => error.code);
    // White space and digits of the header may change without a meaning; nothing else may.
    if (failure === undefined) expect(bytes.subarray(-1024)).toEqual(whole.subarray(-1024));
    else expect(['TARA_STATE_INVALID', 'TARA_OPTION_INVALID']).toContain(failure);
  }), { numRuns: 150 });
  expect((await answer(model)).text).toBe((await answer(model, { cachePrompt: false })).text);
});

test('read into a slot that another request goes on from at the same moment, it does not reach that request', async () => {
  const shared = 'One more text that two requests begin with, word for word. ';
  const options = { temperature: 0, maxTokens: 24 } as const;
  await using own = await engine.load(path, { slots: 2, threads: 1, contextSize: 256 });
  const expected = await own.generate(`${shared}And so?`, { ...options, cachePrompt: false }).result;
  for (let round = 0; round < 10; round++) {
    // Both end at once, and leave their slots to the next two.
    const running = ['x'.repeat(shared.length), shared].map((prompt) => own.generate(`${prompt}But no`, { maxTokens: 60, ignoreEos: true, seed: round }).result);
    const waiting = own.generate(`${shared}And so?`, options).result;
    const loading = own.loadState(at('saved.state'));
    await Promise.all([...running, loading]);
    expect((await waiting).text).toBe(expected.text);
  }
});
