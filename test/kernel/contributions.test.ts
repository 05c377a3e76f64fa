import { expect, it } from 'vitest';
import { bench, plugin, started } from './helpers.js';

it('gives what sound plugins contribute of a kind, each once, before anything of them runs', () => {
  const { host } = bench([
    plugin('one', { contributes: { shapes: ['round', 'square'], colours: ['red'] } }),
    plugin('two', { contributes: { shapes: ['square', 'flat'] } }),
    plugin('none'),
  ]);
  expect(host.contributions('shapes')).toEqual(['round', 'square', 'flat']);
  expect(host.contributions('toString')).toEqual([]);
});

it('leaves out those that failed', async () => {
  const { host } = await started([
    plugin('sound', { contributes: { shapes: ['round'] } }),
    plugin('broken', { contributes: { shapes: ['flat'] }, start: () => { throw new Error('no'); } }),
    { ...plugin('misshapen'), contributes: { shapes: 'square' } },
  ]);
  expect(host.contributions('shapes')).toEqual(['round']);
  expect(host.plugins().find(({ name }) => name === 'misshapen')?.error?.message).toMatch(/contributes\.shapes/);
});
