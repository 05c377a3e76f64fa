/** Which files answer in a domain, in each layout. */
import { describe, expect, test } from 'vitest';
import { servedCandidates, servedDomains, servedIn, type ServedFile } from '../../src/models/index.js';

const file = (path: string, role: ServedFile['role'], domain: string | null = null): ServedFile => ({ path, role, domain });

describe('servedIn', () => {
  test('merged: one model for everything', () => {
    const files = [file('m', 'model'), file('config.json', 'config')];
    for (const domain of ['health', 'none', '']) expect(servedIn(files, domain)).toEqual({ path: 'm', adapters: {}, use: {} });
    expect(servedDomains(files)).toEqual([]);
  });

  test('adapters: one base loaded with all of them, asked with one', () => {
    const files = [file('h', 'adapter', 'health'), file('base', 'model'), file('l', 'adapter', 'law')];
    const adapters = { health: 'h', law: 'l' };
    expect(servedIn(files, 'law')).toEqual({ path: 'base', adapters, use: { law: 1 } });
    expect(servedIn(files, 'none')).toEqual({ path: 'base', adapters, use: {} });
    expect(servedIn(files, 'toString')).toEqual({ path: 'base', adapters, use: {} });
    expect(servedDomains(files)).toEqual(['health', 'law']);
  });

  test('per-domain: the own model, the first where there is none', () => {
    const files = [file('h', 'model', 'health'), file('l', 'model', 'law')];
    expect(servedIn(files, 'law')).toEqual({ path: 'l', adapters: {}, use: {} });
    expect(servedIn(files, 'none')).toEqual({ path: 'h', adapters: {}, use: {} });
  });

  test('several releases: the first that answers for a domain speaks for it', () => {
    const of = (id: string, quality: Record<string, number>): ServedFile => ({ ...file(id, 'model'), release: { id, domains: Object.keys(quality), quality } });
    const files = [of('r2', { law: 0.5 }), of('r1', { law: 0.9, health: 0.7 }), file('o', 'model', 'own')];
    expect(servedCandidates(files)).toEqual([{ name: 'law', quality: 0.5 }, { name: 'health', quality: 0.7 }, { name: 'own' }]);
  });

  test('nothing without a model', () => {
    expect(servedIn([file('h', 'adapter', 'health')], 'health')).toBeUndefined();
  });
});
