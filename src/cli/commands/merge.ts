/** merge: adapters into their base, or two full models into one, to GGUF. */
import { TaraError } from '../../errors.js';
import type { ConvertInput } from '../../convert/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { convertCommand } from '../conversion.js';
import { parseNumber } from '../format.js';
import { adapterInputs, addMergeOptions, mergeNumbers, mergeSettings } from '../merging.js';
import { addDryRun, argument, examples, listOption, outputOption, textOption } from '../options.js';
import { existing } from '../paths.js';

/** How a second full model is blended in; what only adapters take is refused. */
function blendOf({ options, path }: CoreContext, other: string): NonNullable<ConvertInput['blend']> {
  if (listOption(options, 'adapter').length > 0) throw new TaraError('TARA_USAGE', { reason: 'give a second model or --adapter, not both' });
  const [idle] = Object.keys(mergeNumbers(options));
  if (idle !== undefined) throw new TaraError('TARA_USAGE', { reason: `--${idle} is for adapters; two models take --t` });
  const method = textOption(options, 'method') ?? 'linear';
  if (method !== 'linear' && method !== 'slerp') throw new TaraError('TARA_OPTION_INVALID', { option: '--method', reason: `${JSON.stringify(method.slice(0, 80))} is neither linear nor slerp, which two models take` });
  const t = textOption(options, 't');
  return { with: path(other), method, t: t === undefined ? 0.5 : parseNumber('--t', t, 0, 1) };
}

/** Adapters or a second model, whichever was given. */
function sourcesOf(context: CoreContext): Pick<ConvertInput, 'adapters' | 'merge' | 'blend'> {
  const [, other] = context.args;
  if (other !== undefined) return { adapters: [], blend: blendOf(context, other) };
  if (listOption(context.options, 'adapter').length === 0) throw new TaraError('TARA_USAGE', { reason: 'merge needs --adapter DIR, or a second model' });
  if (context.options['t'] !== undefined) throw new TaraError('TARA_USAGE', { reason: '--t is for two models; adapters take weights' });
  const merge = mergeSettings(context, '--method');
  return { adapters: adapterInputs(context, merge?.method), merge };
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<base>', 'checkpoint folder, or a GGUF file')
      .argument('[other]', 'a second model of the same kind, in place of adapters')
      .requiredOption('--output <file>', 'GGUF file to write')
      .option('--type <type>', 'f32, f16, bf16, q8_0, auto, or a preset such as Q4_K_M', 'f16')
      .option('--method <method>', 'adapters: linear (default), task-arithmetic, ties, dare or dare-ties; two models: linear (default) or slerp');
    addMergeOptions(command)
      .option('--t <number>', 'two models: 0 is the first, 1 the second (default: 0.5)')
      .option('--pre-tokenizer <name>', "llama.cpp's name of the pre-tokenizer, where it is not recognised")
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'merge ./SmolLM2-135M --adapter ./healthcare=0.6 --adapter ./business=0.4 --output merged.gguf',
      'merge ./SmolLM2-135M --adapter ./healthcare --adapter ./business --method dare-ties --density 0.3 --seed 7 --output merged.gguf --type Q4_K_M',
      'merge base-f16.gguf tuned-f16.gguf --method slerp --t 0.3 --output between.gguf',
      'merge ./SmolLM2-135M --adapter ./healthcare --output merged.gguf --dry-run',
    ));
  },
  async run(context) {
    const sources = sourcesOf(context);
    const base = await existing(context.path(argument(context.args, 0, 'base')), 'any');
    if (sources.blend) await existing(sources.blend.with, 'any');
    return convertCommand(context, {
      base, ...sources,
      preTokenizer: textOption(context.options, 'preTokenizer'),
      outputs: [{ id: 'out', path: context.path(outputOption(context.options)), type: textOption(context.options, 'type') ?? 'f16' }],
    });
  },
};

export default command;
