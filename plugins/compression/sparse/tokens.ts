/**
 * Which tokens go. A token that went is read as the two that it was merged from: each time it was expected costs one token more, and
 * both parts are then expected as often again. So the least expected of those that no other needs goes first, and leaves what was
 * expected of it to its parts.
 */

import type { Vocabulary } from 'tara-gguf';

/** Matrices with such multiples of rows are computed without a remainder. */
export const TOKEN_STEP = 256;

/** A binary heap: ids by what is expected of them, the least on top. */
class Queue {
  readonly #ids: number[] = [];

  constructor(private readonly expected: Float64Array) {}

  #less(a: number, b: number): boolean {
    const [x = 0, y = 0] = [this.expected[a], this.expected[b]];
    // Of equals the later token goes first: tokenizers give ids out by frequency.
    return x < y || (x === y && a > b);
  }

  #swap(i: number, j: number): void {
    const ids = this.#ids;
    [ids[i], ids[j]] = [ids[j] ?? 0, ids[i] ?? 0];
  }

  push(id: number): void {
    const ids = this.#ids;
    let at = ids.push(id) - 1;
    for (let up = (at - 1) >> 1; at > 0 && this.#less(ids[at] ?? 0, ids[up] ?? 0); up = (at - 1) >> 1) {
      this.#swap(at, up);
      at = up;
    }
  }

  pop(): number | undefined {
    const ids = this.#ids;
    const [top] = ids;
    const last = ids.pop();
    if (top === undefined || last === undefined || ids.length === 0) return top;
    ids[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const down of [2 * at + 1, 2 * at + 2]) if (down < ids.length && this.#less(ids[down] ?? 0, ids[least] ?? 0)) least = down;
      if (least === at) return top;
      this.#swap(at, least);
      at = least;
    }
  }
}

/** Ids in the order in which they go, as far as any may: `required` and what those are merged from stay. */
export function goingTokens({ size, required, parts }: Vocabulary, expectedOf: ArrayLike<number>): number[] {
  const expected = Float64Array.from(expectedOf);
  const needed = new Uint32Array(size);
  for (const of of parts) for (const part of of ?? []) needed[part] = (needed[part] ?? 0) + 1;
  const queue = new Queue(expected);
  for (let id = 0; id < size; id += 1) {
    // A token that no text becomes is never missed.
    if (parts[id] === undefined) expected[id] = -1;
    if (needed[id] === 0 && !required.has(id)) queue.push(id);
  }
  const going: number[] = [];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    going.push(id);
    for (const part of parts[id] ?? []) {
      expected[part] = (expected[part] ?? 0) + Math.max(0, expected[id] ?? 0);
      needed[part] = (needed[part] ?? 0) - 1;
      if (needed[part] === 0 && !required.has(part)) queue.push(part);
    }
  }
  return going;
}

/** The `count` tokens that stay, or as few as can, ascending. */
export function keptTokens({ size }: Pick<Vocabulary, 'size'>, going: readonly number[], count: number): number[] {
  const gone = new Set(going.slice(0, Math.max(0, size - count)));
  return Array.from({ length: size }, (_, id) => id).filter((id) => !gone.has(id));
}
