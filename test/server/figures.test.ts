/** /api/*: what the dashboard is told, without a path of this machine. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootHost } from '../../src/boot.js';
import { CAPABILITIES } from '../../src/kernel/capabilities/index.js';
import type { Host } from '../../src/kernel/host-types.js';
import { homeAt } from '../../src/phases/home.js';
import { registryAccess } from '../../src/phases/service.js';
import type { TaraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';
import { closeServers, post, start } from './support.js';

const folder = temporaryFolder();
closeServers();
let host: Host;
let server: TaraServer;
let release = '';
beforeAll(async () => {
  host = await bootHost(homeAt(join(folder.path, 'state')), folder.path);
  await host.start();
  await host.use(registryAccess).with('write', (registry) => {
    registry.phases.create(1, { quantization: 'Q8_0', layout: 'merged' });
    registry.domains.add(1, { name: 'healthcare', path: join(folder.path, 'healthcare') });
  });
  const model = await writeChainModel(join(folder.path, 'phase-1.gguf'), 'abc');
  const target = join(folder.path, 'target');
  release = (await host.use(CAPABILITIES.deployer).deploy({ phase: 1, target, files: [{ path: model, role: 'model' }], metadata: { domains: ['healthcare'] }, smokeTest: false })).id;
  server = await start(target, { plugins: host });
});
afterAll(() => host.stop());

const get = async (path: string): Promise<Record<string, unknown>> => await (await fetch(`${server.url}/api/${path}`)).json() as Record<string, unknown>;

describe('the dashboard\'s figures', () => {
  it('tell what is served, deployed and registered', async () => {
    await post(server, '/v1/completions', { prompt: 'x', max_tokens: 3, temperature: 0 });
    expect(await get('served')).toMatchObject({
      release, switches: 0, domains: ['healthcare'], files: expect.arrayContaining([{ name: 'phase-1.gguf', role: 'model', domain: null, release }]) as unknown,
      models: [{ name: 'phase-1.gguf', architecture: 'llama', slots: 4, contextSize: 512, stats: { active: 0, queued: 0, requests: 1, completionTokens: 3 } }],
    });
    expect(await get('releases')).toMatchObject({ releases: [{ id: release, phase: 1, current: true, primary: true, domains: ['healthcare'] }] });
    expect(await get('phases')).toMatchObject({ phases: [{ phase: 1, status: 'planning', quantization: 'Q8_0', domains: [{ name: 'healthcare', status: 'pending' }] }] });
  });

  it('name no folder of this machine', async () => {
    for (const path of ['served', 'releases', 'phases', 'live']) expect([path, JSON.stringify(await get(path))]).not.toEqual([path, expect.stringContaining(folder.path)]);
  });

  it('are empty of releases where a file is served', async () => {
    const plain = await start(join(folder.path, 'phase-1.gguf'));
    const told = async (path: string) => await (await fetch(`${plain.url}/api/${path}`)).json() as unknown;
    expect(await told('releases')).toEqual({ releases: [] });
    expect(await told('phases')).toEqual({ phases: [] });
    expect(await told('served')).toMatchObject({ release: null, domains: [] });
  });

  it('come as events, a second each, and end with the server', async () => {
    const short = await start(join(folder.path, 'phase-1.gguf'));
    const response = await fetch(`${short.url}/api/live/events`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader?.read() ?? {};
    expect(JSON.parse(/^data: (.*)\n\n/.exec(value ?? '')?.[1] ?? '')).toMatchObject({ requests: expect.any(Number) as number, active: 0, firstTokenMs: null });
    await short.close();
    let rest = '';
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) rest += next.value;
    expect(rest).toMatch(/data: \[DONE\]\n\n$/);
  });
});
