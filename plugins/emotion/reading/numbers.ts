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

/** Product of a row of a matrix, which begins at `at`, with a vector; in four sums, which do not wait for each other. */
export function rowProduct(matrix: Float32Array | Int8Array, at: number, x: Float32Array | Float64Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = x.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += (matrix[at + i] as number) * (x[i] as number);
    b += (matrix[at + i + 1] as number) * (x[i + 1] as number);
    c += (matrix[at + i + 2] as number) * (x[i + 2] as number);
    d += (matrix[at + i + 3] as number) * (x[i + 3] as number);
  }
  for (let i = whole; i < x.length; i += 1) a += (matrix[at + i] as number) * (x[i] as number);
  return a + b + (c + d);
}

/** Of the angle between two vectors of one length; 0 where one of them is 0. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return product / (Math.sqrt(squareA * squareB) || 1);
}
