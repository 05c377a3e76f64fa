import { describe, expect, it } from 'vitest';
import { cleaner, compressor, definePlugin, deployer, emotion, router } from '../../src/plugin.js';
import { createTestHost, fakeCapabilities, fakeEmotion, service } from '../../src/testing/index.js';
import { thrownBy } from './helpers.js';

const host = () => createTestHost({ services: fakeCapabilities() });

describe('in-memory capabilities', () => {
  it('cleans nothing', async () => {
    expect(await (await host()).use(cleaner).clean('dir')).toMatchObject({ valid: true, output: 'dir', removed: [] });
  });

  it('routes by name and keyword', async () => {
    const candidates = [{ name: 'health', keywords: ['sleep'] }, { name: 'law' }];
    const fake = (await host()).use(router);
    expect(await fake.route('How to sleep?', { candidates })).toMatchObject({ domain: 'health', confidence: 1, scores: { law: { total: 0 } } });
    expect(await fake.route('What about law?', { candidates })).toMatchObject({ domain: 'law' });
    expect(await fake.route('asleep', { candidates })).toMatchObject({ domain: 'none', confidence: 0 });
  });

  it('analyses as told', async () => {
    const { use } = await createTestHost({ services: [service(emotion, () => fakeEmotion({ dominant: 'joy' }))] }).then((made) => ({ use: made.use.bind(made) }));
    expect(await use(emotion).analyze('x')).toMatchObject({ text: 'x', dominant: 'joy', crisis: { level: 'none' } });
    expect(await use(emotion).style('d', await use(emotion).analyze('x'))).toEqual({ instructions: '' });
  });

  it('keeps the preset', async () => {
    const request = { architecture: 'llama', tensors: [], compressionType: 'standard' as const, quantization: 'Q4_K_M', budget: null };
    expect(await (await host()).use(compressor).propose(request)).toMatchObject({ preset: 'Q4_K_M', types: {} });
  });

  it('remembers releases', async () => {
    const fake = (await host()).use(deployer);
    const request = { phase: 1, files: [{ path: 'm.gguf', role: 'model' as const }], target: 't', metadata: {} };
    expect([(await fake.deploy(request)).previous, (await fake.deploy(request)).previous]).toEqual([null, 'r1']);
    expect(await fake.rollback('t')).toMatchObject({ current: 'r1', previous: 'r2' });
    expect((await fake.releases('t')).map(({ id, current }) => [id, current])).toEqual([['r2', false], ['r1', true]]);
    await thrownBy('TARA_INTERNAL', () => fake.rollback('t'));
    expect((await fake.verify('t')).ok).toBe(true);
  });

  it('gives way to a plugin', async () => {
    const mood = definePlugin({ name: 'mood', version: '1.0.0', kernel: '*', apiVersion: 1, provides: ['emotion'], register: ({ provide }) => provide(emotion, () => fakeEmotion({ dominant: 'fear' })) });
    const made = await createTestHost({ plugins: [mood], services: fakeCapabilities() });
    expect((await made.use(emotion).analyze('x')).dominant).toBe('fear');
  });
});
