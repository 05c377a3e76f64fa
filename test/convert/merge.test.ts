import { describe, expect, it } from 'vitest';
import { defaultWeight, mergeStep, type MergeSettings } from '../../src/convert/adapters/merge.js';
import { step } from '../../src/plan/schema.js';

const TERM = { weight: 1, scale: 2, a: { src: 'x', tensor: 'a' }, b: { src: 'x', tensor: 'b' } };
const made = (settings?: MergeSettings) => mergeStep(settings)([TERM]);

describe('mergeStep', () => {
  it.each([
    [undefined, { method: 'sum' }], [{ method: 'linear' }, { method: 'sum' }], [{ method: 'task-arithmetic' }, { method: 'sum', scale: 0.4 }],
    [{ method: 'ties' }, { method: 'ties', density: 0.4 }], [{ method: 'ties', density: 1, scale: 0.5 }, { method: 'ties', density: 1, scale: 0.5 }],
    [{ method: 'dare' }, { method: 'dare', density: 0.5, seed: 0 }], [{ method: 'dare-ties', seed: 7 }, { method: 'dare-ties', density: 0.5, seed: 7 }],
  ] as const)('%j is %j, which the schema takes', (settings, expected) => {
    expect(made(settings)).toEqual({ op: 'delta', ...expected, terms: [TERM] });
    expect(step.safeParse(made(settings)).success).toBe(true);
  });

  it.each<[MergeSettings, string]>([
    [{ method: 'slerp' as 'linear' }, 'merge.method'], [{ method: 'linear', density: 0.5 }, 'merge.density'], [{ method: 'linear', scale: 2 }, 'merge.scale'], [{ method: 'ties', seed: 1 }, 'merge.seed'],
    [{ method: 'ties', density: 0 }, 'merge.density'], [{ method: 'ties', density: 1.5 }, 'merge.density'], [{ method: 'dare', density: Number.NaN }, 'merge.density'],
    [{ method: 'ties', scale: Infinity }, 'merge.scale'], [{ method: 'ties', scale: 0 }, 'merge.scale'], [{ method: 'dare', seed: -1 }, 'merge.seed'], [{ method: 'dare', seed: 2 ** 32 }, 'merge.seed'], [{ method: 'dare', seed: 0.5 }, 'merge.seed'],
  ])('refuses %j, naming %s', (settings, option) => {
    expect(() => mergeStep(settings)).toThrow(expect.objectContaining({ code: 'TARA_OPTION_INVALID', fields: expect.objectContaining({ option }) }));
  });

  it('knows the weight of an adapter that was given none', () => {
    expect(defaultWeight('linear', 5)).toBe(0.2);
    expect(defaultWeight('ties', 5)).toBe(1);
    expect(defaultWeight('regmean', 5)).toBe(1);
  });
});
