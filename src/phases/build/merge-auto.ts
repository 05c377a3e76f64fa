/**
 * `--merge auto`: tries merges of a phase's adapters on the domains' calibration text and keeps the one that serves the
 * worst-served domain best. Each trial is a temporary float model: built, measured, removed. Unseen text is never read.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MergeSettings } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import type { Engine, Model } from '../../engine/index.js';
import { LOSS_TOKENS, tokenLoss } from '../../models/index.js';
import type { Pool } from '../../workers/index.js';
import { calibrationTokens, type MergeDomain } from './calibration.js';
import { mostTrials, searchMerge, type ByDomain, type TriedMerge } from './merge-auto-search.js';
import { rewriteAdapters, type RewrittenAdapter } from './merge-regmean.js';
import { withTrialModel } from './trial-model.js';

export interface ChooseMergeInput {
  /** A checkpoint folder or a GGUF file. */
  readonly base: string;
  readonly domains: readonly MergeDomain[];
  readonly engine: Engine;
  readonly pool: Pool;
  /** Where a trial lies while it is measured, and what a merge by regmean is made of. */
  readonly workDir: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The trials done, of the most there can be, and what is tried now. */
  readonly onProgress?: ((fraction: number | null, detail?: string) => void) | undefined;
}

export interface ChosenMerge {
  readonly merge: MergeSettings;
  readonly weights: ByDomain;
  /** Every merge that was tried, in that order. */
  readonly table: readonly TriedMerge[];
  /** The row of the table that was taken. */
  readonly chosen: number;
  /** Where regmean was taken: the adapters to merge in place of the domains' own, in workDir. */
  readonly rewritten: ReadonlyMap<string, RewrittenAdapter> | null;
}

/**
 * The fewest tokens of a domain that a trial is measured on: the error of a share goes with 1 / (gain x root of tokens),
 * so a domain whose adapter gains little takes more, up to all that the base and its own adapter are measured on.
 */
const LEAST_TOKENS = 256;
const TOKENS_AT_GAIN_1 = 256;

/** The score of one sequence. */
interface Scored {
  readonly tokens: number;
  readonly loss: number;
}

const lossOf = (scores: readonly Scored[]): number =>
  scores.reduce((sum, { tokens, loss }) => sum + tokens * loss, 0) / scores.reduce((sum, { tokens }) => sum + tokens, 0);

async function scoresOf(model: Model, sequences: readonly Int32Array[], signal: AbortSignal | undefined): Promise<Scored[]> {
  const scores: Scored[] = [];
  for (const sequence of sequences) {
    const { tokens, meanLoss } = await tokenLoss(model, [sequence], { signal });
    scores.push({ tokens, loss: meanLoss });
  }
  return scores;
}

/** The fewest first items that have so many tokens; all when there are not as many. */
function firstWith(tokens: number, lengths: readonly number[]): number {
  let [count, sum] = [0, 0];
  while (count < lengths.length && sum < tokens) sum += lengths[count++] ?? 0;
  return count;
}

/**
 * Chooses a merge on calibration text. Deterministic: the same files give the same choice, in whatever order the domains
 * are given. Takes one build and one pass over the calibration tokens a trial, mostTrials at most, and about two more for
 * the base and the adapters alone. Rejects with TARA_ABORTED, TARA_CONFIG_INVALID, TARA_OPTION_INVALID and what convert and
 * load reject with; no file is left but the folders that the result names.
 */
export async function chooseMerge(input: ChooseMergeInput): Promise<ChosenMerge> {
  const { base, engine, pool, workDir, threads, signal } = input;
  const tools = { engine, pool, threads, signal };
  const domains = [...input.domains].sort((a, b) => (a.name < b.name ? -1 : 1));
  const builds = 1 + 2 * domains.length + mostTrials(domains.length);
  let built = 0;
  // The base tells how much it can hold.
  let contextSize: number | undefined;
  await mkdir(workDir, { recursive: true });
  const newFolders = join(workDir, 'regmean');
  let rewritten: ReadonlyMap<string, RewrittenAdapter> | undefined;

  /** Builds the base with these adapters as a temporary file and hands it to `use`. */
  const trial = async <T>(told: string, weights: ByDomain, merge: MergeSettings | undefined, use: (model: Model) => Promise<T>): Promise<T> => {
    input.onProgress?.(built / builds, told);
    const path = join(workDir, `trial-${++built}.gguf`);
    const folder = ({ name, dir }: MergeDomain): string => (merge?.method === 'regmean' ? rewritten?.get(name)?.dir : undefined) ?? dir;
    const adapters = domains.flatMap((domain) => (Object.hasOwn(weights, domain.name) ? [{ dir: folder(domain), weight: weights[domain.name] ?? 0 }] : []));
    return withTrialModel({ base, adapters, merge, path, contextSize }, tools, use);
  };

  const sequences: Record<string, Int32Array[]> = {};
  const baseScores: Record<string, Scored[]> = {};
  await trial('the base', {}, undefined, async (model) => {
    contextSize = Math.min(LOSS_TOKENS, model.info.contextSize);
    for (const domain of domains) {
      sequences[domain.name] = await calibrationTokens(model, domain, signal);
      baseScores[domain.name] = await scoresOf(model, sequences[domain.name] ?? [], signal);
    }
  });
  const baseLosses: Record<string, number> = {};
  const own: Record<string, number> = {};
  for (const { name } of domains) {
    const scores = await trial(`${name} alone`, { [name]: 1 }, undefined, (model) => scoresOf(model, sequences[name] ?? [], signal));
    const before = baseScores[name] ?? [];
    const gain = Math.max(0, lossOf(before) - lossOf(scores));
    const count = firstWith(Math.max(LEAST_TOKENS, TOKENS_AT_GAIN_1 / gain ** 2), scores.map(({ tokens }) => tokens));
    sequences[name] = (sequences[name] ?? []).slice(0, count);
    baseLosses[name] = lossOf(before.slice(0, count));
    own[name] = lossOf(scores.slice(0, count));
  }
  const losses = async (model: Model): Promise<ByDomain> => {
    const all: Record<string, number> = {};
    for (const { name } of domains) all[name] = lossOf(await scoresOf(model, sequences[name] ?? [], signal));
    return all;
  };

  let taken: MergeSettings['method'] | undefined;
  try {
    const before = built;
    rewritten = await rewriteAdapters({ ...tools, base, domains, workDir: newFolders, onProgress: (part, told) => input.onProgress?.((before + part * domains.length) / builds, told) });
    built += domains.length;
    const { table, chosen } = await searchMerge({
      domains: domains.map(({ name }) => name),
      base: baseLosses,
      own,
      measure: ({ merge, weights }) => trial(describe(merge, weights), weights, merge, losses),
    });
    const kept = table[chosen];
    if (!kept) throw new TaraError('TARA_INTERNAL', { reason: 'no merge was tried' });
    taken = kept.method;
    return { merge: { method: kept.method, ...kept.settings }, weights: kept.weights, table, chosen, rewritten: taken === 'regmean' ? rewritten : null };
  } finally {
    if (taken !== 'regmean') await rm(newFolders, { recursive: true, force: true });
  }
}

/** `ties (density 0.4, scale 1): business 1.2, creative 0.8` */
function describe({ method, ...settings }: MergeSettings, weights: ByDomain): string {
  const list = (values: object): string => Object.entries(values).map(([name, value]) => `${name} ${String(value)}`).join(', ');
  const numbers = list(settings);
  return `${method}${numbers === '' ? '' : ` (${numbers})`}: ${list(weights)}`;
}
