import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTestHost, fakeEmotion, service, type TestHost } from 'tara-gguf/testing';
import { createLru, embedder, emotion, router, stateFolder, type Embedder, type EmotionAnalysis } from 'tara-gguf/plugin';
import plugin from '../../plugins/router/index.js';
import type { RouteEvent } from '../../plugins/router/explained.js';
import type { RouterService } from '../../plugins/router/service.js';
import { createHistories } from '../../plugins/router/state/history.js';
import { followUpOf } from '../../plugins/router/text/follow-up.js';

const homes: string[] = [];
const hosts: TestHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'tara-router-'));
  homes.push(home);
  return home;
}

async function start({ home = newHome(), config = {}, services = [] }: { home?: string; config?: object; services?: NonNullable<Parameters<typeof createTestHost>[0]>['services'] } = {}) {
  const host = await createTestHost({ plugins: [plugin], config: { router: config }, services: [service(stateFolder, () => ({ path: home })), ...(services ?? [])] });
  hosts.push(host);
  return { host, home, routes: host.use(router) as RouterService };
}

describe('the cache of decisions', () => {
  it('answers the same text again, whatever its spaces, and counts', async () => {
    const { routes } = await start();
    const first = await routes.route('Why is my query slow?');
    const again = await routes.route('  Why is my   query slow? ');
    expect([first.cache, again.cache]).toEqual(['miss', 'hit']);
    expect({ ...again, text: first.text, cache: first.cache, milliseconds: first.milliseconds }).toEqual(first);
    expect(routes.stats().decisions).toEqual({ hits: 1, misses: 1, size: 1 });
  });

  it('tells apart everything that matters', async () => {
    const { routes } = await start({ config: { hookMs: 10_000 } });
    const candidates = [{ name: 'technology' }, { name: 'business' }];
    await routes.route('Why is my query slow?');
    expect((await routes.route('Why is my query slow?', { candidates })).cache).toBe('miss');
    expect((await routes.route('Why is my query slow?', { candidates: [{ name: 'technology', healthy: false }, { name: 'business' }] })).domain).not.toBe('technology');
    routes.customScoringFunction = (domain) => (domain === 'creative' ? 1 : 0);
    expect(await routes.route('Why is my query slow?')).toMatchObject({ cache: 'miss', domain: 'creative' });
  });

  it('holds nothing of a table that changed under it', async () => {
    const { host, routes } = await start();
    const text = 'When should I prune my hydrangea?';
    await routes.route(text);
    expect(await routes.route(text)).toMatchObject({ cache: 'hit', domain: expect.not.stringMatching('gardening') as unknown });
    await host.run('domain-examples', ['add', 'gardening', 'How do I prune roses?', 'My hydrangea has brown leaves', 'When do tulips bloom?']);
    // The file is looked at once a second.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 2000);
    try {
      expect(await routes.route(text)).toMatchObject({ cache: 'miss', domain: 'gardening' });
      expect(await routes.route(text)).toMatchObject({ cache: 'hit', domain: 'gardening' });
    } finally {
      clock.mockRestore();
    }
  });

  it('never holds a crisis', async () => {
    const crisis: Partial<EmotionAnalysis> = { crisis: { level: 'acute', reasons: [] } };
    const { routes } = await start({ services: [service(emotion, () => fakeEmotion(crisis))] });
    for (let i = 0; i < 2; i += 1) expect(await routes.route('help')).toMatchObject({ rule: 'crisis', domain: 'healthcare', cache: 'off' });
    expect(routes.stats()).toMatchObject({ decisions: { size: 0 }, emotions: { size: 0 } });
  });

  it('forgets by age and by number', () => {
    let time = 0;
    const cache = createLru<number>({ entries: 2, ttlMs: 10, now: () => time });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
    time = 10;
    expect(cache.get('a')).toBeUndefined();
    expect(createLru<number>({ entries: 0, ttlMs: 10 }).stats().size).toBe(0);
  });
});

describe('a custom scoring function', () => {
  it('replaces scores; what it leaves undefined, or no number, stays', async () => {
    const { routes } = await start({ config: { hookMs: 10_000, customScoringFunction: (domain: string, query: { text: string; urgency: number }) => (domain === 'leadership' && query.text.includes('query') ? 1 : Number.NaN) } });
    const decision = await routes.route('Why is my query slow?');
    expect(decision.domain).toBe('leadership');
    expect(decision.explanations.leadership?.custom).toBe(1);
    expect(decision.explanations.technology?.custom).toBeNull();
  });

  it.each([
    ['throws', () => { throw new Error('no'); }, 'threw', 10_000],
    ['never returns', () => { for (;;); }, 'late', 30],
    ['never settles', () => new Promise<number>(() => {}), 'late', 30],
    ['rejects', () => Promise.reject(new Error('no')), 'threw', 10_000],
  ])('that %s is left out and reported', async (_, scoring, failure, hookMs) => {
    const { host, routes } = await start({ config: { hookMs } });
    routes.customScoringFunction = scoring;
    expect(await routes.route('Why is my query slow?')).toMatchObject({ domain: 'technology', customFailure: failure });
    expect(host.logs.some(({ message }) => message.includes('custom scoring function'))).toBe(true);
  });

  it('must be a function', async () => {
    await expect(start({ config: { customScoringFunction: 'no' } })).rejects.toMatchObject({ code: 'TARA_PLUGIN_CONFIG' });
  });
});

describe('what a user asked before', () => {
  it('keeps follow-up questions in their domain, and new topics out of it', async () => {
    const { routes } = await start();
    const ask = (text: string) => routes.route(text, { userId: 'ann' });
    expect((await ask('What dose of ibuprofen is safe for a fever?')).domain).toBe('healthcare');
    expect(await ask('and for children?')).toMatchObject({ domain: 'healthcare', rule: 'follow-up' });
    expect((await ask('Why does my Python script throw an exception?')).domain).toBe('technology');
    expect((await routes.route('and for children?', { userId: 'bob' })).rule).not.toBe('follow-up');
  });

  it('is kept, exported and erased', async () => {
    const { host, home, routes } = await start();
    await routes.route('My chest hurts and I cannot breathe', { userId: 'ann' });
    await routes.histories.flush();
    const [file = ''] = readdirSync(join(home, 'router', 'history'));
    expect(file).not.toContain('ann');
    expect(readFileSync(join(home, 'router', 'history', file), 'utf8')).not.toContain('chest');
    expect((await host.run('route-history', ['export', 'ann'])).json).toMatchObject({ history: { lastDomain: 'healthcare', version: 1 } });
    const { host: other } = await start({ home });
    expect((await other.run('route-history', ['list'])).json).toEqual({ users: ['ann'] });
    expect((await other.run('route-history', ['erase', 'ann', '--dry-run'])).json).toEqual({ user: 'ann', erased: true });
    expect((await other.run('route-history', ['erase', 'ann'])).json).toEqual({ user: 'ann', erased: true });
    expect(readdirSync(join(home, 'router', 'history'))).toEqual([]);
    expect((await other.run('route-history', ['erase', 'ann'])).json).toEqual({ user: 'ann', erased: false });
    await expect(other.run('route-history', ['burn'])).rejects.toMatchObject({ code: 'TARA_USAGE' });
  });

  it('fades, and a damaged file begins anew', async () => {
    let now = 0;
    const folder = newHome();
    const errors: unknown[] = [];
    const open = () => createHistories({ folder, halfLifeMs: 1000, onUnkept: (error) => errors.push(error), now: () => now });
    const histories = open();
    for (let i = 0; i < 4; i += 1) await histories.remember('ann', 'business');
    now = 2000;
    await histories.remember('ann', 'technology');
    const history = await histories.of('ann');
    expect(history?.affinity).toEqual({ business: 1, technology: 1 });
    expect(history === undefined ? 0 : histories.affinity(history).get('business')).toBe(0.25);
    await histories.flush();
    expect(await open().of('ann')).toEqual(history);
    for (const file of readdirSync(folder)) writeFileSync(join(folder, file), '{"format":1');
    expect(await open().of('ann')).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it('is followed up by short messages that lean on it', () => {
    for (const text of ['and for children?', 'what about the second one?', 'why?', 'How long does it last?']) expect(followUpOf(text)).toBeGreaterThan(0);
    for (const text of ['', 'Python', 'Write a poem about autumn', 'and '.repeat(30)]) expect(followUpOf(text)).toBe(0);
  });
});

describe('domain-examples', () => {
  it('adds a domain that the next message goes to, lists and removes it', async () => {
    const { host, home, routes } = await start();
    const lines = ['How do I prune roses?', 'When do tulips bloom?', 'My hydrangea has brown leaves', 'Which soil do ferns like?', 'How deep do I plant bulbs?', 'Grow basil on a balcony', 'Slugs eat my hostas', 'What is a good hedge?', 'When should I water orchids?', 'Can I move a peony?'];
    expect((await routes.route('When should I prune my hydrangea?')).domain).not.toBe('gardening');
    writeFileSync(join(home, 'lines.txt'), lines.slice(2).join('\n'));
    expect((await host.run('domain-examples', ['add', 'gardening', ...lines.slice(0, 2), '--file', join(home, 'lines.txt'), '--dry-run'])).json).toMatchObject({ examples: 10, written: false });
    await host.run('domain-examples', ['add', 'gardening', ...lines.slice(0, 2), '--file', join(home, 'lines.txt'), '--description', 'plants and gardens']);
    const { host: other, routes: later } = await start({ home });
    const decision = await later.route('When should I prune my hydrangea?');
    expect([decision.domain, decision.explanations.gardening?.nearest]).toEqual(['gardening', expect.stringMatching(/hydrangea|prune/)]);
    expect((await other.run('domain-examples', ['list'])).text).toMatch(/gardening +10 examples, 10 of yours {2}plants/);
    expect((await other.run('domain-examples', ['list', 'gardening'])).text.split('\n')).toEqual(lines);
    expect((await other.run('domain-examples', ['remove', 'gardening', lines[0] ?? ''])).json).toMatchObject({ examples: 9 });
    await other.run('domain-examples', ['remove', 'gardening']);
    expect((await other.run('domain-examples', ['list'])).text).not.toContain('gardening');
  });

  it('refuses what is no domain or no example, and a damaged file', async () => {
    const { host, home } = await start();
    for (const args of [['add', 'x'], ['burn'], []]) await expect(host.run('domain-examples', args)).rejects.toMatchObject({ code: 'TARA_USAGE' });
    for (const args of [['add', 'none', 'hi'], ['add', '../x', 'hi'], ['add', 'x', 'y'.repeat(2001)], ['remove', 'x'], ['list', 'x']]) await expect(host.run('domain-examples', args)).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await host.run('domain-examples', ['add', 'x', 'hi']);
    writeFileSync(join(home, 'router', 'domains.json'), '{');
    await expect(host.run('domain-examples', ['list'])).rejects.toMatchObject({ code: 'TARA_CONFIG_INVALID' });
    const { host: serving, routes } = await start({ home });
    expect((await routes.route('Why is my query slow?')).domain).toBe('technology');
    expect(serving.logs.some(({ message }) => message.includes('domain-examples'))).toBe(true);
  });
});

/** Eight directions, one a topic word: a stand-in for a model that knows what words mean. */
const TOPICS = ['sick', 'money', 'school', 'poem', 'team', 'code', 'weather', 'plant'];
function topical(calls: string[][] = []): Embedder {
  return {
    dimensions: () => Promise.resolve(TOPICS.length),
    embed(texts) {
      calls.push([...texts]);
      return Promise.resolve(texts.map((text) => {
        const vector = Float32Array.from(TOPICS, (topic, i) => (text.includes(topic) ? 1 : 0.01 * ((text.length + i) % 3)));
        const length = Math.hypot(...vector) || 1;
        return vector.map((value) => value / length);
      }));
    },
  };
}

const topics = { domains: Object.fromEntries(['sick', 'money', 'code'].map((topic) => [`on-${topic}`, { examples: [`about ${topic}`, `more ${topic} please`] }])) };
const candidates = ['on-sick', 'on-money', 'on-code'].map((name) => ({ name }));

describe('sentence embeddings', () => {
  it('say which examples are near, and are computed once for each set of examples', async () => {
    const calls: string[][] = [];
    const { home, routes } = await start({ config: topics, services: [service(embedder, () => topical(calls))] });
    expect(await routes.route('zzz code', { candidates })).toMatchObject({ domain: 'on-code', reading: 'embedding' });
    expect(calls.flat()).toContain('about code');
    const later: string[][] = [];
    const { routes: again } = await start({ home, config: topics, services: [service(embedder, () => topical(later))] });
    expect((await again.route('zzz code', { candidates })).domain).toBe('on-code');
    expect(later.flat()).not.toContain('about code');
    for (const file of readdirSync(join(home, 'cache', 'router'))) writeFileSync(join(home, 'cache', 'router', file), 'damaged');
    const { routes: repaired } = await start({ home, config: topics, services: [service(embedder, () => topical())] });
    expect((await repaired.route('zzz code', { candidates })).domain).toBe('on-code');
  });

  it('that fail leave the words', async () => {
    const { host, routes } = await start({ services: [service(embedder, () => ({ dimensions: () => Promise.reject(new Error('no')), embed: () => Promise.reject(new Error('no')) }))] });
    expect(await routes.route('Why is my query slow?')).toMatchObject({ domain: 'technology', reading: 'ngrams' });
    expect(host.logs.some(({ message }) => message === 'routed without sentence embeddings')).toBe(true);
  });
});

describe('many texts at once', () => {
  it('are decided as one by one', async () => {
    const texts = Array.from({ length: 150 }, (_, i) => ['Why is my query slow?', 'My chest hurts', 'Write a poem about rain', 'hello'][i % 4] + ' '.repeat(i % 3) + String(i));
    const { host, routes } = await start({ config: { cache: { entries: 0 } } });
    const together = await routes.routeBatch(texts);
    const alone = await Promise.all(texts.map((text) => routes.route(text)));
    expect(together.map((decision) => ({ ...decision, milliseconds: 0 }))).toEqual(alone.map((decision) => ({ ...decision, milliseconds: 0 })));
    expect(host.logs).toEqual([]);
  });
});

describe('the bus', () => {
  it('is told of every decision, without the text', async () => {
    const { host, routes } = await start();
    const events: RouteEvent[] = [];
    host.events.on('route:decided', (event) => events.push(event));
    await routes.route('Why is my secret query slow?');
    expect(events).toEqual([expect.objectContaining({ name: 'route.decision', attributes: expect.objectContaining({ 'route.domain': 'technology', 'route.rule': 'score', 'route.cache': 'miss' }) as unknown })]);
    expect(JSON.stringify(events)).not.toContain('secret');
  });
});

describe('hard rules', () => {
  it('leave out what cannot hold the question or lacks a capability', async () => {
    const { routes } = await start();
    const decision = await routes.route('fix my python code', { requires: ['tools'], candidates: [{ name: 'technology', contextSize: 16, capabilities: ['tools'] }, { name: 'business' }, { name: 'education', capabilities: ['tools'] }] });
    expect(decision.excluded).toEqual({ technology: 'context', business: 'capability' });
  });

  it('send an unsure answer to the fallback model', async () => {
    const { routes } = await start({ config: { minConfidence: 1 } });
    expect(await routes.route('Why is my query slow?')).toMatchObject({ domain: 'none', rule: 'low-confidence', fallback: 'technology' });
  });
});
