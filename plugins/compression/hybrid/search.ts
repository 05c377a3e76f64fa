/**
 * The search for a mix of types, over an interface that a test can fake: measure groups, fit what an error costs, allocate
 * bytes, try swaps on text of their own, and judge the result against the preset on text that nothing was chosen by.
 */

import { TaraError } from 'tara-gguf/plugin';
import { Allocation, type Costs } from './allocate.js';
import { layerOf } from './candidates.js';
import { anchorTypes, groupsOf, type Group } from './groups.js';
import { learnedCosts, refine, type Learned } from './refine.js';
import { fitSensitivity, predictedCosts, type Effect, type Sensitivity } from './sensitivity.js';
import { bytesOf, type Measure, type Measured, type Progress, type Rounding, type Types, type Variable } from './world.js';

/** What a file must reach: the smallest that does is wanted. */
export interface Goal {
  /** Share of tokens with the same most likely successor. */
  readonly agreement?: number | undefined;
  /** Mean KL divergence, in nats. */
  readonly kld?: number | undefined;
}

export interface SearchInput {
  readonly variables: readonly Variable[];
  readonly measure: Measure;
  /** The preset's type of each variable, which may be none of its candidates, and the bytes of its file. */
  readonly preset: { readonly types: Types; readonly bytes: number };
  /** Bytes of the file that no type changes: header, vectors, padding. */
  readonly fixedBytes: number;
  /** Bytes of the whole file at most; Infinity where only the goal counts. */
  readonly budget: number;
  readonly goal?: Goal | undefined;
  /** Added to each candidate's predicted divergence: what its time is worth. */
  readonly priceOfTime?: Costs | undefined;
  /** What an earlier search with another budget learned. */
  readonly learned?: Learned | undefined;
  /** Measured trials at most. */
  readonly trials: number;
  /** Whether mixes can be rounded with error feedback. */
  readonly feedback: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

export interface SearchResult {
  readonly chosen: 'mix' | 'preset';
  readonly types: Types;
  /** Of the whole file. */
  readonly bytes: number;
  /** How it is to be rounded: a preset is plain, a mix as it measured better. */
  readonly rounding: Rounding;
  /** On the verdict sample. */
  readonly measured: Measured;
  /** The mix on the same sample, rounded either way. */
  readonly mixes: Readonly<Partial<Record<Rounding, Measured>>>;
  /** On the same sample; a preset that is larger than the budget is measured, but no choice. */
  readonly preset: { readonly bytes: number; readonly measured: Measured };
  readonly sensitivity: Sensitivity;
  readonly learned: Learned;
  readonly trials: number;
}

const ROUNDINGS: readonly Rounding[] = ['feedback', 'plain'];
/** Budgets that are measured to find the smallest file that reaches a goal: it is then within 1 % of the range. */
const BISECTIONS = 7;

const reaches = ({ agreement, kld }: Goal, measured: Measured): boolean =>
  (agreement === undefined || measured.agreement >= agreement) && (kld === undefined || measured.kld <= kld);

async function sensitivityOf(variables: readonly Variable[], measure: Measure, tell: (share: number, detail: string) => void): Promise<Sensitivity> {
  const groups = groupsOf(variables);
  const anchor = anchorTypes(variables);
  const { kld: least } = await measure(anchor, 'probe');
  const effects: Effect[] = [];
  for (const group of groups) {
    tell(effects.length / groups.length, nameOf(group));
    effects.push({ group, kld: (await measure({ ...anchor, ...group.types }, 'probe')).kld - least });
  }
  return fitSensitivity(variables, effects);
}

const nameOf = ({ part, band, types }: Group): string =>
  [`${part} as ${Object.values(types)[0] ?? ''}`, ...(band === null ? [] : [`in layers ${layersIn(types)}`])].join(' ');
function layersIn(types: Types): string {
  const layers = Object.keys(types).map((name) => layerOf(name) ?? 0);
  return `${Math.min(...layers)} to ${Math.max(...layers)}`;
}

const sum = (a: Costs, b: Costs | undefined): Costs => (b === undefined ? a : new Map([...a].map(([name, costs]) => [name, costs.map((cost, index) => cost + (b.get(name)?.[index] ?? 0))])));

/** The smallest budget whose file reaches the goal on the accepting sample. Throws TARA_QUALITY_UNREACHED. */
async function smallest(input: SearchInput, costs: Costs, goal: Goal, most: number, tell: (share: number, detail: string) => void): Promise<number> {
  const { variables, measure, learned = {}, signal } = input;
  const allocation = await Allocation.solve(variables, learnedCosts(variables, costs, learned), signal);
  const measuredAt = async (bytes: number): Promise<Measured | null> => {
    const types = allocation.within(bytes);
    return types && measure(types, 'accept');
  };
  let [low, high] = [allocation.least, Math.min(most, allocation.most)];
  const best = await measuredAt(high);
  if (!best || !reaches(goal, best)) {
    const wanted = [...(goal.agreement === undefined ? [] : [`${(goal.agreement * 100).toFixed(1)} % agreement`]), ...(goal.kld === undefined ? [] : [`KL divergence ${goal.kld}`])].join(' and ');
    throw new TaraError('TARA_QUALITY_UNREACHED', { wanted, agreement: best ? Number((best.agreement * 100).toFixed(1)) : 0, kld: best ? Number(best.kld.toPrecision(3)) : 0, bytes: high + input.fixedBytes });
  }
  for (let step = 0; step < BISECTIONS; step += 1) {
    const middle = Math.floor((low + high) / 2);
    tell(step / BISECTIONS, `the smallest file: ${middle + input.fixedBytes} bytes`);
    const measured = await measuredAt(middle);
    if (measured && reaches(goal, measured)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The best file found within the budget, or the smallest that reaches the goal. Never larger than the budget; the preset
 * where that fits and measures better. Throws TARA_TARGET_SIZE, TARA_QUALITY_UNREACHED and what `measure` throws.
 */
export async function search(input: SearchInput): Promise<SearchResult> {
  const { variables, measure, preset, fixedBytes, budget, goal, priceOfTime, trials, feedback, signal } = input;
  const tell = (from: number, to: number) => (share: number, detail: string): void => input.onProgress?.(from + (to - from) * share, detail);
  const least = variables.reduce((total, { candidates }) => total + (candidates[0]?.bytes ?? 0), fixedBytes);
  const unreachable = new TaraError('TARA_TARGET_SIZE', { budget, bytes: least });
  if (least > budget) throw unreachable;
  const sensitivity = await sensitivityOf(variables, measure, tell(0, 0.55));
  const costs = sum(predictedCosts(variables, sensitivity), priceOfTime);
  const room = budget - fixedBytes;
  const within = goal === undefined ? room : await smallest(input, costs, goal, room, tell(0.55, 0.65));
  const refined = await refine({
    variables, costs, budget: within, measure, start: input.learned ?? {}, trials, signal,
    onTrial: (trial, detail) => tell(0.65, 0.9)(trial / trials, detail),
  });
  if (!refined) throw unreachable;
  input.onProgress?.(0.9, 'the verdict');
  const mixes: Partial<Record<Rounding, Measured>> = {};
  for (const rounding of feedback ? ROUNDINGS : ROUNDINGS.slice(1)) mixes[rounding] = await measure(refined.types, 'verdict', rounding);
  const best = ROUNDINGS.flatMap((rounding) => { const measured = mixes[rounding]; return measured ? [{ rounding, measured }] : []; }).reduce((a, b) => (b.measured.kld < a.measured.kld ? b : a));
  const mix = { types: refined.types, bytes: fixedBytes + bytesOf(variables, refined.types), ...best };
  input.onProgress?.(0.96, 'the verdict on the preset');
  const stock = { ...preset, rounding: 'plain' as const, measured: await measure(preset.types, 'verdict', 'plain') };
  const wins = goal === undefined && stock.bytes <= budget && stock.measured.kld <= mix.measured.kld;
  const { learned } = refined;
  return { chosen: wins ? 'preset' : 'mix', ...(wins ? stock : mix), mixes, preset: { bytes: stock.bytes, measured: stock.measured }, sensitivity, learned, trials: refined.trials };
}
