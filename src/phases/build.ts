/** The factory: a phase's complete domains merged into one GGUF, recorded in the registry whatever happens. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { convert, type ConvertReport } from '../convert/index.js';
import { asTaraError, TaraError } from '../errors.js';
import { readAdapter } from '../formats/index.js';
import type { Engine } from '../engine/index.js';
import type { Compressor } from '../kernel/capabilities.js';
import type { HookCaller } from '../kernel/services.js';
import { domainLoss, readLossItems, type DomainLoss } from '../models/index.js';
import { preset } from '../plan/index.js';
import { sharedPool, type Pool } from '../workers/index.js';
import { phaseMetadata } from './build-metadata.js';
import { chooseTypes, type TypeChoice } from './build-types.js';
import type { Registry } from './registry.js';
import type { CompressionType } from './settings.js';
import type { Build, Domain, Phase } from './types.js';

export interface BuildServices {
  readonly registry: Registry;
  readonly hooks: HookCaller;
  /** Absent where no plugin provides it: presets still build. */
  readonly compressor: Compressor | undefined;
  /** Measures the built file on the domains' own lines; without one nothing is measured. */
  readonly engine?: Engine | undefined;
  /** Settings that go into the file's metadata for whoever answers from it. */
  readonly settings?: { readonly router?: unknown; readonly emotion?: unknown };
  readonly pool?: Pool;
}

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

export type BuildStep = 'clean' | 'plan' | 'merge and quantize' | 'measure';

export interface BuildReport {
  readonly build: number;
  readonly phase: number;
  readonly output: string;
  readonly bytes: number;
  /** The preset that was written; a budget may have chosen another one than was asked for. */
  readonly type: string;
  /** Why another preset was written, one line each. */
  readonly evidence: readonly string[];
  /** Tensors of each ggml type. */
  readonly types: Readonly<Record<string, number>>;
  /** Output bytes / bytes of the base's weights. */
  readonly ratio: number;
  readonly domains: readonly string[];
  readonly weights: Readonly<Record<string, number>>;
  /** Cleaning, planning, merging and writing; measuring is not part of it. */
  readonly seconds: number;
  readonly planSeconds: number;
  readonly runSeconds: number;
  readonly peakRssBytes: number;
  /** Mean token loss (nats) of the built file on the unseen lines of each domain that has some; null when none has. */
  readonly quality: { readonly domainLoss: Readonly<Record<string, DomainLoss>>; readonly seconds: number } | null;
}

export interface BuildInputs {
  readonly phase: Phase;
  readonly domains: readonly Domain[];
  readonly base: string;
  readonly weights: Readonly<Record<string, number>>;
}

/** Peak resident memory of this process, in bytes. */
export const peakRss = (): number => process.resourceUsage().maxRSS * 1024;

/** Tokens of an item that are measured at most. */
const MEASURED_CONTEXT = 2048;

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

/** Lets plugins replace each domain's adapter by a checked, cleaned copy. */
async function cleanAdapters(inputs: BuildInputs, workDir: string, services: BuildServices, options: BuildOptions): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const [index, domain] of inputs.domains.entries()) {
    options.onProgress?.('clean', index / inputs.domains.length, domain.name);
    const cleaned = await services.hooks.waterfall(
      'phase:clean',
      { phase: inputs.phase.number, domain: domain.name, path: domain.path, baseDir: inputs.base, workDir: join(workDir, domain.name), reports: [] },
      options.signal ? { signal: options.signal } : {},
    );
    paths.set(domain.name, cleaned.path);
  }
  return paths;
}

async function baseBytes(base: string): Promise<number> {
  const found = await stat(base);
  if (found.isFile()) return found.size;
  const { readCheckpoint } = await import('../formats/index.js');
  return (await readCheckpoint(base)).shards.reduce((sum, { size }) => sum + size, 0);
}

async function run(build: Build, inputs: BuildInputs, services: BuildServices, options: BuildOptions): Promise<{ converted: ConvertReport; output: string; choice: TypeChoice }> {
  const workDir = join(build.folder, 'work');
  const paths = await cleanAdapters(inputs, workDir, services, options);
  options.onProgress?.('plan', null);
  const adapters = inputs.domains.map(({ name, path }) => ({ dir: paths.get(name) ?? path, weight: inputs.weights[name] ?? 0 }));
  const pool = services.pool ?? sharedPool();
  const metadata = await phaseMetadata({ inputs, adapters, settings: services.settings ?? {}, pool, signal: options.signal });
  const choice = await chooseTypes(inputs, build, services.compressor, { pool, signal: options.signal });
  const output = join(build.folder, `phase-${inputs.phase.number}-${choice.preset}.gguf`);
  services.registry.builds.compressing(build.id);
  const converted = await convert(
    { base: inputs.base, adapters, outputs: [{ id: 'phase', path: output, type: choice.preset }], metadata },
    {
      threads: options.threads,
      signal: options.signal,
      pool,
      onProgress: ({ bytesRead, bytesTotal, tensor }) => options.onProgress?.('merge and quantize', bytesTotal > 0 ? bytesRead / bytesTotal : null, tensor),
    },
  );
  return { converted, output, choice };
}

async function measureQuality(inputs: BuildInputs, output: string, services: BuildServices, options: BuildOptions): Promise<BuildReport['quality']> {
  const texts = inputs.domains.flatMap(({ name, text }) => (text === null ? [] : [{ name, text }]));
  if (!services.engine || texts.length === 0) return null;
  const started = performance.now();
  const model = await services.engine.load(output, { slots: 1, contextSize: MEASURED_CONTEXT, threads: options.threads, signal: options.signal });
  try {
    const losses: Record<string, DomainLoss> = {};
    for (const [index, { name, text }] of texts.entries()) {
      options.onProgress?.('measure', index / texts.length, name);
      losses[name] = await domainLoss(model, await readLossItems(text), options.signal);
    }
    return { domainLoss: losses, seconds: (performance.now() - started) / 1000 };
  } finally {
    await model.dispose();
  }
}

/** Builds a phase. The registry has the build as running, then as good or failed; a failure removes its files. */
export async function buildPhase(services: BuildServices, number: number, options: BuildOptions = {}): Promise<BuildReport> {
  const { registry } = services;
  const started = performance.now();
  const inputs = await buildInputs(registry, number, options);
  const build = registry.builds.start(number, {
    ...(options.quantization ? { quantization: options.quantization } : {}),
    ...(options.compressionType ? { compressionType: options.compressionType } : {}),
  });
  try {
    const { converted, output, choice } = await run(build, inputs, services, options);
    const file = converted.files[0];
    if (!file) throw new TaraError('TARA_INTERNAL', { reason: 'the plan wrote no file' });
    const seconds = (performance.now() - started) / 1000;
    const quality = await measureQuality(inputs, output, services, options);
    const report: BuildReport = {
      build: build.id,
      phase: number,
      output,
      bytes: file.bytes,
      type: choice.preset,
      evidence: choice.evidence,
      types: file.types,
      ratio: file.bytes / (await baseBytes(inputs.base)),
      domains: inputs.domains.map(({ name }) => name),
      weights: inputs.weights,
      seconds,
      planSeconds: converted.planSeconds,
      runSeconds: converted.runSeconds,
      peakRssBytes: peakRss(),
      quality,
    };
    registry.builds.finish(build.id, {
      output, bytes: report.bytes, seconds: report.seconds, peakRssBytes: report.peakRssBytes, ratio: report.ratio,
      ...(quality ? { quality } : {}),
      report: { domains: report.domains, weights: report.weights, types: report.types, base: inputs.base },
    });
    void services.hooks.observe('phase:built', { phase: number, domains: report.domains, output, bytes: report.bytes, type: report.type, seconds: report.seconds });
    return report;
  } catch (thrown) {
    const error = asTaraError(thrown);
    registry.builds.fail(build.id, `${error.code}: ${error.message}`);
    throw error;
  }
}
