import { describe, expect, it } from 'vitest';
import { createAnswerCache, createChat, type ChatEvent, type ChatRequest, type ChatServices, type DomainLease } from '../../src/chat/index.js';
import type { GenerateOptions } from '../../src/engine/index.js';
import { TaraError } from '../../src/errors.js';
import type { CrisisLevel, Emotion, RouteOptions, Router } from '../../src/kernel/capabilities/index.js';
import { neutralAnalysis } from '../../src/chat/chat.js';
import type { HookCaller } from '../../src/kernel/services.js';
import { createTestHost, type TestHost } from '../../src/testing/index.js';
import { definePlugin, type HookHandlers } from '../../src/plugin.js';

const GREEDY: GenerateOptions = { temperature: 0 };
const NO_HOOKS: HookCaller = { has: () => false, first: () => Promise.resolve(undefined), waterfall: (_, value) => Promise.resolve(value), parallel: () => Promise.resolve([]), observe: () => Promise.resolve() };

/** A model that counts its answers, in each of which it says how often it was asked. */
function counting(identity = 'model 1', adapters?: Record<string, number>) {
  const state = { asked: 0, speed: 10 };
  const model = {
    generate() {
      const text = `answer ${(state.asked += 1)}`;
      const result = Promise.resolve({ text, usage: { promptTokens: 1, completionTokens: 3 }, timings: { decodeTokensPerSecond: state.speed } });
      return { result, async *[Symbol.asyncIterator]() { yield { text, tokens: [] }; } };
    },
  };
  const lease = (): DomainLease => ({ model: model as never, identity, release() {}, [Symbol.dispose]() {}, ...(adapters && { adapters }) });
  return { state, lease };
}

const emotion = (level: CrisisLevel): Emotion => ({ analyze: (text) => Promise.resolve({ ...neutralAnalysis(text), crisis: { level, reasons: [] } }), style: () => Promise.resolve({ instructions: '' }), responseTemplates: {} });

function chatOf(more: Partial<ChatServices> = {}) {
  const { state, lease } = counting();
  const chat = createChat({ hooks: NO_HOOKS, emotion: undefined, router: undefined, answers: createAnswerCache(), acquire: () => Promise.resolve(lease()), ...more });
  const ask = async (content: string, request: Partial<ChatRequest> = {}) => {
    const events: ChatEvent[] = [];
    for await (const event of chat.reply({ messages: [{ role: 'user', content }], generate: GREEDY, ...request })) events.push(event);
    return { end: events.at(-1) as ChatEvent & { type: 'end' }, events };
  };
  return { state, ask };
}

/** Whether the second of two like requests is answered by what the first was. */
async function reused(request: Partial<ChatRequest>, more: Partial<ChatServices> = {}): Promise<boolean> {
  const { state, ask } = chatOf(more);
  await ask('hm', request);
  await ask('hm', request);
  return state.asked === 1;
}

const hosts: TestHost[] = [];
async function hooksOf(hooks: HookHandlers<unknown>): Promise<HookCaller> {
  const host = await createTestHost({ plugins: [definePlugin({ name: 'p', version: '1.0.0', kernel: '*', apiVersion: 1, hooks })] });
  hosts.push(host);
  return host.hooks;
}

describe('an answer given before', () => {
  it('is given again to the same prompt, and says so', async () => {
    const { state, ask } = chatOf();
    const first = await ask('Why?');
    const again = await ask('  Why? ');
    expect(state.asked).toBe(1);
    expect(first.end).toMatchObject({ text: 'answer 1', completionTokens: 3, tokensPerSecond: 10 });
    expect(first.end).not.toHaveProperty('reused');
    expect(again.end).toMatchObject({ text: 'answer 1', completionTokens: 3, tokensPerSecond: 0, reused: true });
    expect(again.events.filter(({ type }) => type === 'text')).toEqual([{ type: 'text', text: 'answer 1' }]);
  });

  it('is one that the model would repeat, unless the request says otherwise', async () => {
    expect(await reused({ generate: {} })).toBe(false);
    expect(await reused({ generate: { temperature: 0.7 } })).toBe(false);
    expect(await reused({ generate: { temperature: 0.7, seed: 3 } })).toBe(true);
    expect(await reused({ generate: {}, reuse: true })).toBe(true);
    expect(await reused({ generate: GREEDY, reuse: false })).toBe(false);
    expect(await reused({ generate: { ...GREEDY, logprobs: 2 }, reuse: true })).toBe(false);
    expect(await reused({ generate: GREEDY }, { answers: undefined })).toBe(false);
  });

  it('is never one to a message in a crisis', async () => {
    expect(await reused({}, { emotion: emotion('none') })).toBe(true);
    expect(await reused({}, { emotion: emotion('concern') })).toBe(false);
    expect(await reused({ reuse: true }, { emotion: emotion('acute') })).toBe(false);
    const told: Router = { route: (text) => Promise.resolve({ text, domain: 'a', confidence: 1, scores: {}, fallback: null, crisis: { level: 'concern', reasons: [] } }) };
    expect(await reused({}, { router: told })).toBe(false);
  });

  it('is told apart by everything that shapes it', async () => {
    const { state, ask } = chatOf();
    const asked = ['hm', 'Hm', 'h m'];
    for (const text of asked) await ask(text);
    await ask('hm', { generate: { ...GREEDY, maxTokens: 5 } });
    await ask('hm', { generate: { ...GREEDY, stop: 'x' } });
    await ask('hm', { messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hm' }] });
    expect(state.asked).toBe(6);
    const signal = new AbortController().signal;
    await ask('hm', { generate: { maxTokens: 5, ...GREEDY, signal }, signal });
    expect(state.asked).toBe(6);
  });

  it('is told apart by the model, its file and its adapters', async () => {
    const answers = createAnswerCache();
    for (const { state, lease } of [counting('model 1'), counting('model 2'), counting('model 1', { law: 1 }), counting('model 1', { law: 0.5 })]) {
      const { ask } = chatOf({ answers, acquire: () => Promise.resolve(lease()) });
      await ask('hm');
      expect(state.asked).toBe(1);
    }
    expect(answers.stats()).toEqual({ hits: 0, misses: 4, size: 4 });
  });

  it('is told apart by what plugins make of the prompt, and they see it again', async () => {
    let style = 'warm';
    const seen: string[] = [];
    const hooks = await hooksOf({
      'chat:prompt': (value) => ({ ...value, messages: [{ role: 'system', content: style }, ...value.messages] }),
      'chat:reply': (value) => (seen.push(value.text), { ...value, text: `${value.text}!` }),
    });
    const { state, ask } = chatOf({ hooks });
    await ask('hm');
    expect((await ask('hm')).end).toMatchObject({ text: 'answer 1!', reused: true });
    expect(seen).toEqual(['answer 1', 'answer 1']);
    style = 'cold';
    expect((await ask('hm')).end.text).toBe('answer 2!');
    expect(state.asked).toBe(2);
  });

  it('is forgotten by age and number', async () => {
    let time = 0;
    const answers = createAnswerCache({ entries: 1, ttlMs: 10, now: () => time });
    const { state, ask } = chatOf({ answers });
    for (const text of ['a', 'a', 'b', 'a']) await ask(text);
    expect(state.asked).toBe(3);
    time = 10;
    await ask('a');
    expect(state.asked).toBe(4);
    expect(answers.stats()).toMatchObject({ hits: 1, misses: 4, size: 1 });
  });

  it('counts among those that domains agree on', async () => {
    const router: Router = { route: (text) => Promise.resolve({ text, domain: 'a', confidence: 0.4, scores: {}, fallback: 'b', contenders: ['a', 'b'], crisis: { level: 'none', reasons: [] } }) };
    const models = { a: counting('a'), b: counting('b') };
    const { ask } = chatOf({ router, acquire: (domain) => Promise.resolve(models[domain as 'a' | 'b'].lease()) });
    await ask('hm', { consensus: true });
    expect((await ask('hm', { consensus: true })).end).toMatchObject({ text: 'answer 1', tokensPerSecond: 0, consensus: { asked: ['a', 'b'] } });
    expect([models.a.state.asked, models.b.state.asked]).toEqual([1, 1]);
  });
});

describe('sentences before a reply', () => {
  const before = () => hooksOf({ 'chat:before': () => 'I hear you.' });

  it('precede what a model says', async () => {
    const { events } = await chatOf({ hooks: await before() }).ask('hm');
    expect(events.map((event) => (event.type === 'text' ? event.text : event.type))).toEqual(['decision', 'answering', 'I hear you.\n\n', 'answer 1', 'end']);
    expect(events.at(-1)).toMatchObject({ text: 'I hear you.\n\nanswer 1' });
  });

  it('aside, an answer that fails is told to the lease of its model', async () => {
    const errors: unknown[] = [];
    const result = Promise.reject(new TaraError('TARA_ABORTED'));
    const model = { generate: () => ({ result, [Symbol.asyncIterator]: () => ({ next: () => result }) }) };
    const lease: DomainLease = { ...counting().lease(), model: model as never, failed: (error) => errors.push(error) };
    await expect(chatOf({ acquire: () => Promise.resolve(lease) }).ask('hm')).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(errors).toMatchObject([{ code: 'TARA_ABORTED' }]);
  });

  it('precede no error', async () => {
    const chat = createChat({ hooks: await before(), emotion: undefined, router: undefined, acquire: () => Promise.reject(new TaraError('TARA_MEMORY_BUSY', { path: 'm', seconds: 1 })) });
    const events: ChatEvent[] = [];
    const reading = async () => { for await (const event of chat.reply({ messages: [{ role: 'user', content: 'hm' }] })) events.push(event); };
    await expect(reading()).rejects.toMatchObject({ code: 'TARA_MEMORY_BUSY' });
    expect(events.map(({ type }) => type)).toEqual(['decision']);
  });
});

it('the router is told what is known of the domains: how fast they answered, how many wait, and what the caller knows', async () => {
  const told: RouteOptions['candidates'][] = [];
  const router: Router = { route: (text, options) => (told.push(options?.candidates), Promise.resolve({ text, domain: 'a', confidence: 1, scores: {}, fallback: null, crisis: { level: 'none', reasons: [] } })) };
  const { state, ask } = chatOf({ router, answers: undefined });
  const domains = ['a', { name: 'b', quality: 0.8 }];
  await ask('hm', { domains });
  expect(told[0]).toEqual([{ name: 'a' }, { name: 'b', quality: 0.8 }]);
  state.speed = 40;
  await ask('hm', { domains });
  await ask('hm', { domains });
  const speeds = told.map((candidates) => candidates?.map(({ tokensPerSecond, queue }) => [tokensPerSecond, queue]));
  expect(speeds[0]).toEqual([[undefined, undefined], [undefined, undefined]]);
  expect(speeds[1]).toEqual([[expect.closeTo(10, -1), 0], [undefined, undefined]]);
  expect(speeds[2]?.[0]?.[0]).toBeGreaterThan(speeds[1]?.[0]?.[0] ?? 0);
});
