/** Whether an importance matrix is of a model. */
import { oneLine } from './one-line.js';

/** Of a model. */
export interface Shaped {
  readonly name: string;
  /** ggml order. */
  readonly ne: readonly number[];
}

/** Their importance is left out where it has another width, as llama-quantize does. */
const LENIENT: ReadonlySet<string> = new Set(['token_embd.weight', 'per_layer_token_embd.weight']);
/** Some models have layers that plain text does not reach (for multi-token prediction), but never this share of them. */
const LEAST_LAYERS = 0.5;

const layersOf = (names: Iterable<string>): Set<string> => new Set([...names].flatMap((name) => /^blk\.(\d+)\./.exec(name)?.[1] ?? []));

/** Whether something can be multiplied by it: all that is quantized. */
export const isMatrix = ({ ne }: Pick<Shaped, 'ne'>): boolean => ne.filter((n) => n > 1).length > 1;

/** Values of a weight's importance: one a column, of each expert. */
export const importanceLength = ({ ne }: Pick<Shaped, 'ne'>): number => (ne[0] ?? 1) * (ne[2] ?? 1);

/** Why importance, given by the number of values of each weight, is of another model; undefined when it may be of this one. */
export function foreignImatrix(lengths: Iterable<readonly [name: string, length: number]>, tensors: readonly Shaped[]): string | undefined {
  const known = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const names: string[] = [];
  for (const [name, length] of lengths) {
    const tensor = known.get(name);
    if (!tensor) return `it knows ${oneLine(name)}, which the model does not have: it is of another model`;
    const wanted = importanceLength(tensor);
    if (length !== wanted && !LENIENT.has(name)) return `${oneLine(name)} has ${length} values, the model needs ${wanted}: it is of another model`;
    names.push(name);
  }
  const [covered, layers] = [layersOf(names).size, layersOf(known.keys()).size];
  return covered < LEAST_LAYERS * layers ? `it knows ${covered} of the model's ${layers} layers: it is of another model` : undefined;
}
