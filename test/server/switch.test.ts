/** A deployment target that gets another release while it is asked, and models that emotion and router answer for. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootHost } from '../../src/boot.js';
import { CAPABILITIES, type Deployer } from '../../src/kernel/capabilities/index.js';
import type { Host } from '../../src/kernel/host-types.js';
import { homeAt } from '../../src/phases/home.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';
import { closeServers, events, post, start } from './support.js';

const folder = temporaryFolder();
closeServers();
let host: Host;
let deployer: Deployer;
beforeAll(async () => {
  host = await bootHost(homeAt(join(folder.path, 'state')), folder.path);
  await host.start();
  deployer = host.use(CAPABILITIES.deployer);
});
afterAll(() => host.stop());

/** Deploys a model that says a text for ever. */
async function deploy(target: string, text: string, domains: readonly (string | { readonly name: string; readonly quality: number | null })[] = ['health'], phase = 1): Promise<string> {
  const dir = join(folder.path, `${text}-${phase}`);
  await mkdir(dir, { recursive: true });
  const path = await writeChainModel(join(dir, `phase-${phase}.gguf`), text, { loop: true });
  const { id } = await deployer.deploy({ phase, target, files: [{ path, role: 'model' }], metadata: { domains }, smokeTest: false });
  return id;
}

const target = () => join(folder.path, `target-${Math.random().toString(36).slice(2)}`);
const ask = (server: { readonly url: string }, more: object = {}) => post(server, '/v1/completions', { prompt: '-', temperature: 0, max_tokens: 6, ...more });
const textOf = async (response: Response): Promise<string> => ((await response.json()) as { choices: { text: string }[] }).choices[0]?.text ?? '';

describe('another release', () => {
  it('answers new requests; what began with the old one ends with it, and no request is lost', async () => {
    const place = target();
    const first = await deploy(place, 'abc');
    const server = await start(place, { plugins: host, watchMs: 20 });
    const running = await ask(server, { stream: true, max_tokens: 400 });
    expect(running.headers.get('x-tara-release')).toBe(first);

    const second = await deploy(place, 'xyz');
    const seen = new Set<string>();
    const answers = new Set<string>();
    await expect.poll(async () => {
      const response = await ask(server);
      expect(response.status).toBe(200);
      answers.add(await textOf(response));
      seen.add(response.headers.get('x-tara-release') ?? '');
      return seen.has(second);
    }, { interval: 5, timeout: 20_000 }).toBe(true);
    expect([...answers].sort()).toEqual(seen.has(first) ? ['abcabc', 'xyzxyz'] : ['xyzxyz']);

    const text = (await events<{ choices: { text: string }[] }>(running)).map(({ choices }) => choices[0]?.text ?? '').join('');
    expect(text).toBe('abc'.repeat(134).slice(0, 400));
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(new RegExp(`tara_release_info\\{release="${second}"\\} 1`));
    // The old one's word that it is used goes when its last request has ended.
    const held = () => readdirSync(join(place, 'readers')).map((name) => (JSON.parse(readFileSync(join(place, 'readers', name), 'utf8')) as { releases: string[] }).releases);
    await expect.poll(held, { timeout: 5000 }).toEqual([[second]]);
  });

  it('that cannot be opened leaves the old one answering', async () => {
    const place = target();
    const good = await deploy(place, 'abc');
    const current = join(place, 'current.json');
    const pointingAtGood = await readFile(current);
    const broken = await deploy(place, 'xyz');
    const pointingAtBroken = await readFile(current);
    const release = (await deployer.releases(place)).find(({ id }) => id === broken);
    const file = join(release?.path ?? '', release?.files.find(({ role }) => role === 'model')?.path ?? '');
    // Not written into: releases may share it by a hard link.
    await rm(file);
    await writeFile(file, 'GGUF but not really');
    await writeFile(current, pointingAtGood);

    const failures: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => { failures.push((JSON.parse(line) as { msg: string }).msg); } });
    const server = await start(place, { plugins: host, watchMs: 20, logger });
    // As a deployment does it: whoever looks sees one pointer or the other.
    await writeFile(`${current}.new`, pointingAtBroken);
    await rename(`${current}.new`, current);
    await expect.poll(() => failures, { timeout: 20_000 }).toEqual(['the current release could not be opened; the one before goes on']);
    const response = await ask(server);
    expect([response.status, response.headers.get('x-tara-release'), await textOf(response)]).toEqual([200, good, 'abcabc']);
  });
});

describe('auto and domains', () => {
  const chat = (server: { readonly url: string }, model: string, content: string, more: object = {}) =>
    post(server, '/v1/chat/completions', { model, messages: [{ role: 'user', content }], temperature: 0, max_tokens: 6, ...more });
  const said = async (response: Response): Promise<string> => ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';

  it('are answered by the model of the domain that the router finds, and the headers say which', async () => {
    const place = target();
    const health = await deploy(place, 'abc', ['healthcare'], 1);
    const business = await deploy(place, 'xyz', ['business'], 2);
    const server = await start(place, { plugins: host });
    const asked = await chat(server, 'auto', 'My knee hurts when I walk and the doctor prescribed tablets. What is the right dosage for this medicine?');
    expect(Object.fromEntries(['domain', 'release', 'fallback'].map((name) => [name, asked.headers.get(`x-tara-${name}`)]))).toEqual({ domain: 'healthcare', release: health, fallback: null });
    expect(Number(asked.headers.get('x-tara-confidence'))).toBeGreaterThan(0);
    expect(await said(asked)).toContain('abcabc');
    const named = await chat(server, 'domain:business', 'Hello', { stream: true });
    expect([named.headers.get('x-tara-domain'), named.headers.get('x-tara-release'), named.headers.get('x-tara-confidence')]).toEqual(['business', business, null]);
    expect((await events<{ choices: { delta: { content?: string } }[] }>(named)).map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toContain('xyzxyz');
    const models = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(['default', 'auto', 'domain:business', 'domain:healthcare', 'phase-2.gguf', 'phase-1.gguf']);
    expect((await chat(server, 'domain:sailing', 'Hello')).status).toBe(404);
    expect((await chat(server, 'auto', 'Hello', { n: 2 })).status).toBe(400);
  });

  it('are chosen by the quality that was stated of them, too', async () => {
    const place = target();
    await deploy(place, 'abc', [{ name: 'healthcare', quality: 0.9 }, { name: 'education', quality: null }], 1);
    await deploy(place, 'xyz', [{ name: 'business', quality: 0.3 }, { name: 'creative', quality: 7 }], 2);
    const server = await start(place, { plugins: host });
    const quality = async (text: string, domain: string, more: object = {}) => {
      const { scores } = (await (await post(server, '/v1/route', { text, ...more })).json()) as { scores: Record<string, { quality: number }> };
      return scores[domain]?.quality;
    };
    expect(await quality('The doctor prescribed tablets for my knee', 'healthcare')).toBeCloseTo(0.9, 2);
    const money = 'How do we raise the revenue and profit of our sales team this quarter?';
    expect(await quality(money, 'business')).toBeCloseTo(0.3, 2);
    expect(await quality(money, 'business', { domains: ['business', 'law'] })).toBeCloseTo(0.3, 2);
    // Out of range is not stated: the mean of the others.
    expect(await quality('Write a short poem and a story about the sea, with vivid characters', 'creative')).toBeCloseTo(0.6, 2);
  });

  it('answer a crisis before any model, and count it', async () => {
    const server = await start(await writeChainModel(join(folder.path, 'plain.gguf'), 'abc'), { plugins: host });
    const response = await chat(server, 'auto', 'I want to kill myself tonight', { stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get('x-tara-crisis')).toBe('acute');
    const chunks = await events<{ choices: { delta: { content?: string }; finish_reason: string | null }[]; usage?: { completion_tokens: number } | null }>(response);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toMatch(/help|emergency|crisis/i);
    expect(chunks.at(-1)?.usage).toMatchObject({ completion_tokens: 0 });
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/tara_crisis_total\{level="acute"\} 1/);
  });

  it('are told by /v1/route and /v1/emotion without an answer', async () => {
    const server = await start(join(folder.path, 'plain.gguf'), { plugins: host });
    const text = 'I am so happy that my headache has gone';
    expect(await (await post(server, '/v1/route', { text, domains: ['healthcare', 'business'] })).json()).toMatchObject({ domain: 'healthcare', crisis: { level: 'none' } });
    expect(await (await post(server, '/v1/emotion', { text })).json()).toMatchObject({ dominant: 'joy', crisis: { level: 'none' } });
  });
});
