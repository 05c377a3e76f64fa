/** The best cut for a goal, out of measured numbers of tokens and measured structures, whose losses add up. */

import { TOKEN_STEP } from './tokens.js';
import type { Sizes } from './sizes.js';
import type { MeasuredStructure, MeasuredTokens, Point } from './world.js';

export interface Field {
  readonly sizes: Sizes;
  /** The whole vocabulary among them, with a loss of 0. */
  readonly tokens: readonly MeasuredTokens[];
  /** The whole structure among them, with a loss of 0. */
  readonly structures: readonly MeasuredStructure[];
  /** Tokens that must stay. */
  readonly leastTokens: number;
}

/** Between two measured numbers of tokens the loss's logarithm lies on the line between theirs; beyond the last, on that line's end. */
export function tokenLoss(measured: readonly MeasuredTokens[], tokens: number): number {
  const sorted = [...measured].sort((a, b) => a.tokens - b.tokens);
  const at = sorted.findIndex((one) => one.tokens >= tokens);
  const [above, below] = [sorted[at], sorted[at - 1]];
  if (at < 0 || above === undefined) return 0;
  if (above.tokens === tokens) return above.loss;
  const [low, high] = below ? [below, above] : [above, sorted[at + 1] ?? above];
  if (high.tokens === low.tokens) return low.loss;
  const share = (tokens - low.tokens) / (high.tokens - low.tokens);
  // Towards the whole vocabulary the loss becomes 0, which has no logarithm.
  if (low.loss <= 0 || high.loss <= 0) return low.loss + share * (high.loss - low.loss);
  return Math.exp(Math.log(low.loss) + share * (Math.log(high.loss) - Math.log(low.loss)));
}

const steps = (least: number, most: number): number[] => {
  const counts: number[] = [];
  for (let tokens = Math.floor(most / TOKEN_STEP) * TOKEN_STEP; tokens >= least; tokens -= TOKEN_STEP) counts.push(tokens);
  return counts;
};

/** Every cut that the field knows of. */
function all({ sizes, tokens, structures, leastTokens }: Field): Point[] {
  // Below what was measured nothing is promised.
  const least = Math.max(leastTokens, Math.min(...tokens.map((one) => one.tokens)));
  const counts = [...new Set([sizes.tokens, ...steps(least, sizes.tokens)])];
  return structures.flatMap(({ layers, width, loss }) => counts.map((count) => {
    const cut = { tokens: count, layers, width };
    return { cut, bytes: sizes.of(cut), loss: loss + tokenLoss(tokens, count) };
  }));
}

const byLoss = (a: Point, b: Point): number => a.loss - b.loss || a.bytes - b.bytes;

/** The cut that loses least within the bytes; undefined where none is so small. */
export const within = (field: Field, bytes: number): Point | undefined => all(field).filter((point) => point.bytes <= bytes).sort(byLoss)[0];

/** The smallest cut that loses so much at most. The model itself loses nothing. */
export const smallest = (field: Field, loss: number): Point => all(field).filter((point) => point.loss <= loss).sort((a, b) => a.bytes - b.bytes || byLoss(a, b))[0] ?? { cut: { tokens: field.sizes.tokens, layers: [], width: null }, bytes: field.sizes.bytes, loss: 0 };

/** The smallest of all. */
export const least = (field: Field): number => Math.min(...all(field).map(({ bytes }) => bytes));

const FRONT_STEPS = 8;

/** The best cut of each of some sizes from the whole file down to the smallest, largest first. */
export function front(field: Field): Point[] {
  const [most, fewest] = [field.sizes.bytes, least(field)];
  const points = Array.from({ length: FRONT_STEPS + 1 }, (_, step) => within(field, most - ((most - fewest) * step) / FRONT_STEPS));
  return points.flatMap((point, index) => (point && JSON.stringify(point.cut) !== JSON.stringify(points[index - 1]?.cut) ? [point] : []));
}
