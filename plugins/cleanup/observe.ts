/** What the tensors of a checkpoint say about the sizes of the model. */
import type { Dimension, Family, TensorRule } from './architecture.js';

export interface ShapedTensor {
  readonly shape: readonly number[];
}

/** By dimension, by size: names of the tensors that have it. */
export type Votes = ReadonlyMap<Dimension, ReadonlyMap<number, readonly string[]>>;

export function votesOf(rules: readonly TensorRule[], tensors: ReadonlyMap<string, ShapedTensor>): Votes {
  const votes = new Map<Dimension, Map<number, string[]>>();
  for (const { name, shape } of rules) {
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.shape.length !== shape.length) continue;
    for (const [index, dimension] of shape.entries()) {
      const sizes = votes.get(dimension) ?? new Map<number, string[]>();
      const size = tensor.shape[index] ?? 0;
      const names = sizes.get(size);
      if (names === undefined) sizes.set(size, [name]);
      else names.push(name);
      votes.set(dimension, sizes);
    }
  }
  return votes;
}

/** The size that all tensors agree on. */
export function agreed(votes: Votes, dimension: Dimension): number | undefined {
  const sizes = votes.get(dimension);
  const [only] = sizes?.keys() ?? [];
  return sizes?.size === 1 ? only : undefined;
}

/** One more than the largest layer number in the names. */
export function layersIn(family: Family, prefix: string, names: Iterable<string>): number {
  const start = prefix + family.layerName;
  let layers = 0;
  for (const name of names) {
    if (!name.startsWith(start)) continue;
    const number = /^(\d{1,6})\./.exec(name.slice(start.length))?.[1];
    if (number !== undefined) layers = Math.max(layers, Number(number) + 1);
  }
  return layers;
}
