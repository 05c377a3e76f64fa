/** The search behind --merge auto on losses that are formulas, and one small choice on real files. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/index.js';
import { chooseMerge } from '../../src/phases/build/merge-auto.js';
import { mostTrials, searchMerge, type ByDomain, type MergeCandidate, type MergeSearch, type TriedMerge } from '../../src/phases/build/merge-auto-search.js';
import { createPool } from '../../src/workers/index.js';
import { writeTurnDomains } from '../support/turn-domains.js';

/** How much of each delta a candidate adds, whatever its method. */
const amount = ({ merge, weights }: MergeCandidate, name: string): number => (weights[name] ?? 0) * (merge.scale ?? 1);

interface World {
  readonly names: readonly string[];
  readonly gains: readonly number[];
  /** What the others' deltas cost a domain, by domain. */
  readonly harm: readonly number[];
}

/** Each domain gains up to weight 1 and loses again beyond it; other adapters harm it with the square of their weight. */
function search({ names, gains, harm }: World): MergeSearch & { readonly seen: MergeCandidate[] } {
  const gain = (name: string) => gains[names.indexOf(name)] ?? 0;
  const base = Object.fromEntries(names.map((name) => [name, 4]));
  const own = Object.fromEntries(names.map((name) => [name, 4 - gain(name)]));
  const seen: MergeCandidate[] = [];
  const measure = (candidate: MergeCandidate): Promise<ByDomain> => {
    seen.push(candidate);
    return Promise.resolve(Object.fromEntries(names.map((name) => {
      const mine = amount(candidate, name);
      // In the order of the alphabet, so that sums are the same whatever the order of the domains.
      const others = names.filter((other) => other !== name).sort().reduce((sum, other) => sum + amount(candidate, other) ** 2, 0);
      return [name, 4 - gain(name) * (2 * mine - mine ** 2) + (harm[names.indexOf(name)] ?? 0) * others];
    })));
  };
  return { domains: names, base, own, measure, seen };
}

const worlds = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 2, maxLength: 6 }).chain((names) =>
  fc.record({
    names: fc.constant(names),
    gains: fc.array(fc.double({ min: 0.05, max: 3, noNaN: true }), { minLength: names.length, maxLength: names.length }),
    harm: fc.array(fc.double({ min: 0, max: 0.2, noNaN: true }), { minLength: names.length, maxLength: names.length }),
  }),
);

const isUniform = ({ weights }: TriedMerge): boolean => new Set(Object.values(weights)).size === 1;

describe('the search', () => {
  it('keeps a merge that no other one it tried beats in the worst domain and in all', async () => {
    await fc.assert(fc.asyncProperty(worlds, async (world) => {
      const { table, chosen } = await searchMerge(search(world));
      const kept = table[chosen];
      expect(table.filter(({ worstKept, meanKept }) => worstKept > (kept?.worstKept ?? NaN) && meanKept > (kept?.meanKept ?? NaN))).toEqual([]);
      expect(table.length).toBeLessThanOrEqual(mostTrials(world.names.length));
    }), { numRuns: 50 });
  });

  it('is the same for any order of the domains, and each time', async () => {
    await fc.assert(fc.asyncProperty(worlds, async (world) => {
      const order = world.names.map((_, index) => index).reverse();
      const turned = { names: order.map((i) => world.names[i] ?? ''), gains: order.map((i) => world.gains[i] ?? 0), harm: order.map((i) => world.harm[i] ?? 0) };
      expect(await searchMerge(search(turned))).toEqual(await searchMerge(search(world)));
    }), { numRuns: 50 });
  });

  it('gives a domain that the others harm more weight than one they leave alone', async () => {
    const { table, chosen } = await searchMerge(search({ names: ['hurt', 'safe', 'third'], gains: [0.5, 2, 2], harm: [0.2, 0, 0] }));
    const weights = table[chosen]?.weights ?? {};
    expect(weights['hurt']).toBeGreaterThan(weights['safe'] ?? Infinity);
    expect(table[chosen]?.worstKept).toBeGreaterThan(Math.max(...table.filter(isUniform).map(({ worstKept }) => worstKept)));
  });

  it('leaves a domain out of account whose adapter gains nothing there, and refuses where none gains', async () => {
    const { table, chosen } = await searchMerge(search({ names: ['a', 'b', 'idle'], gains: [1, 1, 0], harm: [0, 0, 0.2] }));
    expect(table[chosen]?.worstKept).toBeGreaterThan(0.5);
    await expect(searchMerge(search({ names: ['a', 'b'], gains: [0, 0.001], harm: [0, 0] }))).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('ends with what a measurement fails with', async () => {
    const world = search({ names: ['a', 'b'], gains: [1, 1], harm: [0, 0] });
    let left = 3;
    const measure = (candidate: MergeCandidate) => (left-- > 0 ? world.measure(candidate) : Promise.reject(new Error('stopped')));
    await expect(searchMerge({ ...world, measure })).rejects.toThrow('stopped');
    expect(world.seen).toHaveLength(3);
  });
});

describe('the choice on real files', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tara-merge-auto-'));
  const workDir = join(folder, 'work');
  const engine = createEngine();
  const pool = createPool({ threads: 1 });
  afterAll(async () => {
    await Promise.all([engine.dispose(), pool.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const setting = async () => ({ ...(await writeTurnDomains(folder)), engine, pool, workDir, threads: 1 });

  it('serves both domains, whatever their order, and leaves no file', async () => {
    const input = await setting();
    const told: number[] = [];
    const chosen = await chooseMerge({ ...input, onProgress: (fraction) => told.push(fraction ?? NaN) });
    expect(chosen.table[chosen.chosen]).toMatchObject({ method: chosen.merge.method, weights: chosen.weights });
    expect(chosen.table[chosen.chosen]?.worstKept).toBeGreaterThan(0.8);
    expect(chosen.table.map(({ method }) => method)).toContain('regmean');
    expect(chosen.rewritten).toBeNull();
    expect(readdirSync(workDir)).toEqual([]);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(await chooseMerge({ ...input, domains: [...input.domains].reverse() })).toEqual(chosen);
  });

  it('ends when it is aborted, and leaves no file', async () => {
    const abort = new AbortController();
    const trials: string[] = [];
    const onProgress = (_: number | null, detail = ''): void => {
      // A trial may tell more than once how far it is.
      if (trials.at(-1) !== detail && trials.push(detail) === 5) abort.abort();
    };
    await expect(chooseMerge({ ...(await setting()), signal: abort.signal, onProgress })).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(trials).toHaveLength(5);
    expect(readdirSync(workDir)).toEqual([]);
  });
});
