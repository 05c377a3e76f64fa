/**
 * The multiple-choice knapsack: one candidate for each variable, the least sum of costs within a number of bytes. Dynamic
 * programming over bytes (Dudzinski and Walukiewicz 1987), exact where the sizes' common divisor allows it, else with sizes
 * rounded up to STEPS parts of the range: never above the budget, and never worse with a larger one.
 */

import { setImmediate } from 'node:timers/promises';
import { TaraError } from 'tara-gguf/plugin';
import type { Types, Variable } from './world.js';

/** What a variable costs with each of its candidates, in their order. */
export type Costs = ReadonlyMap<string, readonly number[]>;

const STEPS = 1 << 16;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Bytes that candidates need more than the smallest one. */
const extra = ({ candidates }: Variable): number[] => candidates.map(({ bytes }) => bytes - (candidates[0]?.bytes ?? 0));

export class Allocation {
  /** Bytes of the smallest choice. */
  readonly least: number;
  /** Bytes beyond which nothing gets better. */
  readonly most: number;
  readonly #unit: number;
  readonly #steps: number;
  readonly #choices: Uint8Array[] = [];

  private constructor(readonly variables: readonly Variable[]) {
    const ranges = variables.map((variable) => extra(variable).at(-1) ?? 0);
    const range = ranges.reduce((sum, bytes) => sum + bytes, 0);
    this.least = variables.reduce((sum, { candidates }) => sum + (candidates[0]?.bytes ?? 0), 0);
    this.most = this.least + range;
    const divisor = variables.flatMap(extra).reduce(gcd, 0) || 1;
    this.#unit = Math.max(divisor, range / STEPS);
    // Rounding up makes the whole range a little longer than the sizes say.
    this.#steps = ranges.reduce((sum, bytes) => sum + Math.ceil(bytes / this.#unit), 0);
  }

  /** Solves for every budget at once. */
  static async solve(variables: readonly Variable[], costs: Costs, signal?: AbortSignal): Promise<Allocation> {
    const allocation = new Allocation(variables);
    let best = new Float64Array(allocation.#steps + 1);
    for (const variable of variables) {
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
      best = allocation.#add(variable, costs.get(variable.name) ?? [], best);
      // A tensor takes a few milliseconds.
      await setImmediate();
    }
    return allocation;
  }

  #add(variable: Variable, costs: readonly number[], before: Float64Array): Float64Array<ArrayBuffer> {
    const after = new Float64Array(before.length).fill(Infinity);
    const choice = new Uint8Array(before.length);
    extra(variable).forEach((bytes, index) => {
      const step = Math.ceil(bytes / this.#unit);
      const cost = costs[index] ?? Infinity;
      for (let at = step; at < after.length; at += 1) {
        const sum = (before[at - step] ?? 0) + cost;
        if (sum < (after[at] ?? 0)) {
          after[at] = sum;
          choice[at] = index;
        }
      }
    });
    this.#choices.push(choice);
    return after;
  }

  /** The best choice within `bytes`; null when even the smallest is larger. */
  within(bytes: number): Types | null {
    if (bytes < this.least) return null;
    let at = Math.min(this.#steps, Math.floor((bytes - this.least) / this.#unit));
    const types: Record<string, string> = {};
    for (let index = this.variables.length - 1; index >= 0; index -= 1) {
      const variable = this.variables[index];
      const chosen = this.#choices[index]?.[at] ?? 0;
      if (!variable) break;
      types[variable.name] = variable.candidates[chosen]?.type ?? '';
      at -= Math.ceil((extra(variable)[chosen] ?? 0) / this.#unit);
    }
    return types;
  }
}
