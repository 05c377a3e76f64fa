/** The groups of tensors whose effect is measured: each part in each band of layers as its usual type, and each part in all layers as a few others. */

import type { Types, Variable } from './world.js';

/** Tensors of one part that leave the anchor together, all as one type. */
export interface Group {
  readonly part: string;
  /** Null for all layers. */
  readonly band: number | null;
  readonly types: Types;
}

/** The first and the last layers differ most from their neighbours: their bands are narrow. */
const MOST_BANDS = 6;
const NARROW = 1 / 15;
/** Bits a weight that the groups are measured at: where most files end up. */
const USUAL_BITS = 4.5;
/** Types above are so close to the original that their differences are noise. */
const MOST_BITS = 7;
/** Anchor: close to the original, and faster to compute with. */
const ANCHOR = 'q8_0';

const K_BLOCK = 256;
const ROWS_OF_256 = /^(?:q[2-6]_k|iq)/;

/** Values in a block of the type. */
export const blockOf = (type: string): number => (type === 'f16' ? 1 : type !== 'iq4_nl' && ROWS_OF_256.test(type) ? K_BLOCK : 32);

/** Bands of neighbouring layers. */
export interface Bands {
  readonly count: number;
  /** Layer in the middle of each. */
  readonly middles: readonly number[];
  /** Null outside the layers. */
  of(variable: Variable): number | null;
}

/** First layer of each band. */
function startsOf(layers: number): number[] {
  if (layers <= MOST_BANDS) return Array.from({ length: layers }, (_, layer) => layer);
  const narrow = Math.max(1, Math.round(layers * NARROW));
  const between = MOST_BANDS - 2;
  return [0, ...Array.from({ length: between }, (_, band) => narrow + Math.round((band * (layers - 2 * narrow)) / between)), layers - narrow];
}

export function bandsOf(variables: readonly Variable[]): Bands {
  const layers = variables.reduce((most, { layer }) => Math.max(most, (layer ?? -1) + 1), 0);
  const starts = startsOf(layers);
  return {
    count: starts.length,
    middles: starts.map((start, band) => (start + (starts[band + 1] ?? layers) - 1) / 2),
    of: ({ layer }) => (layer === null ? null : starts.findLastIndex((start) => start <= layer)),
  };
}

const bitsOf = ({ weights, candidates }: Variable, type: string): number => ((candidates.find((candidate) => candidate.type === type)?.bytes ?? 0) * 8) / weights;

/** Every tensor as the anchor: the groups' effects are measured against it. */
export const anchorTypes = (variables: readonly Variable[]): Types =>
  Object.fromEntries(variables.map(({ name, candidates }) => [name, (candidates.find(({ type }) => type === ANCHOR) ?? candidates.at(-1))?.type ?? ANCHOR]));

/** The type closest to the usual number of bits. */
export function usualType(variable: Variable): string {
  const distance = (type: string): number => Math.abs(bitsOf(variable, type) - USUAL_BITS);
  return variable.candidates.map(({ type }) => type).reduce((best, type) => (distance(type) < distance(best) ? type : best));
}

/** Of each kind of block the smallest type, the usual one and the largest that is not almost the original. */
function partTypes(variable: Variable): string[] {
  const chosen = new Set<string>();
  for (const block of [32, K_BLOCK]) {
    const types = variable.candidates.filter(({ type }) => blockOf(type) === block && bitsOf(variable, type) <= MOST_BITS);
    const [smallest, largest] = [types[0], types.at(-1)];
    if (!smallest || !largest) continue;
    chosen.add(smallest.type).add(largest.type).add(usualType({ ...variable, candidates: types }));
  }
  return chosen.size > 0 ? [...chosen] : [usualType(variable)];
}

/** What is to be measured, about eight probes for each part. */
export function groupsOf(variables: readonly Variable[]): Group[] {
  const parts = new Map<string, Variable[]>();
  for (const variable of variables) parts.set(variable.part, [...(parts.get(variable.part) ?? []), variable]);
  const bands = bandsOf(variables);
  return [...parts].flatMap(([part, members]) => {
    const [first] = members;
    if (first === undefined) return [];
    const usual = usualType(first);
    const as = (type: string, band: number | null, tensors: readonly Variable[]): Group => ({ part, band, types: Object.fromEntries(tensors.map(({ name }) => [name, type])) });
    const cells = Array.from({ length: bands.count }, (_, band) => as(usual, band, members.filter((variable) => bands.of(variable) === band))).filter(({ types }) => Object.keys(types).length > 0);
    // The bands together say what the usual type costs.
    const others = partTypes(first).filter((type) => cells.length === 0 || type !== usual);
    return [...others.map((type) => as(type, null, members)), ...cells];
  });
}
