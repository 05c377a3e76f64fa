import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TaraError } from '../../src/errors.js';
import { createTestHost, loadConfig, type TestHost } from '../../src/testing/index.js';
import { thrownBy } from './helpers.js';

const folder = fileURLToPath(new URL('../../examples/plugin-redact/', import.meta.url));
const text = 'Ann (ann@example.org, +1 555 010 9999) pays with 4111 1111 1111 1111 for Project Falcon';
const hidden = 'Ann (<email hidden>, <phone hidden>) pays with <card hidden> for <word hidden>';

let host: TestHost | undefined;
afterEach(() => host?.stop());

async function boot(): Promise<TestHost> {
  const { plugins, config } = await loadConfig(folder);
  return (host = await createTestHost({ plugins, config }));
}

describe('the example plugin, loaded by its tara.config', () => {
  it('starts', async () => {
    expect((await boot()).plugins()).toMatchObject([{ name: 'redact', state: 'started', error: null, source: './index.mjs', commands: ['redact'], hooks: ['chat:prompt', 'chat:reply'] }]);
  });

  it('hides personal data in prompts and replies', async () => {
    const { hooks } = await boot();
    const messages = [{ role: 'system' as const, content: text }, { role: 'user' as const, content: text }];
    const prompt = await hooks.waterfall('chat:prompt', { messages, domain: 'd', userId: null, emotion: null, route: null });
    expect(prompt.messages.map(({ content }) => content)).toEqual([text, hidden]);
    expect((await hooks.waterfall('chat:reply', { text, domain: 'd', userId: null, question: '' })).text).toBe(hidden);
  });

  it('leaves ordinary numbers alone', async () => {
    const ordinary = 'In 2024, 1500 mg twice: 3.14159, 10-20 %, order 1234567890123456';
    expect((await (await boot()).hooks.waterfall('chat:reply', { text: ordinary, domain: 'd', userId: null, question: '' })).text).toBe(ordinary);
  });

  it('adds its command', async () => {
    const booted = await boot();
    expect(await booted.run('redact', text.split(' '))).toEqual({ json: { text: hidden, found: { email: 1, phone: 1, card: 1, word: 1 } }, text: hidden });
    expect((await booted.run('redact', ['--count', 'a@b.co c@d.co'])).text).toBe('email: 2');
  });
});

describe('createTestHost', () => {
  it('gives usage errors of a command and unknown commands a code', async () => {
    const booted = await boot();
    await thrownBy('TARA_USAGE', () => booted.run('redact', []));
    await thrownBy('TARA_USAGE', () => booted.run('redact', ['--unknown', 'x']));
    await thrownBy('TARA_USAGE', () => booted.run('reduct', []));
  });

  it('throws the error of a plugin that fails, unless told not to', async () => {
    const { plugins } = await loadConfig(folder);
    const config = { redact: { mask: 1 } };
    expect(await thrownBy('TARA_PLUGIN_CONFIG', () => createTestHost({ plugins, config }))).toBeInstanceOf(TaraError);
    expect((await createTestHost({ plugins, config, allowFailures: true })).logs).toMatchObject([{ level: 'error', fields: { plugin: 'redact' } }]);
  });
});
