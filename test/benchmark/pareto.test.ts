import fc from 'fast-check';
import { expect, it } from 'vitest';
import { paretoFront } from '../../src/benchmark/pareto.js';

type Point = readonly [number, number];
const front = (points: readonly Point[]) => paretoFront(points, ([x]) => x, ([, y]) => y);

it('keeps what is cheapest in one cost or a fair trade', () => {
  expect(front([[3, 1], [1, 5], [2, 6], [2, 4], [3, 4]])).toEqual([[1, 5], [2, 4], [3, 1]]);
  expect(front([[1, 1], [1, 1], [1, 2]])).toEqual([[1, 1], [1, 1]]);
  expect(front([[1, Number.NaN], [2, 3]])).toEqual([[2, 3]]);
  expect(front([])).toEqual([]);
});

it('is by definition what nothing dominates', () => {
  const point = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }));
  fc.assert(fc.property(fc.array(point, { maxLength: 20 }), (points) => {
    const dominated = (a: Point): boolean => points.some((b) => b[0] <= a[0] && b[1] <= a[1] && (b[0] < a[0] || b[1] < a[1]));
    const sorted = (list: readonly Point[]) => [...list].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect(sorted(front(points))).toEqual(sorted(points.filter((point) => !dominated(point))));
  }));
});
