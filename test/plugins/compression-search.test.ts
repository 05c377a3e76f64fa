/** The search for a mix of types, in worlds whose true costs are known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Allocation, type Costs } from '../../plugins/compression/hybrid/allocate.js';
import { variablesOf } from '../../plugins/compression/hybrid/candidates.js';
import { bandsOf, groupsOf } from '../../plugins/compression/hybrid/groups.js';
import { search, type SearchInput } from '../../plugins/compression/hybrid/search.js';
import { fitSensitivity, predictedCosts } from '../../plugins/compression/hybrid/sensitivity.js';
import { priceOfTime } from '../../plugins/compression/hybrid/speed.js';
import { bytesOf, type Measure, type Sample, type Types, type Variable } from '../../plugins/compression/hybrid/world.js';

/** Bits a weight, as ggml has them; the error falls by four for each bit. */
const BITS = { iq4_nl: 4.5, q4_1: 5, q5_0: 5.5, q5_1: 6, q8_0: 8.5 } as const;
const PARTS = [['attn_q.weight', 1024], ['attn_v.weight', 256], ['ffn_up.weight', 4096]] as const;
const HEADER = 1000;

const variable = (name: string, part: string, layer: number | null, weights: number, spread: number): Variable => ({
  name, part, layer, weights,
  candidates: Object.entries(BITS).map(([type, bits]) => ({ type, bytes: (weights * bits) / 8, error: (spread * weights) / 4 ** bits })),
});

interface World {
  readonly variables: readonly Variable[];
  readonly sensitivity: ReadonlyMap<string, number>;
  readonly measure: Measure;
}

/** `truth` gives each tensor's divergence for a unit of error; each sample sees it a little otherwise. */
function world(layers: number, spreads: readonly number[], truth: (part: number, layer: number) => number, noise = 0): World {
  const at = (index: number): number => spreads[index % spreads.length] ?? 1;
  const variables = [
    variable('token_embd.weight', 'token_embd.weight', null, 8192, at(0)),
    ...Array.from({ length: layers }, (_, layer) => PARTS.map(([part, weights], index) => variable(`blk.${layer}.${part}`, part, layer, weights, at(layer * 3 + index + 1)))).flat(),
  ];
  const sensitivity = new Map(variables.map(({ name, part, layer }) => [name, truth(layer === null ? 3 : PARTS.findIndex(([known]) => known === part), layer ?? 0)]));
  const seen = (name: string, sample: Sample): number => 1 + noise * Math.sin([...`${name}${sample}`].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 1009, 7));
  const measure: Measure = (types, sample) => {
    const kld = variables.reduce((sum, { name, candidates }) => sum + (candidates.find(({ type }) => type === types[name])?.error ?? 0) * (sensitivity.get(name) ?? 0) * seen(name, sample), 0);
    return Promise.resolve({ kld, error: 0, agreement: Math.exp(-kld), perplexity: 20, chunks: [kld] });
  };
  return { variables, sensitivity, measure };
}

const uniform = (variables: readonly Variable[], type: string): Types => Object.fromEntries(variables.map(({ name }) => [name, type]));
const inputOf = ({ variables, measure }: World, budget: number, more: Partial<SearchInput> = {}): SearchInput => {
  const types = uniform(variables, 'q4_1');
  return { variables, measure, preset: { types, bytes: HEADER + bytesOf(variables, types) }, fixedBytes: HEADER, budget, trials: 12, feedback: false, ...more };
};

const worlds = fc
  .record({
    layers: fc.integer({ min: 1, max: 14 }),
    spreads: fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), { minLength: 3, maxLength: 9 }),
    parts: fc.array(fc.double({ min: 0.05, max: 20, noNaN: true }), { minLength: 4, maxLength: 4 }),
    slope: fc.double({ min: -1, max: 1, noNaN: true }),
    noise: fc.double({ min: 0, max: 0.3, noNaN: true }),
  })
  .map(({ layers, spreads, parts, slope, noise }) => world(layers, spreads, (part, layer) => (parts[part] ?? 1) * Math.exp((slope * layer) / layers), noise));

describe('allocation', () => {
  const small = fc.array(
    fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 40 }), cost: fc.integer({ min: 0, max: 1000 }) }), { minLength: 1, maxLength: 4 }),
    { minLength: 1, maxLength: 5 },
  ).map((tensors) => tensors.map((candidates) => [...candidates].sort((a, b) => a.bytes - b.bytes)));
  const variablesFrom = (tensors: readonly (readonly { bytes: number; cost: number }[])[]): [Variable[], Costs] => [
    tensors.map((candidates, index) => ({ name: `t${index}`, part: `t${index}`, layer: null, weights: 1, candidates: candidates.map(({ bytes }, type) => ({ type: String(type), bytes: bytes * 32, error: 0 })) })),
    new Map(tensors.map((candidates, index) => [`t${index}`, candidates.map(({ cost }) => cost)])),
  ];

  it('is what trying every combination finds', async () => {
    await fc.assert(fc.asyncProperty(small, fc.integer({ min: 0, max: 220 }), async (tensors, budget) => {
      const [variables, costs] = variablesFrom(tensors);
      const combinations = tensors.reduce<{ bytes: number; cost: number }[]>(
        (sums, candidates) => sums.flatMap((sum) => candidates.map(({ bytes, cost }) => ({ bytes: sum.bytes + bytes * 32, cost: sum.cost + cost }))), [{ bytes: 0, cost: 0 }]);
      const fitting = combinations.filter(({ bytes }) => bytes <= budget * 32).map(({ cost }) => cost);
      const chosen = (await Allocation.solve(variables, costs)).within(budget * 32);
      if (fitting.length === 0) {
        expect(chosen).toBeNull();
        return;
      }
      expect(bytesOf(variables, chosen ?? {})).toBeLessThanOrEqual(budget * 32);
      expect(variables.reduce((sum, { name, candidates }) => sum + (costs.get(name)?.[candidates.findIndex(({ type }) => type === chosen?.[name])] ?? Infinity), 0)).toBe(Math.min(...fitting));
    }), { numRuns: 200 });
  });

  it('never costs more with a larger budget, whatever the sizes', async () => {
    await fc.assert(fc.asyncProperty(worlds, fc.integer({ min: 1, max: 7 }), async ({ variables, sensitivity }, odd) => {
      // Sizes without a common divisor are rounded up to steps.
      const uneven = variables.map((one, index) => ({ ...one, candidates: one.candidates.map((candidate, at) => ({ ...candidate, bytes: candidate.bytes + at * ((index * odd) % 11) })) }));
      const costs: Costs = new Map(uneven.map(({ name, candidates }) => [name, candidates.map(({ error }) => error * (sensitivity.get(name) ?? 0))]));
      const allocation = await Allocation.solve(uneven, costs);
      let before = Infinity;
      for (let step = 0; step <= 20; step += 1) {
        const budget = allocation.least + ((allocation.most - allocation.least) * step) / 20;
        const types = allocation.within(budget);
        const cost = uneven.reduce((sum, { name, candidates }) => sum + (costs.get(name)?.[candidates.findIndex(({ type }) => type === types?.[name])] ?? Infinity), 0);
        expect(bytesOf(uneven, types ?? {})).toBeLessThanOrEqual(budget);
        expect(cost).toBeLessThanOrEqual(before + 1e-12);
        before = cost;
      }
    }), { numRuns: 20 });
  });
});

describe('sensitivity', () => {
  it('finds what parts and layers cost where that is how the world is made', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 4, maxLength: 4 }), fc.array(fc.double({ min: 0.3, max: 3, noNaN: true }), { minLength: 2, maxLength: 6 }),
      async (parts, layers) => {
        const { variables, sensitivity, measure } = world(layers.length, [1, 2, 0.5], (part, layer) => (parts[part] ?? 1) * (part === 3 ? 1 : layers[layer] ?? 1));
        const effects = await Promise.all(groupsOf(variables).map(async (group) => {
          const quiet = uniform(variables, 'none');
          return { group, kld: (await measure({ ...quiet, ...group.types }, 'probe')).kld };
        }));
        const costs = predictedCosts(variables, fitSensitivity(variables, effects));
        for (const { name, candidates } of variables) {
          candidates.forEach(({ error }, index) => expect(costs.get(name)?.[index]).toBeCloseTo(error * (sensitivity.get(name) ?? 0), 4));
        }
      }), { numRuns: 30 });
  });

  it('measures a deep model in bands of neighbouring layers', () => {
    const { variables } = world(64, [1], () => 1);
    const bands = bandsOf(variables);
    expect(bands.count).toBeLessThan(64);
    const cells = groupsOf(variables).filter(({ part, band }) => part === 'attn_v.weight' && band !== null);
    expect(cells).toHaveLength(bands.count);
    expect(cells.flatMap(({ types }) => Object.keys(types))).toEqual(variables.filter(({ part }) => part === 'attn_v.weight').map(({ name }) => name));
    const sizes = cells.map(({ types }) => Object.keys(types).length);
    expect(Math.max(sizes[0] ?? 64, sizes.at(-1) ?? 64)).toBeLessThan(Math.min(...sizes.slice(1, -1)));
  });

  it('follows a slope between the bands, and never takes noise for indifference', async () => {
    const { variables, sensitivity, measure } = world(24, [1], (_, layer) => Math.exp(-layer / 6));
    const quiet = uniform(variables, 'none');
    const effects = await Promise.all(groupsOf(variables).map(async (group) => ({ group, kld: (await measure({ ...quiet, ...group.types }, 'probe')).kld })));
    const costs = predictedCosts(variables, fitSensitivity(variables, effects));
    for (const { name, candidates } of variables) {
      const ratio = (costs.get(name)?.[0] ?? 0) / ((candidates[0]?.error ?? 0) * (sensitivity.get(name) ?? 0));
      expect(Math.abs(Math.log(ratio))).toBeLessThan(Math.log(1.35));
    }
    const noisy = predictedCosts(variables, fitSensitivity(variables, effects.map(({ group, kld }) => ({ group, kld: group.band === 2 ? -kld : kld }))));
    for (const values of noisy.values()) expect(Math.min(...values)).toBeGreaterThan(0);
  });
});

describe('search', () => {
  const range = ({ variables }: World): [number, number] => [HEADER + bytesOf(variables, uniform(variables, 'iq4_nl')), HEADER + bytesOf(variables, uniform(variables, 'q8_0'))];

  it('is never above the budget, never worse than a preset that fits it, and the same every time', async () => {
    await fc.assert(fc.asyncProperty(worlds, fc.double({ min: 0, max: 1, noNaN: true }), async (made, share) => {
      const [least, most] = range(made);
      const input = inputOf(made, least + (most - least) * share);
      const result = await search(input);
      expect(result.bytes).toBeLessThanOrEqual(input.budget);
      expect(result.measured.kld).toBe((await made.measure(result.types, 'verdict')).kld);
      if (input.preset.bytes <= input.budget) expect(result.measured.kld).toBeLessThanOrEqual(result.preset.measured.kld);
      expect(await search(input)).toEqual(result);
    }), { numRuns: 25 });
  });

  it('beats the preset clearly where tensors differ', async () => {
    const made = world(12, [1], (part, layer) => [1, 30, 0.3, 3][part]! * (layer < 2 ? 5 : 1));
    const input = inputOf(made, HEADER + bytesOf(made.variables, uniform(made.variables, 'q4_1')));
    const { measured, preset, chosen } = await search(input);
    expect(chosen).toBe('mix');
    expect(measured.kld).toBeLessThan(0.6 * preset.measured.kld);
  });

  it('finds the one odd tensor', async () => {
    const made = world(6, [1], (part, layer) => (part === 2 && layer === 5 ? 300 : 1));
    const [least, most] = range(made);
    const { types, sensitivity } = await search(inputOf(made, least + (most - least) * 0.2, { trials: 0 }));
    const others = made.variables.filter(({ part, layer }) => part === 'ffn_up.weight' && layer !== 5);
    expect(types['blk.5.ffn_up.weight']).toBe('q8_0');
    expect(others.every(({ name }) => types[name] !== 'q8_0')).toBe(true);
    const [usual = 0, odd = 0] = [sensitivity.factors['ffn_up.weight']?.[2], sensitivity.factors['ffn_up.weight']?.[5]];
    expect(odd / usual).toBeGreaterThan(100);
  });

  it('rounds the mix with feedback only where the verdict is better so', async () => {
    const made = world(4, [3], (_, layer) => 1 + layer);
    for (const gain of [0.5, 2]) {
      const measure: Measure = async (asked, sample, rounding = 'feedback') => {
        const measured = await made.measure(asked, sample);
        return { ...measured, kld: measured.kld * (rounding === 'feedback' ? gain : 1) };
      };
      const types = uniform(made.variables, 'q4_1');
      const result = await search({ ...inputOf({ ...made, measure }, HEADER + bytesOf(made.variables, types)), feedback: true });
      expect(result.chosen).toBe('mix');
      expect(result.rounding).toBe(gain < 1 ? 'feedback' : 'plain');
      expect(result.measured.kld).toBe(Math.min(result.mixes.feedback?.kld ?? 0, result.mixes.plain?.kld ?? 0));
      expect(result.preset.measured.kld).toBe((await made.measure(types, 'verdict')).kld);
    }
  });

  it('ships the preset where that measures better', async () => {
    const made = world(4, [1], () => 1);
    const types = uniform(made.variables, 'q4_1');
    const measure: Measure = async (asked, sample) => {
      const measured = await made.measure(asked, sample);
      return JSON.stringify(asked) === JSON.stringify(types) ? { ...measured, kld: measured.kld / 100 } : measured;
    };
    const result = await search(inputOf({ ...made, measure }, HEADER + bytesOf(made.variables, types)));
    expect(result).toMatchObject({ chosen: 'preset', types });
  });

  it('finds the smallest file that reaches a goal', async () => {
    const made = world(6, [1, 3], (part) => [1, 30, 0.3, 3][part]!);
    const [least, most] = range(made);
    const { kld } = (await search(inputOf(made, (least + most) / 2))).measured;
    const found = await search(inputOf(made, Infinity, { goal: { kld } }));
    expect(found.measured.kld).toBeLessThanOrEqual(kld);
    expect(found.bytes).toBeLessThanOrEqual((least + most) / 2 + (most - least) / 100);
    await expect(search(inputOf(made, Infinity, { goal: { kld: 1e-12 } }))).rejects.toMatchObject({ code: 'TARA_QUALITY_UNREACHED' });
  });

  it('says how small a file can be', async () => {
    const made = world(3, [1], () => 1);
    const [least] = range(made);
    // Before anything is measured.
    const measure = (): Promise<never> => Promise.reject(new Error('measured'));
    await expect(search({ ...inputOf(made, least - 1), measure })).rejects.toMatchObject({ code: 'TARA_TARGET_SIZE', fields: { bytes: least, budget: least - 1 } });
    expect((await search(inputOf(made, least))).bytes).toBe(least);
  });

  it('uses what an earlier search learned, without trials', async () => {
    const made = world(8, [1, 2], (part, layer) => [1, 30, 0.3, 3][part]! * (layer % 2 === 0 ? 4 : 1), 0.3);
    const [least, most] = range(made);
    const first = await search(inputOf(made, (least + most) / 2));
    expect(first.trials).toBeGreaterThan(0);
    const second = await search(inputOf(made, (least + 2 * most) / 3, { learned: first.learned, trials: 0 }));
    expect(second.trials).toBe(0);
    expect(second.measured.kld).toBeLessThan(first.measured.kld);
  });

  it('pays for time where speed counts', async () => {
    const made = world(4, [1], () => 1);
    const [, most] = range(made);
    const types = uniform(made.variables, 'q4_1');
    const slow = { iq4_nl: 1, q4_1: 1, q5_0: 9, q5_1: 9, q8_0: 2 };
    const price = priceOfTime(made.variables, slow, types, (await made.measure(types, 'accept')).kld, 1);
    const chosen = Object.values((await search(inputOf(made, most * 0.8, { priceOfTime: price, trials: 0 }))).types);
    expect(chosen).not.toContain('q5_1');
    expect(Object.values((await search(inputOf(made, most * 0.8, { trials: 0 }))).types)).toContain('q5_1');
  });
});

describe('candidates', () => {
  const loss = (bytes: number, error: number, nan = 0) => ({ bytes, error, nan });
  it('drops types that are larger and worse, overflow, or fit only some tensors of a part', () => {
    const tensor = (types: Record<string, ReturnType<typeof loss>>) => ({ ne: [64, 2], type: 'f16', weighted: true, squares: 1, types }) as const;
    const variables = variablesOf(new Map([
      ['blk.0.ffn_up.weight', tensor({ q4_0: loss(18, 4), iq4_nl: loss(18, 3), q5_0: loss(22, 5), q5_1: loss(24, 1), q8_0: loss(34, 0.1), q6_k: loss(26, 0.2) })],
      ['blk.1.ffn_up.weight', tensor({ q4_0: loss(18, 4), iq4_nl: loss(18, 3), q5_0: loss(22, 5), q5_1: loss(24, 1), q8_0: loss(34, 0.1, 2) })],
      ['output.weight', tensor({ q4_0: loss(18, 4), q8_0: loss(34, 0.1) })],
    ]));
    expect(variables.map(({ name, part, layer, candidates }) => [name, part, layer, candidates.map(({ type }) => type)])).toEqual([
      ['blk.0.ffn_up.weight', 'ffn_up.weight', 0, ['iq4_nl', 'q5_1']],
      ['blk.1.ffn_up.weight', 'ffn_up.weight', 1, ['iq4_nl', 'q5_1']],
      ['output.weight', 'output.weight', null, ['q4_0', 'q8_0']],
    ]);
  });
});
