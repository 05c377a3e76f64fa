/**
 * Local search on measurements. A trial makes one group of tensors, a part or a zone of layers, count more or less than the
 * fitted model says, and lets the allocation swap types between that group and the others within the same bytes. It stands
 * when the whole file's divergence on text that no factor was fitted to is smaller.
 */

import { Allocation, type Costs } from './allocate.js';
import type { Measured, Measure, Types, Variable } from './world.js';

/** Factor on the predicted cost of each group that a trial changed. */
export type Learned = Readonly<Record<string, number>>;

export interface Refined {
  readonly types: Types;
  readonly learned: Learned;
  /** How many were measured. */
  readonly trials: number;
}

export interface RefineOptions {
  readonly variables: readonly Variable[];
  readonly costs: Costs;
  /** Bytes of the variables. */
  readonly budget: number;
  readonly measure: Measure;
  readonly start: Learned;
  /** At most so many trials. */
  readonly trials: number;
  readonly signal?: AbortSignal | undefined;
  readonly onTrial?: (trial: number, detail: string) => void;
}

const ZONES = 5;
/** Trials of a group: less, or more, than it counted. */
const FACTORS = [1.6, 1 / 1.6] as const;

interface Zone {
  readonly name: string;
  has(variable: Variable): boolean;
}

/** Parts by their bytes, then zones of neighbouring layers. */
function zonesOf(variables: readonly Variable[]): Zone[] {
  const bytes = new Map<string, number>();
  for (const { part, candidates } of variables) bytes.set(part, (bytes.get(part) ?? 0) + (candidates[0]?.bytes ?? 0));
  const parts = [...bytes].sort((a, b) => b[1] - a[1]).map(([part]): Zone => ({ name: part, has: (variable) => variable.part === part }));
  const layers = variables.reduce((most, { layer }) => Math.max(most, (layer ?? -1) + 1), 0);
  const count = Math.min(ZONES, layers);
  const zones = Array.from({ length: count }, (_, index): Zone => ({
    name: `layers ${Math.ceil((index * layers) / count)}..${Math.ceil(((index + 1) * layers) / count) - 1}`,
    has: ({ layer }) => layer !== null && Math.floor((layer * count) / layers) === index,
  }));
  return parts.length + zones.length > 1 ? [...parts, ...zones] : [];
}

/** The costs as the learned factors change them. */
export function learnedCosts(variables: readonly Variable[], costs: Costs, learned: Learned): Costs {
  const zones = zonesOf(variables).filter(({ name }) => learned[name] !== undefined);
  return new Map(variables.map((variable) => {
    const factor = zones.reduce((product, zone) => product * (zone.has(variable) ? (learned[zone.name] ?? 1) : 1), 1);
    return [variable.name, (costs.get(variable.name) ?? []).map((cost) => cost * factor)];
  }));
}

/** Never worse, on the accepting sample, than the allocation that it starts from; null when not even the smallest types fit. */
export async function refine({ variables, costs, budget, measure, start, trials, signal, onTrial }: RefineOptions): Promise<Refined | null> {
  const allocate = async (learned: Learned): Promise<Types | null> => (await Allocation.solve(variables, learnedCosts(variables, costs, learned), signal)).within(budget);
  const first = await allocate(start);
  if (!first || trials === 0) return first && { types: first, learned: start, trials: 0 };
  let best: { types: Types; measured: Measured; learned: Learned } = { types: first, measured: await measure(first, 'accept'), learned: start };
  const zones = zonesOf(variables);
  let trial = 0;
  // A round without any better trial ends the search: the same trials would come again.
  for (let improved = true; improved && trial < trials;) {
    improved = false;
    for (const zone of zones) {
      for (const factor of FACTORS) {
        if (trial >= trials) break;
        const learned = { ...best.learned, [zone.name]: (best.learned[zone.name] ?? 1) * factor };
        const types = await allocate(learned);
        if (!types || same(types, best.types)) continue;
        trial += 1;
        onTrial?.(trial, `${zone.name} ${factor > 1 ? 'counts more' : 'counts less'}`);
        const measured = await measure(types, 'accept');
        if (measured.kld >= best.measured.kld) continue;
        best = { types, measured, learned };
        improved = true;
        break;
      }
    }
  }
  return { types: best.types, learned: best.learned, trials: trial };
}

const same = (a: Types, b: Types): boolean => Object.entries(a).every(([name, type]) => b[name] === type);
