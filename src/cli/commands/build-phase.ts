/** build-phase: merges a phase's complete domains into one compressed GGUF. */
import { createEngine } from '../../engine/index.js';
import { buildInputs, type BuildOptions, type BuildStep } from '../../phases/build-inputs.js';
import { buildPhase } from '../../phases/build.js';
import { compressionType, phaseNumber, quantizationName } from '../../phases/settings.js';
import { CAPABILITIES } from '../../kernel/capabilities.js';
import { hooks } from '../../kernel/services.js';
import type { ProgressSink } from '../../kernel/command.js';
import { TaraError } from '../../errors.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatBytes, formatSeconds, parseCount, parseNumber } from '../format.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { facts } from '../table.js';

/** `healthcare=0.6,business=0.4` */
function parseWeights(text: string): Record<string, number> {
  return Object.fromEntries(text.split(',').map((part) => {
    const [name, weight, ...rest] = part.split('=');
    if (!name || weight === undefined || rest.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--weights', reason: `${JSON.stringify(part)} is no NAME=WEIGHT` });
    return [name.trim().toLowerCase(), parseNumber('--weights', weight, -100, 100)];
  }));
}

function buildOptions(context: CoreContext): BuildOptions {
  const { options, env } = context;
  const text = (name: string) => textOption(options, name);
  const quantization = text('quantization');
  const compression = text('compressionType');
  const base = text('base');
  const weights = text('weights');
  const threads = text('threads');
  return {
    ...(quantization ? { quantization: quantizationName(quantization) } : {}),
    ...(compression ? { compressionType: compressionType(compression) } : {}),
    ...(base ? { base: context.path(base) } : {}),
    ...(env.TARA_BASE ? { defaultBase: context.path(env.TARA_BASE) } : {}),
    ...(weights ? { weights: parseWeights(weights) } : {}),
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

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<phase>', 'number of the phase')
      .option('--quantization <preset>', "type of the output, such as Q4_K_M (default: the phase's)")
      .option('--compression-type <type>', "standard, sparse, hybrid or distilled (default: the phase's)")
      .option('--base <path>', 'base model: a checkpoint folder or a GGUF file')
      .option('--weights <list>', 'weight of each domain in the merge, as NAME=WEIGHT,… (default: 1 / number of domains)')
      .option('--threads <count>', 'threads for merging and quantizing (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples('build-phase 1', 'build-phase 1 --quantization Q5_K_M', 'build-phase 1 --base ./SmolLM2 --weights healthcare=0.6,business=0.4'));
  },
  async run(context) {
    const number = phaseNumber(argument(context.args, 0, 'phase'));
    const options = buildOptions(context);
    if (context.dryRun) {
      const inputs = await buildInputs(await context.registry('read'), number, options);
      const json = { phase: number, base: inputs.base, domains: inputs.domains.map(({ name, path }) => ({ name, path, weight: inputs.weights[name] })), quantization: options.quantization ?? inputs.phase.settings.quantization };
      return { json, text: `would merge ${json.domains.map(({ name, weight }) => `${name} (${weight})`).join(', ')} into ${json.base} and write ${json.quantization}` };
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
      return {
        json: report,
        text: facts([
          ['output', report.output],
          ['size', `${formatBytes(report.bytes)} (${(report.ratio * 100).toFixed(1)} % of the base)`],
          ['type', `${report.type}: ${Object.entries(report.types).map(([type, count]) => `${count} x ${type}`).join(', ')}`],
          ['time', `${formatSeconds(report.seconds)} (plan ${formatSeconds(report.planSeconds)}, merge and quantize ${formatSeconds(report.runSeconds)})`],
          ['peak memory', formatBytes(report.peakRssBytes)],
          ...Object.entries(report.quality?.domainLoss ?? {}).map(([name, loss]) => [`loss: ${name}`, `${loss.meanLoss.toFixed(3)} nats a token, over ${loss.tokens} unseen tokens`] as const),
        ]),
      };
    } finally {
      progress.end();
    }
  },
};

export default command;
