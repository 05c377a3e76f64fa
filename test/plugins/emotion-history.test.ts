/** What is remembered of users and crises, and how it is shown, exported and erased. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootHost } from '../../src/boot.js';
import { homeOf } from '../../src/phases/home.js';
import { EMOTIONS, emotion } from 'tara-gguf/plugin';
import type { CommandResult } from '../../src/kernel/command.js';
import { stateOf, type Moment } from '../../plugins/emotion/history/state.js';
import { temporaryFolder } from '../engine/setup.js';

const folder = temporaryFolder();
const DAY = 86_400_000;
const moment = (at: number, valence: number): Moment => ({ at, valence, intensity: 0.5, dominant: 'joy', probabilities: EMOTIONS.map(() => 0.5) });

describe('the state of a user', () => {
  it('is empty without messages', () => {
    expect(stateOf([], 0, DAY)).toMatchObject({ messages: 0, valence: 0, stability: 1, trend: 0 });
  });

  it('lets a message count half after a half-life', () => {
    expect(stateOf([moment(0, 1), moment(DAY, -0.5)], DAY, DAY).valence).toBeCloseTo((0.5 * 1 + 1 * -0.5) / 1.5, 4);
  });

  it('knows the trend of a straight line, and none of messages at one time', () => {
    const rising = [0, 1, 2, 3].map((day) => moment(day * DAY, -0.6 + day * 0.4));
    expect(stateOf(rising, 3 * DAY, 2 * DAY).trend).toBeCloseTo(0.4, 4);
    expect(stateOf([moment(0, -1), moment(60_000, 1)], 60_000, DAY).trend).toBe(0);
  });

  it('is steady when nothing changes, and unsteady when everything does', () => {
    expect(stateOf([moment(0, 0.4), moment(DAY, 0.4)], DAY, DAY).stability).toBe(1);
    expect(stateOf([moment(DAY, -1), moment(DAY, 1)], DAY, DAY).stability).toBe(0);
  });

  it('stays in its bounds for any history', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.integer({ min: 0, max: 100 * DAY }), valence: fc.double({ min: -1, max: 1, noNaN: true }) }), { maxLength: 30 }), (all) => {
        const state = stateOf(all.map(({ at, valence }) => moment(at, valence)), 101 * DAY, 2 * DAY);
        expect(Math.abs(state.valence)).toBeLessThanOrEqual(1);
        expect(Math.abs(state.trend)).toBeLessThanOrEqual(1);
        expect(state.stability).toSatisfy((value: number) => value >= 0 && value <= 1);
      }),
    );
  });
});

describe('the history of a user', () => {
  const start = async (name: string) => {
    const host = await bootHost(homeOf({ home: join(folder.path, name), env: {}, cwd: folder.path }), folder.path);
    await host.start();
    const run = async (command: string, args: string[], options: Record<string, unknown> = {}): Promise<CommandResult> => {
      const found = host.commands().find((one) => one.name === command);
      if (found === undefined) throw new Error(`no command ${command}`);
      const { config, use } = await found.open();
      return (await found.load()).run({ args, options, use, config, signal: new AbortController().signal, progress: () => ({ report: () => {}, done: () => {} }) });
    };
    return { host, run };
  };

  it('holds numbers only, is shown, exported and erased, and begins with the first user', async () => {
    const { host: open, run } = await start('a');
    await using host = open;
    await host.use(emotion).analyze('nobody is named here and I am glad');
    expect(await readdir(join(folder.path, 'a')).catch(() => [])).not.toContain('emotion.db');
    const text = 'I am so unbelievably happy about my zebra';
    expect((await host.use(emotion).analyze(text, { userId: 'ann' })).history).toMatchObject({ messages: 1 });
    expect((await host.use(emotion).analyze('I am so sad and alone', { userId: 'ann' })).history).toMatchObject({ messages: 2 });
    expect((await run('emotion', ['history'], { user: 'ann' })).json).toMatchObject({ user: 'ann', messages: 2 });
    expect((await run('emotion', ['history'], { user: "bob'; DROP TABLE moments; --" })).text).toContain('nothing is kept');
    const exported = (await run('emotion', ['export'], { user: 'ann' })).json as { moments: { dominant: string }[] };
    expect(exported.moments.map(({ dominant }) => dominant)).toEqual(['joy', 'sadness']);
    expect((await run('emotion', ['erase'], { user: 'ann', dryRun: true })).json).toMatchObject({ erased: 2, dryRun: true });
    for (const file of await readdir(join(folder.path, 'a'))) expect((await readFile(join(folder.path, 'a', file))).includes('zebra')).toBe(false);
    expect((await run('emotion', ['erase'], { user: 'ann' })).json).toMatchObject({ erased: 2 });
    expect((await run('emotion', ['history'], { user: 'ann' })).json).toMatchObject({ messages: 0 });
    await expect(host.use(emotion).analyze('hello my friend', { userId: 'a\0b' })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(run('emotion', ['history'])).rejects.toMatchObject({ code: 'TARA_USAGE' });
    await expect(run('emotion', ['nonsense'])).rejects.toMatchObject({ code: 'TARA_USAGE' });
  });

  it('counts crises by day, source and rule, tells the bus, and keeps no text', async () => {
    const { host: open, run } = await start('b');
    await using host = open;
    const heard: unknown[] = [];
    host.events.on('emotion:crisis' as never, (event: unknown) => void heard.push(event));
    const asked = (content: string) => ({ messages: [{ role: 'user' as const, content }], domain: 'creative', userId: 'ann', emotion: null, route: null });
    expect(await host.hooks.first('chat:answer', asked('I want to kill myself'))).toContain('988');
    expect(await host.hooks.first('chat:answer', asked('I feel so hopeless and empty'))).toBeUndefined();
    const after = await host.hooks.parallel('chat:after', { text: 'You should just kill yourself, I want to die too.', domain: 'creative', userId: null, question: 'hi', emotion: null });
    expect(after).toMatchObject([{ plugin: 'emotion', value: expect.stringContaining('988') as string }]);
    expect(await host.hooks.parallel('chat:after', { text: 'Use two eggs.', domain: 'creative', userId: null, question: 'hi', emotion: null })).toEqual([]);
    expect(heard).toMatchObject([{ level: 'acute', source: 'message', userId: 'ann' }, { level: 'concern', source: 'message' }, { level: 'acute', source: 'reply' }]);
    expect(JSON.stringify(heard)).not.toMatch(/kill|hopeless and/);
    const { counts } = (await run('emotion', ['counts'])).json as { counts: { source: string; level: string; count: number }[] };
    expect(counts.map(({ source, level }) => `${source} ${level}`)).toEqual(expect.arrayContaining(['message acute', 'message concern', 'reply acute']));
  });

  it('prints the policy', async () => {
    const { host: open, run } = await start('c');
    await using host = open;
    expect(host.commands().map(({ name }) => name)).toContain('emotion');
    const { json, text } = await run('emotion', ['policy']);
    expect(json).toMatchObject({ locale: null, texts: { medical: expect.stringContaining('emergency number') as string } });
    expect(text).toContain('not a medical device');
  });
});
