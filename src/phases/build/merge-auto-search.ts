/**
 * The search behind `--merge auto`: which merges are tried, in which order, and which one is kept. Pure decisions over
 * measured losses: no files, no models, no clock, no chance.
 *
 * The starts weigh every adapter alike: task arithmetic (Ilharco et al. 2023), TIES (Yadav et al. 2023), DARE (Yu et al.
 * 2023), RegMean (Jin et al. 2023). From the best of them the weights move on without gradients, which LoraHub (Huang et al. 2024) does with random
 * draws. Here each trial tells the loss of every domain, so that one probe a weight gives the slopes of all shares; then
 * come steps to where these slopes promise most, each correcting them by what it found (Broyden 1965).
 */
import type { MergeSettings } from '../../convert/index.js';
import { TaraError } from '../../errors.js';

export type ByDomain = Readonly<Record<string, number>>;

export interface MergeCandidate {
  readonly merge: MergeSettings;
  readonly weights: ByDomain;
}

/** A merge and what it keeps. */
export interface TriedMerge {
  readonly method: MergeSettings['method'];
  /** density, scale and seed, as far as the method takes them. */
  readonly settings: Omit<MergeSettings, 'method'>;
  readonly weights: ByDomain;
  /** Mean token loss in nats. */
  readonly losses: ByDomain;
  /** (base - merged) / (base - own) of the worst domain: what is left of the gain that a domain's own adapter brings. */
  readonly worstKept: number;
  /** The same of all domains' gains together. */
  readonly meanKept: number;
}

export interface MergeSearch {
  readonly domains: readonly string[];
  /** Losses of the base alone. */
  readonly base: ByDomain;
  /** Loss of each domain under its own adapter alone. */
  readonly own: ByDomain;
  /** Losses of a merge. */
  readonly measure: (candidate: MergeCandidate) => Promise<ByDomain>;
}

interface Trial {
  readonly candidate: MergeCandidate;
  readonly tried: TriedMerge;
  /** Share kept by each domain that is looked at. */
  readonly kept: readonly number[];
}

/** Literature's defaults with the same weight for every adapter; the plain mean comes first. DARE's expected value is the sum's. */
const STARTS: readonly { readonly merge: MergeSettings; readonly weight?: number }[] = [
  { merge: { method: 'linear' } },
  { merge: { method: 'linear' }, weight: 0.4 },
  { merge: { method: 'ties', density: 0.4 }, weight: 1 },
  { merge: { method: 'ties', density: 0.2 }, weight: 1 },
  { merge: { method: 'dare', density: 0.5, seed: 0 }, weight: 0.4 },
  { merge: { method: 'dare-ties', density: 0.5, seed: 0 }, weight: 1 },
  { merge: { method: 'regmean' }, weight: 1 },
];

/** Methods that elect a sign for each element and average, beside those that sum. */
const elects = ({ method }: MergeSettings): boolean => method === 'ties' || method === 'dare-ties';

/** Factor on the weight that is probed: down where the domain has more than the mean, else up. */
const PROBE = 1.6;
/** Steps in each family of methods, the longest (in logarithms of weights), and the one too short to be worth a trial. */
const STEPS = 5;
const FIRST_RADIUS = 0.6;
const LAST_RADIUS = 0.1;

/** The most trials that a search over so many domains takes. */
export const mostTrials = (domains: number): number => STARTS.length + domains + 2 * STEPS;

/** A gain (nats) below which an adapter's own domain cannot tell merges apart. */
const LEAST_GAIN = 0.01;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, value, i) => total + value * (b[i] ?? 0), 0);
const plus = (a: readonly number[], b: readonly number[], factor = 1): number[] => a.map((value, i) => value + factor * (b[i] ?? 0));

/** Three digits: what the table shows is what was built. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** What is looked for: much of all gains in every domain, the worst one counting once more. `parts` are the domains' parts of the gains. */
const valueOf = (kept: readonly number[], parts: readonly number[]): number => kept.length * dot(kept, parts) + Math.min(...kept);

/** The move (logarithms of weights, each within the radius) that lifts `kept + slopes move` most: subgradient steps, the best seen. */
function bestMove(kept: readonly number[], slopes: readonly (readonly number[])[], parts: readonly number[], radius: number): number[] {
  const at = (move: readonly number[]): number[] => kept.map((share, i) => share + dot(slopes[i] ?? [], move));
  const size = slopes[0]?.length ?? 0;
  let move = new Array<number>(size).fill(0);
  let best = { move, value: valueOf(at(move), parts) };
  for (let round = 1; round <= 400; round++) {
    const shares = at(move);
    const worst = slopes[shares.indexOf(Math.min(...shares))] ?? [];
    const up = slopes.reduce((total, slope, i) => plus(total, slope, kept.length * (parts[i] ?? 0)), [...worst]);
    const length = Math.sqrt(dot(up, up));
    if (length === 0) break;
    move = plus(move, up, (2 * radius) / (length * Math.sqrt(round))).map((value) => Math.min(radius, Math.max(-radius, value)));
    const value = valueOf(at(move), parts);
    if (value > best.value) best = { move, value };
  }
  return best.move;
}

/** Slopes that agree with what a move has changed and differ least from what they were. */
function corrected(slopes: readonly (readonly number[])[], move: readonly number[], change: readonly number[]): number[][] {
  const length = dot(move, move);
  return slopes.map((slope, i) => plus(slope, move, ((change[i] ?? 0) - dot(slope, move)) / length));
}

/**
 * Tries the starts, probes each weight of the best one, and steps on from there, then from the best start of the other family.
 * The order of the domains does not matter. Throws TARA_OPTION_INVALID where no adapter gains on its own domain, and what
 * `measure` throws.
 */
export async function searchMerge({ domains, base, own, measure }: MergeSearch): Promise<{ table: TriedMerge[]; chosen: number }> {
  const names = [...domains].sort();
  const gainOf = (name: string): number => (base[name] ?? 0) - (own[name] ?? 0);
  const looked = names.filter((name) => gainOf(name) > LEAST_GAIN);
  if (looked.length === 0) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--merge', reason: 'auto has nothing to choose by: no adapter lowers the loss on the calibration text of its own domain' });
  }
  const gains = sum(looked.map(gainOf));
  const parts = looked.map((name) => gainOf(name) / gains);
  const trials: Trial[] = [];

  const attempt = async (merge: MergeSettings, weightOf: (name: string, index: number) => number): Promise<Trial> => {
    const candidate = { merge, weights: Object.fromEntries(names.map((name, index) => [name, rounded(weightOf(name, index))])) };
    const losses = await measure(candidate);
    const kept = looked.map((name) => ((base[name] ?? 0) - (losses[name] ?? 0)) / gainOf(name));
    const { method, ...settings } = merge;
    const trial = { candidate, kept, tried: { method, settings, weights: candidate.weights, losses, worstKept: Math.min(...kept), meanKept: dot(kept, parts) } };
    trials.push(trial);
    return trial;
  };
  const value = ({ kept }: Trial): number => valueOf(kept, parts);
  const best = (of: readonly Trial[]): Trial => of.reduce((top, trial) => (value(trial) > value(top) ? trial : top));
  /** An average sees only how the weights compare: what all of them grow by goes to its scale. */
  const moved = ({ candidate: { merge, weights } }: Trial, move: readonly number[]): Promise<Trial> => {
    const scale = rounded((merge.scale ?? 1) * Math.exp(sum(move) / move.length));
    return attempt(elects(merge) ? { ...merge, scale } : merge, (name, index) => (weights[name] ?? 0) * Math.exp(move[index] ?? 0));
  };

  for (const { merge, weight } of STARTS) await attempt(merge, () => weight ?? 1 / names.length);

  /** Steps from a trial to where the slopes promise more. */
  const climb = async (start: Trial, known: readonly (readonly number[])[]): Promise<void> => {
    let [from, slopes, radius] = [start, known, FIRST_RADIUS];
    for (let left = STEPS; left > 0 && radius >= LAST_RADIUS; left--) {
      const move = bestMove(from.kept, slopes, parts, radius);
      if (move.every((part) => part === 0)) return;
      const trial = await moved(from, move);
      slopes = corrected(slopes, move, plus(trial.kept, from.kept, -1));
      if (value(trial) > value(from)) from = trial;
      else radius /= 2;
    }
  };

  const centre = best(trials);
  const other = best(trials.filter(({ candidate }) => elects(candidate.merge) !== elects(centre.candidate.merge)));
  const middle = sum(centre.kept) / centre.kept.length;
  const probes: Trial[] = [centre];
  let slopes: number[][] = looked.map(() => []);
  for (const [index, name] of names.entries()) {
    const step = (centre.kept[looked.indexOf(name)] ?? Infinity) > middle ? -Math.log(PROBE) : Math.log(PROBE);
    const probe = await moved(centre, names.map((_, i) => (i === index ? step : 0)));
    slopes = slopes.map((slope, i) => [...slope, ((probe.kept[i] ?? 0) - (centre.kept[i] ?? 0)) / step]);
    probes.push(probe);
  }
  await climb(best(probes), slopes);
  // Shares answer to weights much alike in both families: the other one goes by the same slopes at first.
  await climb(other, slopes);
  return { table: trials.map(({ tried }) => tried), chosen: trials.indexOf(best(trials)) };
}
