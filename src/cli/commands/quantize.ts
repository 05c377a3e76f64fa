/** quantize: one GGUF file to one or several types in a single pass. */
import { extname } from 'node:path';
import { TaraError } from '../../errors.js';
import type { CoreCommand } from '../context.js';
import { convertCommand } from '../conversion.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { existing } from '../paths.js';

/** `model.gguf` for one type; `model-Q4_0.gguf`, … for several. */
function outputPath(output: string, type: string, several: boolean): string {
  if (!several) return output;
  const extension = extname(output);
  return `${output.slice(0, output.length - extension.length)}-${type}${extension}`;
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<input>', 'GGUF file, or a checkpoint folder')
      .argument('<output>', 'GGUF file to write; with several types, -TYPE is added to its name')
      .requiredOption('--type <types>', 'type or preset, such as Q4_K_M; several as a comma-separated list, written in one pass')
      .option('--imatrix <file>', 'importance matrix of llama-imatrix (GGUF or .dat), used for every type')
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples('quantize model-f16.gguf model-q4.gguf --type Q4_K_M', 'quantize model-f16.gguf model.gguf --type Q4_0,Q4_K_M,Q6_K,Q8_0 --threads 2'));
  },
  async run(context) {
    const types = (textOption(context.options, 'type') ?? '').split(',').map((type) => type.trim()).filter((type) => type !== '');
    if (types.length === 0) throw new TaraError('TARA_USAGE', { reason: 'quantize needs --type' });
    const base = await existing(context.path(argument(context.args, 0, 'input')), 'any');
    const output = context.path(argument(context.args, 1, 'output'));
    const imatrix = textOption(context.options, 'imatrix');
    return convertCommand(context, {
      base,
      adapters: [],
      ...(imatrix === undefined ? {} : { imatrix: { path: await existing(context.path(imatrix), 'file'), name: imatrix } }),
      outputs: types.map((type) => ({ id: type, path: outputPath(output, type, types.length > 1), type })),
    });
  },
};

export default command;
