/** The factory: a phase's complete domains merged into one GGUF, recorded in the registry whatever happens. */
import { stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { convert, type ConvertReport } from '../convert/index.js';
import { asTaraError, TaraError } from '../errors.js';
import type { Engine } from '../engine/index.js';
import type { Compressor } from '../kernel/capabilities.js';
import type { HookCaller } from '../kernel/services.js';
import { sharedPool, type Pool } from '../workers/index.js';
import { buildInputs, type BuildInputs, type BuildOptions } from './build-inputs.js';
import { phaseMetadata } from './build-metadata.js';
import { measureQuality, type BuildQuality } from './build-quality.js';
import { chooseTypes, type TypeChoice } from './build-types.js';
import type { Registry } from './registry.js';
import type { Build } from './types.js';

export interface BuildServices {
  readonly registry: Registry;
  readonly hooks: HookCaller;
  /** Absent where no plugin provides it: presets still build. */
  readonly compressor: Compressor | undefined;
  /** Measures the built file on the domains' own lines; without one nothing is measured. */
  readonly engine?: Engine | undefined;
  readonly pool?: Pool;
}

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
  readonly quality: BuildQuality | null;
}

/** Peak resident memory of this process, in bytes. */
export const peakRss = (): number => process.resourceUsage().maxRSS * 1024;

/** Lets plugins replace each domain's adapter by a checked, cleaned copy. */
async function cleanAdapters(inputs: BuildInputs, workDir: string, services: BuildServices, options: BuildOptions): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const [index, domain] of inputs.domains.entries()) {
    options.onProgress?.('clean', index / inputs.domains.length, domain.name);
    const cleaned = await services.hooks
      .waterfall(
        'phase:clean',
        { phase: inputs.phase.number, domain: domain.name, path: domain.path, baseDir: inputs.base, workDir: join(workDir, domain.name), reports: [] },
        options.signal ? { signal: options.signal } : {},
      )
      .catch((thrown: unknown) => {
        // What is wrong with the adapter matters to the user, not which hook found it.
        throw thrown instanceof TaraError && thrown.cause instanceof TaraError ? thrown.cause : thrown;
      });
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
  const metadata = await phaseMetadata({ inputs, adapters, hooks: services.hooks, pool, signal: options.signal });
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

/** A cleaned copy goes with the build: what is wrong with it is told of the adapter that it was made from. */
function toldOfOriginal(error: TaraError, domains: BuildInputs['domains'], workDir: string): TaraError {
  const { path } = error.fields;
  const domain = typeof path === 'string' ? domains.find(({ name }) => path.startsWith(join(workDir, name) + sep)) : undefined;
  return domain ? new TaraError(error.code, { ...error.fields, path: domain.path }, { cause: error }) : error;
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
    const quality = await measureQuality(inputs, output, services.engine, options);
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
      ...(quality ? { quality: { ...quality } } : {}),
      report: { domains: report.domains, weights: report.weights, types: report.types, base: inputs.base },
    });
    void services.hooks.observe('phase:built', { phase: number, domains: report.domains, output, bytes: report.bytes, type: report.type, seconds: report.seconds });
    return report;
  } catch (thrown) {
    const error = toldOfOriginal(asTaraError(thrown), inputs.domains, join(build.folder, 'work'));
    registry.builds.fail(build.id, `${error.code}: ${error.message}`);
    throw error;
  }
}
