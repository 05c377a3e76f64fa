/** The page at / in a browser: what it shows, that it asks nobody else, that it can be used without a mouse and without eyes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootHost } from '../../src/boot.js';
import { CAPABILITIES } from '../../src/kernel/capabilities/index.js';
import type { Host } from '../../src/kernel/host-types.js';
import { homeAt } from '../../src/phases/home.js';
import { registryAccess } from '../../src/phases/service.js';
import { taraServer, type TaraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { browser, chromium, type Watched } from '../support/browser.js';
import { writeChainModel } from '../support/tiny-model.js';
import { BARE, closeServers, post, start } from './support.js';

const KEY = 'a key of the test';
const folder = temporaryFolder();
closeServers();
let host: Host;
let server: TaraServer;
let model: string;

/** A phase with two domains, deployed, and a few messages that went through it. */
beforeAll(async () => {
  host = await bootHost(homeAt(join(folder.path, 'state')), folder.path);
  await host.start();
  model = await writeChainModel(join(folder.path, 'phase-1.gguf'), 'abc');
  await host.use(registryAccess).with('write', (registry) => {
    registry.phases.create(1, { quantization: 'Q8_0', layout: 'merged' });
    for (const name of ['healthcare', 'education']) registry.domains.add(1, { name, path: join(folder.path, name) });
    registry.domains.update(1, 'healthcare', { status: 'complete', quality: 0.93 });
  });
  const target = join(folder.path, 'target');
  await host.use(CAPABILITIES.deployer).deploy({ phase: 1, target, files: [{ path: model, role: 'model' }], metadata: { domains: ['healthcare', 'education'] }, smokeTest: false });
  server = await start(target, { plugins: host });
  for (const content of ['I have a terrible headache and a fever', 'I am so happy, my exam went well', 'How do I learn fractions?']) {
    expect((await post(server, '/v1/chat/completions', { model: 'auto', messages: [{ role: 'user', content }] })).status).toBe(200);
  }
});
afterAll(() => host.stop());

describe('the page\'s files', () => {
  it('come with a policy that lets a browser ask this server alone, and are not sent twice', async () => {
    const page = await fetch(server.url);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
    const names = [...(await page.text()).matchAll(/(?:src|href)="(dashboard\/[^"]+)"/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const first = await fetch(`${server.url}/${name}`);
      expect([name, first.status, first.headers.get('x-content-type-options')]).toEqual([name, 200, 'nosniff']);
      expect((await fetch(`${server.url}/${name}`, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } })).status).toBe(304);
    }
  });

  it('hold nothing but the page', async () => {
    for (const name of ['tsconfig.json', 'uplot.d.ts', '../page.ts', '..%2fpage.ts', 'none.js']) expect((await fetch(`${server.url}/dashboard/${name}`)).status).toBe(404);
  });

  it('are left out where the app has a page of its own', async () => {
    const bare = await start(model, { dashboard: false });
    expect((await fetch(bare.url)).status).toBe(404);
    expect((await fetch(`${bare.url}/health`)).status).toBe(200);
  });

  it('need no key; what they ask does', async () => {
    const secured = await start(model, { apiKeys: [KEY] });
    expect((await fetch(secured.url)).status).toBe(200);
    for (const path of ['served', 'phases', 'releases', 'live', 'live/events']) {
      expect((await fetch(`${secured.url}/api/${path}`)).status).toBe(401);
      const controller = new AbortController();
      expect((await fetch(`${secured.url}/api/${path}`, { headers: { authorization: `Bearer ${KEY}` }, signal: controller.signal })).status).toBe(200);
      controller.abort();
    }
  });
});

describe('what is counted', () => {
  it('are numbers: no word of a message is kept', async () => {
    const state = await (await fetch(`${server.url}/api/live`)).json() as { domains: Record<string, number>; hours: { messages: number; emotions: Record<string, number> }[] };
    expect(Object.values(state.domains).reduce((sum, messages) => sum + messages, 0)).toBeGreaterThanOrEqual(3);
    expect(state.hours.reduce((sum, { messages }) => sum + messages, 0)).toBeGreaterThanOrEqual(3);
    for (const { messages, emotions } of state.hours) expect(Object.values(emotions).reduce((sum, part) => sum + part, 0)).toBe(messages);
    expect(JSON.stringify(state)).not.toMatch(/headache|happy|fractions/);
  });

  it('include each token of a generation under way', async () => {
    const looping = await start(await writeChainModel(join(folder.path, 'loop.gguf'), 'xyz', { loop: true }));
    await (await post(looping, '/v1/completions', { prompt: 'x', max_tokens: 200 })).text();
    await expect.poll(async () => (await (await fetch(`${looping.url}/api/live`)).json() as { seconds: { generatedTokens: number }[] }).seconds.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0), { timeout: 20_000, interval: 200 }).toBe(200);
  });
});

describe.skipIf(chromium === undefined)('in Chromium', () => {
  const { open } = browser();

  /** Opened, connected, all parts shown. */
  async function opened(look: Parameters<typeof open>[1] = {}): Promise<Watched> {
    const watched = await open(server.url, look);
    await watched.page.getByText('Live', { exact: true }).waitFor();
    await watched.page.getByRole('cell', { name: 'loaded' }).waitFor();
    return watched;
  }

  it.each([['light', 1360], ['dark', 1360], ['light', 390], ['dark', 390]] as const)('looks right: %s, %i pixels wide', async (scheme, width) => {
    const { page, complaints, hosts } = await opened({ scheme, width });
    await page.getByRole('textbox', { name: 'Message' }).fill('I am worried about my blood pressure');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByLabel('Decision about this message').waitFor();
    await page.getByText(/tokens\/s$/).last().waitFor();
    const folderOfShots = process.env['TARA_SCREENSHOTS'];
    const shot = await page.screenshot({ fullPage: true });
    if (folderOfShots !== undefined) {
      await mkdir(folderOfShots, { recursive: true });
      await writeFile(join(folderOfShots, `dashboard-${scheme}-${width}.png`), shot);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(0);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate('axe.run()') as axe.AxeResults;
    expect(violations.map(({ id, impact, nodes }) => `${impact}: ${id} at ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    expect(complaints).toEqual([]);
    expect([...hosts]).toEqual([new URL(server.url).host]);
  });

  it('shows phases, domains, the release, its model and the shares', async () => {
    const { page } = await opened();
    // Each part of the page asks for its own figures.
    const shows = (name: string, text: RegExp) => expect.poll(() => page.getByRole('region', { name, exact: true }).innerText(), { timeout: 20_000 }).toMatch(text);
    await shows('Phases and domains', /Phase 1[\s\S]*training[\s\S]*Q8_0[\s\S]*education[\s\S]*pending[\s\S]*healthcare[\s\S]*93%[\s\S]*complete/);
    await shows('Releases', /1-1-[0-9a-f]+[\s\S]*healthcare, education[\s\S]*current/);
    await shows('Models', /phase-1\.gguf[\s\S]*loaded/);
    await page.getByRole('article').filter({ hasText: 'First token' }).getByText(/median, slowest .+; .+ for a slot$/).waitFor();
    await shows('Routing', /healthcare\n[\s\S]*\d+%/);
    await page.getByRole('img', { name: /^Messages of the last 24 hours: / }).waitFor();
  });

  it('chats by keyboard alone, shows text as text, and keeps the conversation', async () => {
    const { page, complaints } = await opened();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the chat');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.getByRole('textbox', { name: 'Message' }).focus();
    await page.keyboard.type('<img src=x onerror="document.title=1"> hurts');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('my knee');
    await page.keyboard.press('Enter');
    const log = page.getByRole('log');
    await log.getByText('4 tokens').waitFor();
    expect(await log.innerText()).toMatch(/<img src=x onerror="document.title=1"> hurts\nmy knee[\s\S]*Domain[\s\S]*Confidence[\s\S]*Emotion[\s\S]*abc/);
    expect(await page.title()).toBe('tara-gguf');
    await page.keyboard.type('and now?');
    const [request] = await Promise.all([page.waitForRequest(/chat\/completions/), page.keyboard.press('Enter')]);
    expect((request.postDataJSON() as { messages: { role: string }[] }).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await log.innerText()).toMatch(/^Each message goes through emotion and router/);
    expect(complaints).toEqual([]);
  });

  it('says where a crisis was found', async () => {
    const { page } = await opened();
    await page.getByRole('textbox', { name: 'Message' }).fill('I want to kill myself tonight');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('acute').waitFor();
    await page.getByRole('region', { name: 'Emotion over the day' }).getByText(/^[1-9]\d* acute$/).waitFor();
  });

  it('asks for a key, once, and says that a wrong one is wrong', async () => {
    const secured = await start(model, { apiKeys: [KEY], plugins: BARE });
    const { page } = await open(secured.url);
    const dialog = page.getByRole('dialog', { name: 'This server asks for a key' });
    await dialog.waitFor();
    await page.keyboard.type('another');
    await page.keyboard.press('Enter');
    await dialog.getByText('The server does not know this key.').waitFor();
    await page.keyboard.type(KEY);
    await page.keyboard.press('Enter');
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.evaluate('sessionStorage.getItem("tara-key")')).toBe(KEY);
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await dialog.isVisible()).toBe(false);
  });

  it('stops an answer, says when the server ends, and does not hold it up', async () => {
    const looping = await start(await writeChainModel(join(folder.path, 'endless.gguf'), 'xyz', { loop: true }));
    const { page } = await open(looping.url);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Message' }).fill('go on');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('xyzxyz').waitFor();
    // Sent without a look at the button: the answer may end by itself meanwhile.
    await page.getByText('Stop', { exact: true }).dispatchEvent('click');
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'hidden' });
    await looping.close();
    await page.getByText(/The server has ended|No connection/).waitFor();
  });

  it('works below a prefix of another app', async () => {
    const app = Fastify();
    await app.register(taraServer, { path: model, plugins: BARE, prefix: '/ai', load: { slots: 1, contextSize: 256, threads: 1 } });
    app.get('/', () => 'the app');
    try {
      const url = await app.listen({ port: 0 });
      const { page, complaints } = await open(`${url}/ai`);
      await page.getByText('Live', { exact: true }).waitFor();
      expect(page.url()).toBe(`${url}/ai/`);
      expect(complaints).toEqual([]);
      expect(await (await fetch(url)).text()).toBe('the app');
    } finally {
      await app.close();
    }
  });
});
