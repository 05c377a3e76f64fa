import { describe, expect, it } from 'vitest';
import { agree, createChat, type ChatEvent, type ChatServices } from '../../src/chat/index.js';
import { TaraError } from '../../src/errors.js';
import type { Embedder, Router } from '../../src/kernel/capabilities/index.js';
import type { HookCaller } from '../../src/kernel/services.js';

/** Vectors by hand. */
const embedder = (vectors: Readonly<Record<string, readonly number[]>>): Embedder => ({
  dimensions: () => Promise.resolve(2),
  embed: (texts) => Promise.resolve(texts.map((text) => Float32Array.from(vectors[text] ?? [0, 0]))),
});

describe('what several domains agree on', () => {
  it('is the answer nearest to the others', async () => {
    const answers = ['north', 'north-east', 'south'].map((text, i) => ({ domain: `d${i}`, text }));
    const found = await agree(answers, embedder({ north: [0, 1], 'north-east': [0.6, 0.8], south: [0, -1] }));
    expect(found).toMatchObject({ method: 'medoid', domain: 'd1', asked: ['d0', 'd1', 'd2'] });
    expect((await agree(answers, embedder({ north: [0, 1], 'north-east': [0, -1], south: [0.6, 0.8] }))).domain).toBe('d2');
  });

  it('is what most said, where nothing embeds; of two the first', async () => {
    const answers = [{ domain: 'a', text: 'No.' }, { domain: 'b', text: 'Yes!' }, { domain: 'c', text: 'yes' }];
    expect(await agree(answers, undefined)).toMatchObject({ method: 'vote', domain: 'b', agreement: 2 / 3 });
    expect(await agree(answers.slice(0, 2), { ...embedder({}), embed: () => Promise.reject(new Error('no')) })).toMatchObject({ method: 'vote', domain: 'a' });
    expect(await agree(answers.slice(0, 1), undefined)).toEqual({ method: 'only', domain: 'a', asked: ['a'], agreement: 1 });
  });
});

const hooks: HookCaller = { has: () => false, first: () => Promise.resolve(undefined), waterfall: (_, value) => Promise.resolve(value), parallel: () => Promise.resolve([]), observe: () => Promise.resolve() };
const router: Router = { route: (text) => Promise.resolve({ text, domain: 'a', confidence: 0.4, scores: {}, fallback: 'b', contenders: ['a', 'b', 'c'], crisis: { level: 'none', reasons: [] } }) };

/** Domains that answer with their text, or cannot be had. */
const services = (texts: Readonly<Record<string, string>>): ChatServices => ({
  hooks, router, emotion: undefined, embedder: undefined,
  acquire(domain) {
    const text = texts[domain];
    if (text === undefined) return Promise.reject(new TaraError('TARA_MODEL_LOAD', { path: domain, reason: 'made to fail' }));
    const result = Promise.resolve({ text, usage: { completionTokens: 1 }, timings: { decodeTokensPerSecond: 1 } });
    const model = { generate: () => ({ result, async *[Symbol.asyncIterator]() { yield { text }; } }) };
    return Promise.resolve({ model: model as never, identity: domain, release() {}, [Symbol.dispose]() {} });
  },
});

async function ask(texts: Readonly<Record<string, string>>, consensus = false): Promise<ChatEvent> {
  const events: ChatEvent[] = [];
  for await (const event of createChat(services(texts)).reply({ messages: [{ role: 'user', content: 'hm' }], consensus })) events.push(event);
  return events.at(-1) as ChatEvent;
}

describe('a reply', () => {
  it('comes from the fallback where the domain\'s model cannot be had, and says so', async () => {
    expect(await ask({ a: 'A', b: 'B' })).not.toHaveProperty('fallback');
    expect(await ask({ b: 'B' })).toMatchObject({ text: 'B', fallback: { domain: 'b', code: 'TARA_MODEL_LOAD' } });
    expect(await ask({ none: 'N' })).toMatchObject({ text: 'N', fallback: { domain: 'none' } });
    await expect(ask({})).rejects.toMatchObject({ code: 'TARA_MODEL_LOAD' });
  });

  it('by consensus names who was asked; who fails is left out', async () => {
    expect(await ask({ a: 'no', b: 'yes', c: 'yes' }, true)).toMatchObject({ text: 'yes', consensus: { domain: 'b', asked: ['a', 'b', 'c'], method: 'vote' } });
    expect(await ask({ b: 'yes' }, true)).toMatchObject({ text: 'yes', consensus: { asked: ['b'], method: 'only' } });
    await expect(ask({}, true)).rejects.toMatchObject({ code: 'TARA_MODEL_LOAD' });
  });
});
