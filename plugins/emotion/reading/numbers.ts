/** Small functions that reading and training share. */

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The inverse of sigmoid; of a certainty, what is almost one. */
export const logOdds = (p: number): number => {
  const sure = Math.min(1 - 1e-6, Math.max(1e-6, p));
  return Math.log(sure / (1 - sure));
};

/** Probabilities that sum to 1. */
export function softmax(logits: ArrayLike<number>): number[] {
  const all = Array.from(logits);
  const most = Math.max(...all);
  const powers = all.map((logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
