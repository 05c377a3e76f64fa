/**
 * How much a rounding error of a tensor costs in KL divergence. Near the unquantized model the divergence is quadratic in
 * the weights' errors, and errors of different tensors add up; so the cost of a tensor as a type is modelled as
 *   (factor of its part in its layer) x (factor of the type in that part) x (its weighted error).
 * The first factors come from the measured divergence of each part in each band of layers, those of the layers in between
 * from their neighbours; the second from that of the whole part as other types.
 */

import type { Costs } from './allocate.js';
import { bandsOf, blockOf, usualType, type Bands, type Group } from './groups.js';
import type { Variable } from './world.js';

/** What was measured of a group: the divergence that its tensors add as its types. */
export interface Effect {
  readonly group: Group;
  /** Above that of the anchor, in nats. */
  readonly kld: number;
}

export interface Sensitivity {
  /** By part, then by band of layers: KL divergence for each unit of weighted error as the usual type. A part outside the layers has one. */
  readonly factors: Readonly<Record<string, readonly number[]>>;
  /** By part, then by type: what an error counts in place of one of the usual type. */
  readonly types: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A small effect may come out at or below zero, as it is the difference of two measurements: no band counts less than this share of its part's mean. */
const LEAST_SHARE = 0.05;
const LEAST_EFFECT = 1e-7;

const errorAs = ({ candidates }: Variable, type: string): number => candidates.find((candidate) => candidate.type === type)?.error ?? 0;
const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);

function partsOf(variables: readonly Variable[]): Map<string, Variable[]> {
  const parts = new Map<string, Variable[]>();
  for (const variable of variables) parts.set(variable.part, [...(parts.get(variable.part) ?? []), variable]);
  return parts;
}

/** Geometric between the middles of neighbouring bands, then scaled so that each band as a whole keeps its measured cost. */
function layerFactors(members: readonly Variable[], factors: readonly number[], bands: Bands): number[] {
  const smooth = members.map(({ layer }) => {
    if (layer === null) return factors[0] ?? 0;
    const above = bands.middles.findIndex((middle) => middle >= layer);
    const [low, high] = above <= 0 ? [above < 0 ? factors.length - 1 : 0, above < 0 ? factors.length - 1 : 0] : [above - 1, above];
    const [from = 0, to = 0] = [bands.middles[low], bands.middles[high]];
    const place = to > from ? (layer - from) / (to - from) : 0;
    return (factors[low] ?? 0) ** (1 - place) * (factors[high] ?? 0) ** place;
  });
  const usual = members.map((variable) => errorAs(variable, usualType(variable)));
  return members.map((variable, index) => {
    const band = bands.of(variable);
    const own = members.map((_, other) => other).filter((other) => bands.of(members[other] ?? variable) === band);
    const [wanted, made] = [(factors[band ?? 0] ?? 0) * sum(own, (other) => usual[other] ?? 0), sum(own, (other) => (usual[other] ?? 0) * (smooth[other] ?? 0))];
    return (smooth[index] ?? 0) * (made > 0 ? wanted / made : 1);
  });
}

/** Fits the factors to the effects. */
export function fitSensitivity(variables: readonly Variable[], effects: readonly Effect[]): Sensitivity {
  const bands = bandsOf(variables);
  const factors: Record<string, number[]> = {};
  const types: Record<string, Record<string, number>> = {};
  for (const [part, members] of partsOf(variables)) {
    const own = effects.filter(({ group }) => group.part === part);
    const layered = members.some(({ layer }) => layer !== null);
    const inBand = (band: number): Variable[] => (layered ? members.filter((variable) => bands.of(variable) === band) : members);
    const errors = (tensors: readonly Variable[]): number => sum(tensors, (variable) => errorAs(variable, usualType(variable)));
    const costs = Array.from({ length: layered ? bands.count : 1 }, (_, band) => {
      const usual = members[0] && usualType(members[0]);
      const effect = own.find(({ group }) => (layered ? group.band === band : Object.values(group.types)[0] === usual));
      return { kld: Math.max(effect?.kld ?? 0, 0), error: errors(inBand(band)) };
    });
    const mean = Math.max(sum(costs, ({ kld }) => kld), LEAST_EFFECT) / Math.max(sum(costs, ({ error }) => error), Number.MIN_VALUE);
    factors[part] = costs.map(({ kld, error }) => Math.max(error > 0 ? kld / error : 0, LEAST_SHARE * mean));
    const layers = layerFactors(members, factors[part], bands);
    types[part] = Object.fromEntries(own.flatMap(({ group, kld }) => {
      const [type] = Object.values(group.types);
      const predicted = type === undefined || group.band !== null ? 0 : members.reduce((total, variable, index) => total + (layers[index] ?? 0) * errorAs(variable, type), 0);
      return type !== undefined && predicted > 0 ? [[type, Math.max(kld, LEAST_EFFECT) / predicted]] : [];
    }));
    const usual = members[0] && usualType(members[0]);
    if (usual !== undefined) types[part][usual] ??= 1;
  }
  return { factors, types };
}

interface MeasuredType {
  readonly type: string;
  /** Of the part as that type. */
  readonly error: number;
  readonly factor: number;
}

/** The factor of a type that was not measured lies between those of the types with the next larger and smaller errors. */
function factorAt(measured: readonly MeasuredType[], type: string, error: number): number {
  const exact = measured.find((one) => one.type === type);
  if (exact) return exact.factor;
  // Blocks of 256 values round the activations otherwise than blocks of 32.
  const alike = measured.filter((one) => blockOf(one.type) === blockOf(type));
  const sorted = (alike.length > 0 ? alike : [...measured]).sort((a, b) => a.error - b.error);
  const above = sorted.find((one) => one.error >= error);
  const below = sorted.filter((one) => one.error <= error).at(-1);
  if (!above || !below || above.error <= below.error || below.error <= 0) return (above ?? below)?.factor ?? 1;
  const place = Math.log(error / below.error) / Math.log(above.error / below.error);
  return below.factor ** (1 - place) * above.factor ** place;
}

/** Predicted KL divergence of each candidate of each variable, in their order. */
export function predictedCosts(variables: readonly Variable[], { factors, types }: Sensitivity): Costs {
  const bands = bandsOf(variables);
  const costs = new Map<string, readonly number[]>();
  for (const [part, members] of partsOf(variables)) {
    const errorOf = (type: string): number => sum(members, (variable) => errorAs(variable, type));
    const measured = Object.entries(types[part] ?? {}).map(([type, factor]) => ({ type, factor, error: errorOf(type) }));
    const byType = new Map((members[0]?.candidates ?? []).map(({ type }) => [type, factorAt(measured, type, errorOf(type))]));
    const layers = layerFactors(members, factors[part] ?? [], bands);
    members.forEach(({ name, candidates }, index) => costs.set(name, candidates.map(({ type, error }) => (layers[index] ?? 0) * (byType.get(type) ?? 1) * error)));
  }
  return costs;
}
