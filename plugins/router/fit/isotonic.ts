/** Isotonic regression by pooling adjacent violators (Ayer et al., 1955), thinned to a few points. */

/** Points of a rising line: a probability, and how often it was right. */
export type Calibration = readonly (readonly [number, number])[];

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
}

/** Texts are pooled into at most this many bins first, so that no single one makes a step. */
const BINS = 12;
/** Nothing is certain. */
const MOST = 0.995;

export function isotonic(points: readonly Point[]): Calibration {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  const pools: { x: number; y: number; weight: number }[] = [];
  let room = 0;
  for (const { x, y, weight } of sorted) {
    const last = pools.at(-1);
    if (last === undefined || room <= 0) {
      pools.push({ x: x * weight, y: y * weight, weight });
      room = total / BINS - weight;
    } else {
      last.x += x * weight;
      last.y += y * weight;
      last.weight += weight;
      room -= weight;
    }
  }
  for (let i = 1; i < pools.length; ) {
    const [before, pool] = [pools[i - 1], pools[i]];
    if (before === undefined || pool === undefined || i === 0 || before.y / before.weight <= pool.y / pool.weight) {
      i += 1;
      continue;
    }
    pools.splice(i - 1, 2, { x: before.x + pool.x, y: before.y + pool.y, weight: before.weight + pool.weight });
    i = Math.max(1, i - 1);
  }
  return pools.map(({ x, y, weight }) => [round(x / weight), round(Math.min(MOST, y / weight))]);
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** The line at `x`, 0..1; the probability itself where nothing was fitted. */
export function calibrated(calibration: Calibration, x: number): number {
  const [first, last] = [calibration[0], calibration.at(-1)];
  if (first === undefined || last === undefined) return x;
  if (x <= first[0]) return first[0] === 0 ? first[1] : (first[1] * x) / first[0];
  if (x >= last[0]) return last[1];
  const at = calibration.findIndex(([at]) => at >= x);
  const [[x0, y0], [x1, y1]] = [calibration[at - 1] ?? first, calibration[at] ?? last];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}
