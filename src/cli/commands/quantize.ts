/** quantize: one GGUF file to one or several types in a single pass. */
import { extname } from 'node:path';
import { TaraError } from '../../errors.js';
import { addCompression, compressed, compressionOf, proposalLines, type Compression } from '../compression.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { convertCommand } from '../conversion.js';
import type { CommandResult } from '../../kernel/command.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { existing } from '../paths.js';
import { addTensorTypes, tensorTypes } from '../tensor-types.js';

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
      .option('--imatrix <file>', 'importance matrix of llama-imatrix (GGUF or .dat), used for every type');
    addCompression(addTensorTypes(command))
      .option('--reuse <dir>', 'folder that keeps tensors of types that take long (IQ1, IQ2, IQ3): those made before are taken from it')
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'quantize model-f16.gguf model-q4.gguf --type Q4_K_M',
      'quantize model-f16.gguf model.gguf --type Q4_0,Q4_K_M,Q6_K,Q8_0 --threads 2',
      "quantize model-f16.gguf model-mixed.gguf --type IQ4_NL --tensor-type token_embd=q5_1 --tensor-type 'blk\\.[0-3]\\.attn_v=q8_0'",
      'quantize model-f16.gguf model-iq2.gguf --type IQ2_M --imatrix model-imatrix.gguf --reuse .tara/cache/tensors',
      'quantize model-f16.gguf model-hybrid.gguf --type Q4_K_M --compression-type hybrid --text calibration.txt --target-size 88.2MB',
      'quantize model-f16.gguf model-hybrid.gguf --type Q4_K_M --compression-type hybrid --text calibration.txt --quality-threshold 90%',
    ));
  },
  async run(context) {
    const types = (textOption(context.options, 'type') ?? '').split(',').map((type) => type.trim()).filter((type) => type !== '');
    if (types.length === 0) throw new TaraError('TARA_USAGE', { reason: 'quantize needs --type' });
    const base = await existing(context.path(argument(context.args, 0, 'input')), 'any');
    const output = context.path(argument(context.args, 1, 'output'));
    const own = tensorTypes(context);
    const imatrix = textOption(context.options, 'imatrix');
    const compression = await compressionOf(context);
    if (compression) return quantizeWithin(context, { base, output, types, compression });
    return convertCommand(context, {
      base,
      adapters: [],
      ...(imatrix === undefined ? {} : { imatrix: { path: await existing(context.path(imatrix), 'file'), name: imatrix } }),
      outputs: types.map((type) => ({ id: type, path: outputPath(output, type, types.length > 1), type, tensorTypes: own })),
    });
  },
};

interface Wanted {
  readonly base: string;
  readonly output: string;
  readonly types: readonly string[];
  readonly compression: Compression;
}

/** As the compressor proposes; under --dry-run too it measures, and nothing is written but its cache. */
async function quantizeWithin(context: CoreContext, { base, output, types, compression }: Wanted): Promise<CommandResult> {
  const [type, ...more] = types;
  if (type === undefined || more.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--type', reason: 'one type, with --compression-type, --target-size or --memory' });
  if (context.options.tensorType !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--tensor-type', reason: 'the types are chosen here; leave it out' });
  const named = textOption(context.options, 'imatrix');
  return compressed(context, base, type, compression, async (model, proposal) => {
    const { preset, types: chosen, imatrix = compression.imatrix, feedback, evidence, measured } = proposal;
    const written = await convertCommand(context, {
      base: model, adapters: [], ...(imatrix !== undefined && { imatrix: { path: imatrix, name: named ?? 'imatrix.gguf' } }), feedback,
      outputs: [{ id: type, path: output, type: preset, types: chosen }],
    });
    return { ...written, json: { ...(written.json as object), compression: { type: compression.type, preset, types: chosen, evidence, measured: measured ?? null } }, text: `${written.text}\n\n${proposalLines(proposal)}` };
  });
}

export default command;
