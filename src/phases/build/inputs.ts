/** What a build is asked for and what it reads: the phase, its complete domains, the base, how they go together. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultWeight, mergeStep, type MergeSettings } from '../../convert/adapters/merge.js';
import { TaraError } from '../../errors.js';
import { readAdapterConfig } from '../../formats/index.js';
import { preset } from '../../plan/index.js';
import type { Registry } from '../registry/registry.js';
import { isSearched, type CompressionType, type Layout, type MergeName } from '../settings.js';
import type { Domain, Phase } from '../types.js';

export type BuildStep = 'clean' | 'choose merge' | 'plan' | 'choose types' | 'merge and quantize' | 'distil' | 'measure';

/** full: this build, and for comparison the base and each domain's own adapter, quantized alike. */
export const MEASURES = ['full', 'build', 'none'] as const;
export type Measure = (typeof MEASURES)[number];

export interface BuildOptions {
  readonly quantization?: string;
  readonly compressionType?: CompressionType;
  /** Folder or GGUF file; overrides the phase's own. */
  readonly base?: string;
  /** Used when neither the phase nor its adapters name a base (TARA_BASE). */
  readonly defaultBase?: string;
  readonly layout?: Layout;
  /** Of the merged layout. */
  readonly merge?: MergeName;
  /** Of the method, where it takes them; its own values when omitted. */
  readonly density?: number;
  readonly scale?: number;
  readonly seed?: number;
  /** By domain; what the method wants when omitted. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Folder of NAME.jsonl or NAME.txt, lines that merge auto chooses by, regmean learns from, and hybrid, sparse and distilled compression read; a domain without such a file uses its own. */
  readonly calibration?: string;
  /** Of distilled compression, for each model, 20 when omitted; of sparse compression what a file may learn back, the compressor's own when omitted. */
  readonly distillMinutes?: number;
  /** What is measured on the domains' own lines; full when omitted. */
  readonly measure?: Measure;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: BuildStep, fraction: number | null, detail?: string) => void;
}

export interface BuildInputs {
  readonly phase: Phase;
  readonly domains: readonly Domain[];
  readonly base: string;
  readonly layout: Layout;
  /** Null where nothing is merged with anything else. */
  readonly merge: MergeSettings | 'auto' | null;
  /** By domain; empty until auto has chosen. */
  readonly weights: Readonly<Record<string, number>>;
  /** File by domain, for auto, regmean, hybrid, sparse and distilled compression; else empty. */
  readonly calibration: Readonly<Record<string, string>>;
}

async function isPath(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

/** --base, else the phase's, else a local path that an adapter names, else TARA_BASE; TARA_BASE_MISSING when there is none. */
async function findBase(phase: Phase, domains: readonly Domain[], options: BuildOptions): Promise<string> {
  const stated = options.base ?? phase.settings.base;
  if (stated) return stated;
  for (const domain of domains) {
    const { baseModel } = await readAdapterConfig(domain.path);
    if (baseModel !== null && (await isPath(baseModel))) return baseModel;
  }
  if (options.defaultBase) return options.defaultBase;
  throw new TaraError('TARA_BASE_MISSING', { phase: phase.number });
}

const refuse = (option: string, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option, reason });

/** The weight of every domain. */
function weightsOf(domains: readonly Domain[], otherwise: number, stated: Readonly<Record<string, number>> = {}): Record<string, number> {
  for (const name of Object.keys(stated)) {
    if (!domains.some((domain) => domain.name === name)) throw refuse('--weights', `${name} is no complete domain of this phase`);
  }
  const weights = Object.fromEntries(domains.map(({ name }) => [name, stated[name] ?? otherwise]));
  if (Object.values(weights).every((weight) => weight === 0)) throw refuse('--weights', 'every weight is 0: nothing would be merged');
  return weights;
}

/** Compression types that --distill-minutes is for. */
const TAUGHT: readonly CompressionType[] = ['distilled', 'sparse'];

/** Hybrid, sparse and distilled compression read the domains' calibration text. */
const compressionReads = (phase: Phase, { compressionType = phase.settings.compressionType }: BuildOptions): boolean => isSearched(compressionType) || compressionType === 'distilled';

/** Calibration files of a model: its domain's, or all where it is for all. */
export const textsOf = ({ calibration }: Pick<BuildInputs, 'calibration'>, { domain }: { readonly domain: string | null }): string[] =>
  Object.entries(calibration).flatMap(([name, path]) => (domain === null || domain === name ? [path] : []));

function mergeOf(layout: Layout, phase: Phase, domains: readonly Domain[], options: BuildOptions): Pick<BuildInputs, 'merge' | 'weights'> {
  const calibration = compressionReads(phase, options) ? undefined : options.calibration;
  const method = options.merge ?? phase.settings.merge;
  const numbers = { density: options.density, scale: options.scale, seed: options.seed };
  const refuseGiven = (given: Readonly<Record<string, unknown>>, reason: string): void => {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) throw refuse(`--${name}`, reason);
  };
  if (layout !== 'merged') {
    const { merge, weights } = options;
    refuseGiven({ merge, weights, calibration, ...numbers }, `the layout ${layout} merges no adapters with each other`);
    return { merge: null, weights: weightsOf(domains, 1) };
  }
  if (method === 'auto') {
    refuseGiven({ weights: options.weights, ...numbers }, '--merge auto chooses it');
    // With one adapter there is nothing to choose.
    return domains.length === 1 ? { merge: { method: 'linear' }, weights: weightsOf(domains, 1) } : { merge: 'auto', weights: {} };
  }
  if (method !== 'regmean') refuseGiven({ calibration }, 'only --merge auto, --merge regmean, --compression-type hybrid, sparse and distilled read it');
  const settings: MergeSettings = { method, ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) };
  mergeStep(settings);
  return { merge: settings, weights: weightsOf(domains, defaultWeight(method, domains.length), options.weights) };
}

/** Throws TARA_CALIBRATION_MISSING, naming the domains that have none. */
async function findCalibration(phase: Phase, domains: readonly Domain[], folder: string | undefined): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, calibration } of domains) {
    const candidates = [...(folder === undefined ? [] : [join(folder, `${name}.jsonl`), join(folder, `${name}.txt`)]), ...(calibration === null ? [] : [calibration])];
    for (const path of candidates) if (found[name] === undefined && (await isPath(path))) found[name] = path;
  }
  const missing = domains.filter(({ name }) => found[name] === undefined).map(({ name }) => name);
  if (missing.length > 0) throw new TaraError('TARA_CALIBRATION_MISSING', { domains: missing.join(', '), phase: phase.number });
  return found;
}

/** What a build would read; checks everything that can be checked without work, so that a slip of the pen leaves the phase as it is. */
export async function buildInputs(registry: Registry, number: number, options: BuildOptions = {}): Promise<BuildInputs> {
  const phase = registry.phases.get(number);
  const domains = registry.domains.complete(number);
  const layout = options.layout ?? phase.settings.layout;
  const merge = mergeOf(layout, phase, domains, options);
  preset(options.quantization ?? phase.settings.quantization);
  if (options.distillMinutes !== undefined && !TAUGHT.includes(options.compressionType ?? phase.settings.compressionType)) throw refuse('--distill-minutes', `only --compression-type ${TAUGHT.join(' or ')} takes it`);
  if (options.distillMinutes === 0 && (options.compressionType ?? phase.settings.compressionType) === 'distilled') throw refuse('--distill-minutes', 'distilled compression takes some');
  const base = await findBase(phase, domains, options);
  if (!(await isPath(base))) throw new TaraError('TARA_FILE_NOT_FOUND', { path: base });
  const reads = merge.merge === 'auto' || merge.merge?.method === 'regmean' || compressionReads(phase, options);
  const calibration = reads ? await findCalibration(phase, domains, options.calibration) : {};
  return { phase, domains, base, layout, ...merge, calibration };
}
