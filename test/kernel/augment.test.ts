import { expect, it } from 'vitest';
import { definePlugin, hooks, type Hooks, type ParallelHook } from 'tara-gguf/plugin';
import { createTestHost } from 'tara-gguf/testing';
import { z } from 'zod';

declare module 'tara-gguf/plugin' {
  interface Hooks {
    'scrub:check': ParallelHook<{ readonly file: string }, { readonly ok: boolean }>;
  }
  interface Events {
    'scrub:checked': { readonly files: number };
  }
}

/** Fails to compile where the two types differ. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;
const same: Same<Hooks['scrub:check']['value'], { readonly file: string }> = true;

it('lets a plugin declare hooks and events with their types', async () => {
  const events: number[] = [];
  const scrub = definePlugin({ name: 'scrub', version: '1.0.0', kernel: '*', apiVersion: 1, hookPoints: { 'scrub:check': 'parallel' } });
  const guest = definePlugin({
    name: 'guest',
    version: '1.0.0',
    kernel: '*',
    apiVersion: 1,
    config: z.object({ suffix: z.string().default('.gguf') }),
    requires: ['scrub'],
    hooks: { 'scrub:check': ({ file }, { config }) => ({ ok: file.endsWith(config.suffix) }) },
    register: ({ events: bus }) => void bus.on('scrub:checked', ({ files }) => void events.push(files)),
  });
  await using host = await createTestHost({ plugins: [guest, scrub] });
  expect(await host.use(hooks).parallel('scrub:check', { file: 'a.gguf' })).toEqual([{ plugin: 'guest', value: { ok: true } }]);
  host.events.emit('scrub:checked', { files: 3 });
  expect([events, same]).toEqual([[3], true]);
});
