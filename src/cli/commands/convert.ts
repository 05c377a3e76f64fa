/** convert: a Hugging Face checkpoint (or a GGUF file), with adapters merged into it, to GGUF; or an adapter to a GGUF LoRA. */
import { prepareLora } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import type { CommandResult } from '../../kernel/command.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { conversion, convertCommand } from '../conversion.js';
import { adapterInputs, addMergeOptions, mergeSettings } from '../merging.js';
import { addDryRun, argument, examples, flagOption, outputOption, textOption } from '../options.js';
import { existing } from '../paths.js';
import { addTensorTypes, tensorTypes } from '../tensor-types.js';

/** --lora: the factors alone, for llama.cpp to load beside the base. */
async function convertLora(context: CoreContext, base: string): Promise<CommandResult> {
  const { options } = context;
  const [adapter, ...more] = adapterInputs(context);
  if (!adapter || more.length > 0) throw new TaraError('TARA_USAGE', { reason: '--lora takes exactly one --adapter' });
  if (adapter.weight !== 1) throw new TaraError('TARA_USAGE', { reason: 'a GGUF LoRA gets its weight when it is loaded; give --adapter without one' });
  const input = {
    adapter: adapter.dir, base, output: context.path(outputOption(options)), type: textOption(options, 'type'), scaling: flagOption(options, 'exactScale') ? 'exact' as const : 'reference' as const,
  };
  let scale = 1;
  const { json, text } = await conversion(context, [], async (settings) => {
    const prepared = await prepareLora(input, settings);
    scale = prepared.scale;
    return prepared;
  });
  const advice = `load it with the scale ${scale}, or write it with --exact-scale`;
  return { json: { ...(json as object), scale }, text: scale === 1 ? text : `${text}\n\n${advice}` };
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<base>', 'checkpoint folder, or a GGUF file')
      .requiredOption('--output <file>', 'GGUF file to write')
      .option('--type <type>', 'f32, f16, bf16, q8_0, auto, or a preset such as Q4_K_M (default: f16; f32 with --lora)')
      .option('--merge <method>', 'how adapters are merged: linear (default), task-arithmetic, ties, dare or dare-ties');
    addMergeOptions(command);
    addTensorTypes(command)
      .option('--lora', 'write the adapter alone, as a GGUF LoRA that llama.cpp loads beside this base')
      .option('--exact-scale', "with --lora: put an rsLoRA's scale into the file, so that it is loaded with scale 1")
      .option('--pre-tokenizer <name>', "llama.cpp's name of the pre-tokenizer, where it is not recognised")
      .option('--imatrix <file>', 'importance matrix that quantized types weigh their errors by (see imatrix)')
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'convert ./SmolLM2-135M --output smollm2.gguf',
      'convert ./SmolLM2-135M --output merged.gguf --type Q4_K_M --adapter ./healthcare=0.6 --adapter ./business=0.4',
      'convert ./SmolLM2-135M --output merged.gguf --adapter ./healthcare --adapter ./business --merge ties --density 0.4',
      'convert ./SmolLM2-135M --output healthcare.gguf --lora --adapter ./healthcare',
      'convert ./SmolLM2-135M --output smollm2.gguf --dry-run',
    ));
  },
  async run(context) {
    const { options } = context;
    const merge = mergeSettings(context, '--merge');
    const lora = flagOption(options, 'lora');
    if (lora && options.imatrix !== undefined) throw new TaraError('TARA_USAGE', { reason: '--lora writes factors as they are; it takes no --imatrix' });
    if (lora && merge) throw new TaraError('TARA_USAGE', { reason: '--lora writes one adapter as it is; it takes no --merge' });
    if (!lora && flagOption(options, 'exactScale')) throw new TaraError('TARA_USAGE', { reason: '--exact-scale needs --lora' });
    const base = await existing(context.path(argument(context.args, 0, 'base')), 'any');
    const own = tensorTypes(context);
    if (lora && own.length > 0) throw new TaraError('TARA_USAGE', { reason: '--tensor-type is for models; --lora writes one type' });
    if (lora) return convertLora(context, base);
    const adapters = adapterInputs(context, merge?.method);
    if (merge && adapters.length === 0) throw new TaraError('TARA_USAGE', { reason: '--merge needs --adapter' });
    const imatrix = textOption(options, 'imatrix');
    return convertCommand(context, {
      base, adapters, merge,
      ...(imatrix === undefined ? {} : { imatrix: { path: await existing(context.path(imatrix), 'file'), name: imatrix } }),
      preTokenizer: textOption(options, 'preTokenizer'),
      outputs: [{ id: 'out', path: context.path(outputOption(options)), type: textOption(options, 'type') ?? 'f16', tensorTypes: own }],
    });
  },
};

export default command;
