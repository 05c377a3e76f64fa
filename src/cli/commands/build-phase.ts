/** build-phase: a phase's complete domains and its base as compressed GGUF files, in the phase's layout. */
import { createEngine } from '../../engine/index.js';
import { buildInputs, MEASURES, type BuildInputs, type BuildOptions, type BuildStep, type Measure } from '../../phases/build/inputs.js';
import { adapterName, modelsOf } from '../../phases/build/files.js';
import { buildPhase, type BuildReport } from '../../phases/build/build.js';
import { LAYOUTS, MERGES, compressionType, isSearched, layoutName, mergeName, phaseNumber, quantizationName, type CompressionType } from '../../phases/settings.js';
import { CAPABILITIES, type CompressionMeasured } from '../../kernel/capabilities/index.js';
import { hooks } from '../../kernel/services.js';
import type { ProgressSink } from '../../kernel/command.js';
import { TaraError } from '../../errors.js';
import { buildTables, triedTable } from '../build-tables.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatBytes, formatSeconds, parseCount, parseNumber } from '../format.js';
import { mergeNumbers } from '../merging.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { existing } from '../paths.js';
import { facts } from '../table.js';

/** `healthcare=0.6,business=0.4` */
function parseWeights(text: string): Record<string, number> {
  return Object.fromEntries(text.split(',').map((part) => {
    const [name, weight, ...rest] = part.split('=');
    if (!name || weight === undefined || rest.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--weights', reason: `${JSON.stringify(part)} is no NAME=WEIGHT` });
    return [name.trim().toLowerCase(), parseNumber('--weights', weight, -100, 100)];
  }));
}

/** --measure WHAT; --no-measure is none. */
function measureOf(value: unknown): Measure | undefined {
  if (value === undefined || value === true) return undefined;
  const found = value === false ? 'none' : MEASURES.find((name) => name === value);
  if (found === undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--measure', reason: `${JSON.stringify(value)} is none of ${MEASURES.join(', ')}` });
  return found;
}

async function buildOptions(context: CoreContext): Promise<BuildOptions> {
  const { options, env } = context;
  const text = (name: string) => textOption(options, name);
  const quantization = text('quantization');
  const compression = text('compressionType');
  const base = text('base');
  const weights = text('weights');
  const threads = text('threads');
  const minutes = text('distillMinutes');
  const [layout, merge, calibration] = [text('layout'), text('merge'), text('calibration')];
  const measure = measureOf(options.measure);
  return {
    ...(quantization ? { quantization: quantizationName(quantization) } : {}),
    ...(compression ? { compressionType: compressionType(compression) } : {}),
    ...(base ? { base: context.path(base) } : {}),
    ...(env.TARA_BASE ? { defaultBase: context.path(env.TARA_BASE) } : {}),
    ...(layout ? { layout: layoutName(layout) } : {}),
    ...(merge ? { merge: mergeName(merge) } : {}),
    ...mergeNumbers(options),
    ...(weights ? { weights: parseWeights(weights) } : {}),
    ...(minutes ? { distillMinutes: parseNumber('--distill-minutes', minutes, 0, 1e5) } : {}),
    ...(calibration ? { calibration: await existing(context.path(calibration), 'folder') } : {}),
    ...(measure ? { measure } : {}),
    ...(threads ? { threads: parseCount('--threads', threads, 1, 1024) } : {}),
    signal: context.signal,
  };
}

/** One progress line a step. */
function stepProgress(context: CoreContext): { onProgress: NonNullable<BuildOptions['onProgress']>; end(): void } {
  let current: { step: BuildStep; sink: ProgressSink } | undefined;
  return {
    onProgress(step, fraction, detail) {
      if (current?.step !== step) {
        current?.sink.done();
        current = { step, sink: context.progress(step) };
      }
      current.sink.report(fraction, detail);
    },
    end: () => current?.sink.done(),
  };
}

/** What a build is called. */
const labelOf = (type: CompressionType, quantization: string): string => (isSearched(type) || type === 'distilled' ? type : quantization);

/** What would be read and written. */
function dryRun({ phase: { number, settings }, base, layout, domains, merge, weights }: BuildInputs, options: BuildOptions): { json: unknown; text: string } {
  const [quantization, compression] = [options.quantization ?? settings.quantization, options.compressionType ?? settings.compressionType];
  const adapters = domains.map(({ name, path }) => ({ name, dir: path, weight: weights[name] ?? 0 }));
  const files = [
    ...modelsOf(layout, number, labelOf(compression, quantization), adapters, null).map(({ name, domain }) => ({ name, role: 'model', domain })),
    ...(layout === 'adapters' ? domains.map(({ name }) => ({ name: adapterName(number, name), role: 'adapter', domain: name })) : []),
  ];
  const json = { phase: number, base, layout, merge, domains: domains.map(({ name, path }) => ({ name, path, weight: weights[name] ?? null })), quantization, files };
  const how = merge === null ? '' : merge === 'auto' ? ', merged as calibration text decides' : `, merged by ${merge.method}`;
  const names = domains.map(({ name }) => (merge === null || merge === 'auto' ? name : `${name} (${weights[name]})`)).join(', ');
  return { json, text: `would build ${names} on ${base} as ${quantization} in the layout ${layout}${how}: ${files.map(({ name }) => name).join(', ')}` };
}

/** What quantizing cost the main file, and would have cost as the preset. */
const quantized = ({ file, preset }: CompressionMeasured): string =>
  `KL divergence ${file.kld.toPrecision(3)} (the preset: ${preset.kld.toPrecision(3)} with ${formatBytes(preset.bytes)}), most likely token agrees ${(file.topTokenAgreement * 100).toFixed(1)} % (${(preset.topTokenAgreement * 100).toFixed(1)} %)`;

function describe(report: BuildReport): string {
  const merge = report.merge && Object.entries(report.merge).map(([name, value]) => (name === 'method' ? String(value) : `${name} ${String(value)}`)).join(', ');
  return [
    facts([
      ['output', report.output],
      ['layout', report.layout],
      ...(merge === null ? [] : [['merge', `${merge}: ${report.domains.map((name) => `${name} ${Number((report.weights[name] ?? 0).toFixed(4))}`).join(', ')}`] as const]),
      ['size', `${formatBytes(report.bytes)}${report.files.length > 1 ? ` in ${report.files.length} files` : ''} (${(report.ratio * 100).toFixed(1)} % of the base)`],
      ['type', `${report.type}: ${Object.entries(report.types).map(([type, count]) => `${count} x ${type}`).join(', ')}`],
      ...(report.compression === null ? [] : [['against float', quantized(report.compression)] as const]),
      ['time', `${formatSeconds(report.seconds)} (plan ${formatSeconds(report.planSeconds)}, merge and quantize ${formatSeconds(report.runSeconds)})`],
      ['peak memory', formatBytes(report.peakRssBytes)],
    ]),
    ...(report.tried === null ? [] : [triedTable(report.tried)]),
    ...buildTables(report.files, report.quality),
  ].join('\n\n');
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<phase>', 'number of the phase')
      .option('--quantization <preset>', "type of the output, such as Q4_K_M (default: the phase's)")
      .option('--compression-type <type>', "standard, sparse, hybrid or distilled (default: the phase's)")
      .option('--base <path>', 'base model: a checkpoint folder or a GGUF file')
      .option('--layout <layout>', `${LAYOUTS.join(', ')} (default: the phase's)`)
      .option('--merge <method>', `${MERGES.join(', ')} (default: the phase's)`)
      .option('--weights <list>', 'weight of each domain in the merge, as NAME=WEIGHT,… (default: 1; in linear and dare 1 / number of domains)')
      .option('--density <number>', 'share of each adapter that ties and dare keep (default: 0.4 and 0.5)')
      .option('--scale <number>', 'factor on what is added to the base (default: 0.4 in task-arithmetic, else 1)')
      .option('--seed <number>', "of dare's random choice (default: 0)")
      .option('--calibration <dir>', "NAME.jsonl or NAME.txt for each domain, that --merge auto chooses by, --merge regmean learns from and hybrid, sparse and distilled compression read (default: the domains' own)")
      .option('--distill-minutes <number>', 'of distilled compression: time for each model (default: 20; less where held-out text no longer gains); of sparse compression: for what it learns back (default: 8; 0: nothing)')
      .option('--measure <what>', "on the domains' texts: full (this build, the base, each own adapter), build or none (default: full)")
      .option('--no-measure', 'the same as --measure none')
      .option('--threads <count>', 'threads for merging and quantizing (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples('build-phase 1', 'build-phase 1 --quantization Q5_K_M', 'build-phase 1 --base ./SmolLM2 --weights healthcare=0.6,business=0.4', 'build-phase 1 --layout adapters', 'build-phase 1 --merge auto --calibration ./calibration', 'build-phase 1 --compression-type hybrid --calibration ./calibration', 'build-phase 1 --compression-type sparse --calibration ./calibration', 'build-phase 1 --quantization Q2_K --compression-type distilled --distill-minutes 20 --calibration ./calibration'));
  },
  async run(context) {
    const number = phaseNumber(argument(context.args, 0, 'phase'));
    const options = await buildOptions(context);
    if (context.dryRun) {
      return dryRun(await buildInputs(await context.registry('read'), number, options), options);
    }
    const registry = await context.registry('write');
    await context.plugins();
    const progress = stepProgress(context);
    await using engine = createEngine();
    try {
      const report = await buildPhase(
        { registry, engine, hooks: context.use(hooks), compressor: context.find(CAPABILITIES.compressor) },
        number,
        { ...options, onProgress: progress.onProgress },
      );
      return { json: report, text: describe(report) };
    } finally {
      progress.end();
    }
  },
};

export default command;
