/** The factory: a phase's complete domains and its base become files in the phase's layout, recorded in the registry whatever happens. */
import { mkdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { MergeSettings } from '../../convert/adapters/merge.js';
import { asTaraError, TaraError } from '../../errors.js';
import type { Engine } from '../../engine/index.js';
import { weightFiles } from '../../formats/index.js';
import type { CompressionMeasured, Compressor } from '../../kernel/capabilities/index.js';
import type { HookCaller } from '../../kernel/services.js';
import { sharedPool, type Pool } from '../../workers/index.js';
import { modelsOf, placeFolder, writeAdapters, writeModels, type DomainAdapter, type ModelFile, type WriteOptions, type WrittenModels } from './files.js';
import { DISTILLED, writeDistilled } from './distilled.js';
import { writeHybrids } from './hybrid.js';
import { buildInputs, type BuildInputs, type BuildOptions } from './inputs.js';
import { mergeEvidence, settleMerge, type SettledMerge } from './merge.js';
import { phaseMetadata } from './metadata.js';
import { measureQuality, type BuildQuality } from './quality.js';
import { chooseTypes, type TypeChoice } from './types.js';
import type { Registry } from '../registry/registry.js';
import { isSearched, type Layout } from '../settings.js';
import type { Build, BuildFile } from '../types.js';

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
  readonly layout: Layout;
  /** The main file: it answers where no domain fits. */
  readonly output: string;
  /** The main file first. */
  readonly files: readonly BuildFile[];
  /** Of all files. */
  readonly bytes: number;
  /** The preset that was written, hybrid, sparse or distilled; a budget may have chosen another one than was asked for. */
  readonly type: string;
  /** The main file against its unquantized model, as hybrid and distilled compression measured it; null otherwise. */
  readonly compression: CompressionMeasured | null;
  /** Why another preset was written, and what was merged otherwise, one line each. */
  readonly evidence: readonly string[];
  /** Tensors of each ggml type in the main file. */
  readonly types: Readonly<Record<string, number>>;
  /** These bytes / bytes of the base's weights. */
  readonly ratio: number;
  readonly domains: readonly string[];
  /** Null where nothing is merged with anything else. */
  readonly merge: MergeSettings | null;
  readonly weights: Readonly<Record<string, number>>;
  /** What auto tried and the index of the one it took; null where nothing was tried. */
  readonly tried: SettledMerge['tried'];
  /** Cleaning, choosing, planning, merging and writing; measuring is not part of it. */
  readonly seconds: number;
  readonly planSeconds: number;
  readonly runSeconds: number;
  /** Of this process until then, in bytes. */
  readonly peakRssBytes: number;
  /** Measured on the unseen lines of each domain that has some; null when none has. */
  readonly quality: BuildQuality | null;
}

/** Peak resident memory of this process, in bytes. */
export const peakRss = (): number => process.resourceUsage().maxRSS * 1024;

/** What a build needs while it runs; removed at its end. */
const workFolder = ({ folder }: Build, part: 'clean' | 'merge' | 'reference' | 'hybrid' | 'distilled'): string => join(folder, 'work', part);

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

interface Made extends WrittenModels, SettledMerge {
  readonly choice: TypeChoice;
  readonly adapters: readonly DomainAdapter[];
}

async function make(build: Build, inputs: BuildInputs, services: BuildServices, options: BuildOptions): Promise<Made> {
  const { phase: { number }, domains, base, layout } = inputs;
  const paths = await cleanAdapters(inputs, workFolder(build, 'clean'), services, options);
  const pool = services.pool ?? sharedPool();
  const common = { pool, signal: options.signal };
  const settled = await settleMerge(inputs, { engine: services.engine, pool, workDir: workFolder(build, 'merge'), adapters: paths, options });
  options.onProgress?.('plan', null);
  const adapters = domains.map(({ name, path }) => ({ name, dir: paths.get(name) ?? path, weight: settled.weights[name] ?? 0 }));
  const metadata = await phaseMetadata({ inputs, adapters, merge: settled.merge, hooks: services.hooks, ...common });

  const partial = join(build.folder, 'partial');
  await mkdir(partial);
  const loras = layout === 'adapters' ? await writeAdapters(partial, base, number, adapters, common) : [];
  const taken = loras.reduce((sum, { bytes }) => sum + bytes, 0);
  const merged = adapters.map((adapter) => ({ ...adapter, dir: settled.rewritten?.get(adapter.name)?.dir ?? adapter.dir }));
  const write: WriteOptions = { ...common, threads: options.threads, onProgress: (fraction, detail) => options.onProgress?.('merge and quantize', fraction, detail) };
  const metadataOf = ({ adapters: inside }: ModelFile) => metadata(inside);
  if (isSearched(build.compressionType)) {
    services.registry.builds.compressing(build.id);
    const written = await writeHybrids({
      inputs, build, compressor: services.compressor, models: modelsOf(layout, number, build.compressionType, merged, settled.merge), metadata: metadataOf,
      folder: partial, workDir: workFolder(build, 'hybrid'), cacheDir: join(services.registry.home.cache, build.compressionType), taken, options, write,
    });
    return { ...settled, ...written, files: await placeFolder(partial, join(build.folder, layout), [...written.files, ...loras]), adapters };
  }
  if (build.compressionType === DISTILLED) {
    services.registry.builds.compressing(build.id);
    const written = await writeDistilled({
      inputs, build, models: modelsOf(layout, number, DISTILLED, merged, settled.merge), metadata: metadataOf,
      folder: partial, workDir: workFolder(build, 'distilled'), engine: services.engine, options, write,
    });
    return { ...settled, ...written, files: await placeFolder(partial, join(build.folder, layout), [...written.files, ...loras]), adapters };
  }
  const choice = await chooseTypes(inputs, build, services.compressor, { models: layout === 'per-domain' ? domains.length : 1, taken, ...common });
  services.registry.builds.compressing(build.id);
  const written = await writeModels(partial, base, choice.preset, modelsOf(layout, number, choice.preset, merged, settled.merge), metadataOf, write);
  const files = await placeFolder(partial, join(build.folder, layout), [...written.files, ...loras]);
  return { ...settled, ...written, files, choice, adapters };
}

/** The base, quantized as the build is, to compare with it; for a merged build the adapters too, but those that no LoRA file can hold. */
async function referenceFiles(build: Build, inputs: BuildInputs, made: Made, services: BuildServices, options: BuildOptions): Promise<readonly BuildFile[]> {
  if (inputs.layout === 'adapters') return made.files;
  const folder = workFolder(build, 'reference');
  await mkdir(folder, { recursive: true });
  const common = { pool: services.pool ?? sharedPool(), signal: options.signal };
  const { number } = inputs.phase;
  const loras: BuildFile[] = [];
  for (const adapter of inputs.layout === 'merged' ? made.adapters : []) {
    loras.push(...await writeAdapters(folder, inputs.base, number, [adapter], common).catch((thrown: unknown) => {
      if (thrown instanceof TaraError && thrown.code === 'TARA_LAYOUT_ADAPTER') return [];
      throw thrown;
    }));
  }
  const { preset } = made.choice;
  const written = await writeModels(folder, inputs.base, preset, modelsOf('adapters', number, preset, made.adapters, null), () => [], { ...common, threads: options.threads });
  return [...written.files, ...loras];
}

async function measure(build: Build, inputs: BuildInputs, made: Made, services: BuildServices, options: BuildOptions): Promise<BuildQuality | null> {
  const { engine } = services;
  const wanted = options.measure ?? 'full';
  if (!engine || wanted === 'none') return null;
  const reference = wanted === 'full' ? () => referenceFiles(build, inputs, made, services, options) : undefined;
  return measureQuality({ domains: inputs.domains, files: made.files, reference, engine, options });
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
    layout: inputs.layout,
  });
  try {
    const made = await make(build, inputs, services, options);
    const { files, types, choice, merge, weights, tried, planSeconds, runSeconds } = made;
    const output = files[0]?.path ?? '';
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const seconds = (performance.now() - started) / 1000;
    const peakRssBytes = peakRss();
    const quality = await measure(build, inputs, made, services, options);
    await rm(join(build.folder, 'work'), { recursive: true, force: true });
    const report: BuildReport = {
      build: build.id, phase: number, layout: inputs.layout, output, files, bytes,
      type: choice.label, compression: choice.measured, evidence: [...mergeEvidence(made), ...choice.evidence], types,
      ratio: bytes / (await weightFiles(inputs.base)).reduce((sum, { bytes: of }) => sum + of, 0),
      domains: inputs.domains.map(({ name }) => name),
      merge, weights, tried, seconds, planSeconds, runSeconds, peakRssBytes, quality,
    };
    registry.builds.finish(build.id, {
      output, files, bytes, seconds, peakRssBytes, ratio: report.ratio,
      ...(quality ? { quality: { ...quality } } : {}),
      report: { domains: report.domains, merge, weights, tried, types, base: inputs.base },
    });
    void services.hooks.observe('phase:built', { phase: number, domains: report.domains, output, bytes, type: report.type, seconds });
    return report;
  } catch (thrown) {
    const error = toldOfOriginal(asTaraError(thrown), inputs.domains, workFolder(build, 'clean'));
    registry.builds.fail(build.id, `${error.code}: ${error.message}`);
    throw error;
  }
}
