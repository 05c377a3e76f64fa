/** Texts or token ids, one or several: what a completion and an embedding start from. */
import { z } from 'zod';

const token = z.int().min(0).max(2 ** 31 - 1);

export const inputs = (most: number) => z.union([z.string(), z.array(token).min(1), z.array(z.union([z.string(), z.array(token).min(1)])).min(1).max(most)]);

const isTokens = (given: readonly unknown[]): given is number[] => typeof given[0] === 'number';

export function inputsOf(given: z.infer<ReturnType<typeof inputs>>): (string | Int32Array)[] {
  if (typeof given === 'string') return [given];
  if (isTokens(given)) return [Int32Array.from(given)];
  return given.map((item) => (typeof item === 'string' ? item : Int32Array.from(item)));
}
