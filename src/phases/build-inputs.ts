/** What a build is asked for and what it reads: the phase, its complete domains with their weights, the base. */
import { stat } from 'node:fs/promises';
import { TaraError } from '../errors.js';
import { readAdapter } from '../formats/index.js';
import { preset } from '../plan/index.js';
import type { Registry } from './registry.js';
import type { CompressionType } from './settings.js';
import type { Domain, Phase } from './types.js';

export type BuildStep = 'clean' | 'plan' | 'merge and quantize' | 'measure';

export interface BuildOptions {
  readonly quantization?: string;
  readonly compressionType?: CompressionType;
  /** Folder or GGUF file; overrides the phase's own. */
  readonly base?: string;
  /** Used when neither the phase nor its adapters name a base (TARA_BASE). */
  readonly defaultBase?: string;
  /** By domain; 1 / number of domains when omitted. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: BuildStep, fraction: number | null, detail?: string) => void;
}

export interface BuildInputs {
  readonly phase: Phase;
  readonly domains: readonly Domain[];
  readonly base: string;
  readonly weights: Readonly<Record<string, number>>;
}

async function isPath(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

/** --base, else the phase's, else a local path that an adapter names, else TARA_BASE; TARA_BASE_MISSING when there is none. */
async function findBase(phase: Phase, domains: readonly Domain[], options: BuildOptions): Promise<string> {
  const stated = options.base ?? phase.settings.base;
  if (stated) return stated;
  for (const domain of domains) {
    const { config } = await readAdapter(domain.path);
    if (config.baseModel !== null && (await isPath(config.baseModel))) return config.baseModel;
  }
  if (options.defaultBase) return options.defaultBase;
  throw new TaraError('TARA_BASE_MISSING', { phase: phase.number });
}

function weightsOf(domains: readonly Domain[], stated: Readonly<Record<string, number>> = {}): Record<string, number> {
  for (const name of Object.keys(stated)) {
    if (!domains.some((domain) => domain.name === name)) {
      throw new TaraError('TARA_OPTION_INVALID', { option: '--weights', reason: `${name} is no complete domain of this phase` });
    }
  }
  const weights = Object.fromEntries(domains.map(({ name }) => [name, stated[name] ?? 1 / domains.length]));
  if (Object.values(weights).every((weight) => weight === 0)) throw new TaraError('TARA_OPTION_INVALID', { option: '--weights', reason: 'every weight is 0: nothing would be merged' });
  return weights;
}

/** What a build would read; checks everything that can be checked without work, so that a slip of the pen leaves the phase as it is. */
export async function buildInputs(registry: Registry, number: number, options: BuildOptions = {}): Promise<BuildInputs> {
  const phase = registry.phases.get(number);
  const domains = registry.domains.complete(number);
  const weights = weightsOf(domains, options.weights);
  preset(options.quantization ?? phase.settings.quantization);
  const base = await findBase(phase, domains, options);
  if (!(await isPath(base))) throw new TaraError('TARA_FILE_NOT_FOUND', { path: base });
  return { phase, domains, base, weights };
}
