import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { definePlugin } from '../../src/plugin.js';
import { ERRORS } from '../../src/errors.js';
import { CAPABILITIES } from '../../src/kernel/capabilities/index.js';
import { CORE_HOOKS } from '../../src/kernel/hook-table.js';
import { createTestHost } from '../../src/testing/index.js';
import { z } from 'zod';

const page = await readFile(new URL('../../docs/plugins.md', import.meta.url), 'utf8');
/** The first two cells of each row whose first cell is code. */
const rows = [...page.matchAll(/^\| `([^`]+)` \| ([^|]+?) \|/gm)].map((match) => [match[1] ?? '', match[2] ?? ''] as const);

it('lists every hook with its kind', () => {
  expect(Object.fromEntries(rows.filter(([name]) => name.includes(':')))).toEqual(CORE_HOOKS);
});

it('lists every error of the kernel', () => {
  const kernel = Object.keys(ERRORS).filter((code) => /^TARA_(?:PLUGIN|HOOK|SERVICE|CAPABILITY|CONFIG_FILE|CONFIG_UNUSED)/.test(code));
  expect(rows.map(([name]) => name).filter((name) => name.startsWith('TARA_')).sort()).toEqual(kernel.sort());
});

it('lists every capability', () => {
  const interfaces = rows.filter(([name]) => Object.hasOwn(CAPABILITIES, name)).map(([name]) => name);
  expect(interfaces.sort()).toEqual(Object.keys(CAPABILITIES).sort());
});

it('shows a plugin that works', async () => {
  const source = /```js\n\/\/ index\.mjs\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const body = source.replace(/^import .*$/gm, '').replace('export default', 'return');
  const plugin = (new Function('definePlugin', 'z', body) as (...given: unknown[]) => object)(definePlugin, z);
  await using host = await createTestHost({ plugins: [plugin], config: { 'sign-off': { text: 'Bye' } } });
  expect((await host.hooks.waterfall('chat:reply', { text: 'Hi', domain: 'health', userId: null, question: '' })).text).toBe('Hi\nBye');
});
