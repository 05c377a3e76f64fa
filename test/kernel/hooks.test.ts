import { describe, expect, it } from 'vitest';
import type { ChatReplyValue, HookHandlers, HookOrder } from '../../src/plugin.js';
import { TaraError } from '../../src/errors.js';
import { CORE_HOOKS } from '../../src/kernel/hook-table.js';
import { hooks as hooksToken } from '../../src/kernel/index.js';
import { never, plugin, started, thrownBy } from './helpers.js';

const handling = (name: string, hooks: HookHandlers) => ({ ...plugin(name), hooks });
const reply = (text: string): ChatReplyValue => ({ text, domain: 'd', userId: null, question: 'q' });
const prompt = { messages: [], domain: 'd', userId: null, emotion: null, route: null };
const build = { phase: 1, domains: [], output: 'o', bytes: 1, type: 'Q4_0', seconds: 1 };
const query = { text: 't', domains: ['d'] };

/** A plugin that appends a mark to replies. */
const marks = (name: string, mark: string, order?: HookOrder) =>
  handling(name, { 'chat:reply': order === undefined ? (value) => reply(value.text + mark) : { order, handler: (value) => reply(value.text + mark) } });

describe('waterfall', () => {
  it('passes the value on: pre, normal, post, each in start order', async () => {
    const { host } = await started([marks('a', 'f', 'post'), marks('b', 'c'), marks('c', 'a', 'pre'), marks('d', 'd', 'normal'), marks('e', 'b', 'pre'), marks('f', 'e')]);
    expect((await host.hooks.waterfall('chat:reply', reply(''))).text).toBe('abcdef');
  });

  it('keeps the value where a handler answers nothing, and where there is none', async () => {
    const { host } = await started([handling('mute', { 'chat:reply': () => undefined }), marks('b', '!')]);
    expect((await host.hooks.waterfall('chat:reply', reply('hi'))).text).toBe('hi!');
    const empty = await started([]);
    expect(await empty.host.hooks.waterfall('chat:reply', reply('hi'))).toEqual(reply('hi'));
  });

  it('ends with an error that names plugin and hook; the plugin runs on and its status tells', async () => {
    const failed: unknown[] = [];
    const { host } = await started([handling('bad', { 'chat:reply': () => { throw new Error('boom'); } }), marks('after', '!')]);
    host.events.on('hook:failed', (event) => void failed.push(event));
    const error = await thrownBy('TARA_HOOK_FAILED', () => host.hooks.waterfall('chat:reply', reply('')));
    expect(error).toMatchObject({ message: 'plugin bad failed in hook chat:reply: boom', fields: { plugin: 'bad', hook: 'chat:reply' }, cause: { message: 'boom' } });
    expect(error.hint).toContain('author of bad');
    expect(host.plugins()[0]).toMatchObject({ state: 'started', hookFailures: 1, error: { code: 'TARA_HOOK_FAILED' } });
    expect(failed).toEqual([{ plugin: 'bad', hook: 'chat:reply', code: 'TARA_HOOK_FAILED', message: error.message }]);
  });

  it('keeps the way out of one of our own errors', async () => {
    const cause = new TaraError('TARA_FILE_NOT_FOUND', { path: 'x' });
    const { host } = await started([handling('bad', { 'chat:reply': () => Promise.reject(cause) })]);
    const error = await thrownBy('TARA_HOOK_FAILED', () => host.hooks.waterfall('chat:reply', reply('')));
    expect([error.hint, error.cause]).toEqual([cause.hint, cause]);
  });
});

describe('first', () => {
  it('takes the first answer and asks nobody after', async () => {
    const asked: string[] = [];
    const answers = (name: string, answer: string | undefined) => handling(name, { 'chat:answer': () => { asked.push(name); return answer; } });
    const { host } = await started([answers('none', undefined), answers('empty', ''), answers('late', 'late')]);
    expect(await host.hooks.first('chat:answer', prompt)).toBe('');
    expect(asked).toEqual(['none', 'empty']);
  });

  it('answers undefined where nobody does, and fails with the handler', async () => {
    expect(await (await started([])).host.hooks.first('chat:answer', prompt)).toBeUndefined();
    const { host } = await started([handling('bad', { 'chat:answer': () => Promise.reject(new Error('boom')) })]);
    await thrownBy('TARA_HOOK_FAILED', () => host.hooks.first('chat:answer', prompt));
  });
});

describe('parallel', () => {
  it('collects answers and errors in handler order', async () => {
    const { host } = await started([
      handling('bad', { 'route:score': () => { throw new Error('boom'); } }),
      handling('mute', { 'route:score': () => undefined }),
      handling('good', { 'route:score': { order: 'pre', handler: () => ({ d: 0.5 }) } }),
    ]);
    expect(await host.hooks.parallel('route:score', query)).toEqual([{ plugin: 'good', value: { d: 0.5 } }, { plugin: 'bad', error: expect.objectContaining({ code: 'TARA_HOOK_FAILED' }) as unknown }]);
  });

  it('runs all at once', async () => {
    let release: (answer: Record<string, number>) => void = () => {};
    const { host } = await started([
      handling('waits', { 'route:score': () => new Promise<Record<string, number>>((resolve) => { release = resolve; }) }),
      handling('frees', { 'route:score': () => { release({ d: 1 }); return { d: 2 }; } }),
    ]);
    expect(await host.hooks.parallel('route:score', query)).toEqual([{ plugin: 'waits', value: { d: 1 } }, { plugin: 'frees', value: { d: 2 } }]);
  });
});

describe('observe', () => {
  it('tells everyone, whatever one of them throws', async () => {
    const seen: string[] = [];
    const { host, logs } = await started([
      handling('bad', { 'phase:built': () => Promise.reject(new Error('boom')) }),
      handling('good', { 'phase:built': ({ type }) => void seen.push(type) }),
    ]);
    await host.hooks.observe('phase:built', build);
    expect(seen).toEqual(['Q4_0']);
    expect(logs).toMatchObject([{ level: 'error', message: 'plugin bad failed in hook phase:built: boom' }]);
  });
});

describe('limits', () => {
  it('ends a handler at its own limit, or the host\'s, and aborts its signal', async () => {
    const signals: AbortSignal[] = [];
    const hang = (_: unknown, { signal }: { signal: AbortSignal }) => { signals.push(signal); return never(); };
    const own = await started([handling('slow', { 'chat:reply': { timeoutMs: 4, handler: hang } })]);
    expect((await thrownBy('TARA_HOOK_TIMEOUT', () => own.host.hooks.waterfall('chat:reply', reply('')))).fields).toMatchObject({ plugin: 'slow', hook: 'chat:reply', ms: 4 });
    const general = await started([handling('slow', { 'route:score': hang })], { timeouts: { hook: 5 } });
    expect(await general.host.hooks.parallel('route:score', query)).toMatchObject([{ plugin: 'slow', error: { code: 'TARA_HOOK_TIMEOUT', fields: { ms: 5 } } }]);
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  it('ends with the caller, which is no failure of the plugin', async () => {
    const controller = new AbortController();
    const { host } = await started([handling('slow', { 'chat:reply': () => { controller.abort(); return never(); }, 'route:score': never })]);
    await thrownBy('TARA_ABORTED', () => host.hooks.waterfall('chat:reply', reply(''), { signal: controller.signal }));
    await thrownBy('TARA_ABORTED', () => host.hooks.parallel('route:score', query, { signal: controller.signal }));
    expect(host.plugins()[0]).toMatchObject({ hookFailures: 0, error: null });
  });
});

describe('registration', () => {
  it('gives handlers the configuration, the log and the services of their plugin', async () => {
    const { host, logs } = await started([
      { ...plugin('full', { config: { safeParse: () => ({ success: true as const, data: { mark: '?' } }) }, hooks: { 'chat:reply': (value, { config, log, use }) => { log.info('seen'); return use(hooksToken) === undefined ? value : reply(value.text + config.mark); } } }) },
    ]);
    expect((await host.hooks.waterfall('chat:reply', reply('x'))).text).toBe('x?');
    expect(logs).toMatchObject([{ level: 'info', plugin: 'full', message: 'seen', fields: {} }]);
  });

  it('calls handlers only between start and stop', async () => {
    const inner: string[] = [];
    const { host } = await started([
      marks('first', '!'),
      plugin('second', { requires: ['first'], start: async ({ use }) => void inner.push((await use(hooksToken).waterfall('chat:reply', reply('x'))).text) }),
      marks('third', '?'),
    ]);
    expect(inner).toEqual(['x!']);
    expect((await host.hooks.waterfall('chat:reply', reply('x'))).text).toBe('x!?');
    expect([host.hooks.has('chat:reply'), host.hooks.has('chat:prompt')]).toEqual([true, false]);
    await host.stop();
    expect(host.hooks.has('chat:reply')).toBe(false);
    expect((await host.hooks.waterfall('chat:reply', reply('x'))).text).toBe('x');
  });

  it('lets a plugin have hooks of its own', async () => {
    const owner = plugin('scrub', { hookPoints: { 'scrub:check': 'parallel' } });
    const guest = { ...plugin('guest', { optional: ['scrub'] }), hooks: { 'scrub:check': (value: string) => `${value} checked` } };
    const { host } = await started([owner, guest]);
    expect(await host.hooks.parallel('scrub:check' as 'route:score', 'it' as never)).toEqual([{ plugin: 'guest', value: 'it checked' }]);
  });

  it('refuses a call of another kind', async () => {
    const { host } = await started([]);
    expect((await thrownBy('TARA_INTERNAL', () => host.hooks.first('chat:reply' as 'chat:answer', prompt))).message).toContain('hook chat:reply is waterfall, called as first');
  });

  it('has handlers of every core hook called by its own kind', async () => {
    const called: string[] = [];
    const { host } = await started([{ ...plugin('all'), hooks: Object.fromEntries(Object.keys(CORE_HOOKS).map((name) => [name, () => void called.push(name)])) }]);
    for (const [name, kind] of Object.entries(CORE_HOOKS)) await (host.hooks[kind] as (hook: string, value: unknown) => Promise<unknown>)(name, {});
    expect(called).toEqual(Object.keys(CORE_HOOKS));
  });
});

describe('events', () => {
  it('goes on past a listener that throws, and ends with the returned function', async () => {
    const heard: string[] = [];
    const { host, logs } = await started([]);
    host.events.on('plugin:failed', () => { throw new Error('boom'); });
    const end = host.events.on('plugin:failed', ({ plugin: name }) => void heard.push(name));
    host.events.emit('plugin:failed', { plugin: 'a', code: 'c', message: 'm' });
    end();
    host.events.emit('plugin:failed', { plugin: 'b', code: 'c', message: 'm' });
    expect(heard).toEqual(['a']);
    expect(logs.map(({ message }) => message)).toEqual(Array(2).fill('listener of plugin:failed failed: boom'));
  });
});
