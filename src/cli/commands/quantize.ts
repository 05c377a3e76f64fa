/** quantize: one GGUF file to one or several types in a single pass. */
import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { convert } from '../../convert/convert.js';
import { TaraError } from '../../errors.js';
import { addCompression, asGguf, compressed, compressionOf, proposalLines, type Compression } from '../compression.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { convertCommand } from '../conversion.js';
import { distilText } from '../distil-table.js';
import { parseCount } from '../format.js';
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
      .option('--imatrix <file>', 'importance matrix of llama-imatrix (GGUF or .dat), used for every type')
      .option('--feedback <file>', 'factors of `imatrix --feedback`: values are rounded with error feedback');
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
      'quantize model-f16.gguf model-distilled.gguf --type Q2_K --compression-type distilled --text calibration.jsonl --distill-minutes 20',
      'quantize model-f16.gguf model-small.gguf --type Q4_K_M --compression-type sparse --text health.jsonl --text lessons.jsonl',
      'quantize model-f16.gguf model-small.gguf --type Q4_K_M --compression-type sparse --text health.jsonl --sparsity 25%',
    ));
  },
  async run(context) {
    const types = (textOption(context.options, 'type') ?? '').split(',').map((type) => type.trim()).filter((type) => type !== '');
    if (types.length === 0) throw new TaraError('TARA_USAGE', { reason: 'quantize needs --type' });
    const base = await existing(context.path(argument(context.args, 0, 'input')), 'any');
    const output = context.path(argument(context.args, 1, 'output'));
    const own = tensorTypes(context);
    const [imatrix, feedback] = [textOption(context.options, 'imatrix'), textOption(context.options, 'feedback')];
    const compression = await compressionOf(context);
    if (compression && feedback !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--feedback', reason: 'a hybrid makes its own; leave it out' });
    if (compression?.type === 'distilled') return quantizeDistilled(context, { base, output, types, compression });
    if (compression) return quantizeWithin(context, { base, output, types, compression });
    return convertCommand(context, {
      base,
      adapters: [],
      ...(imatrix === undefined ? {} : { imatrix: { path: await existing(context.path(imatrix), 'file'), name: imatrix } }),
      ...(feedback !== undefined && { feedback: await existing(context.path(feedback), 'file') }),
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

/** The preset, then what the unquantized model teaches it; --dry-run says so. */
async function quantizeDistilled(context: CoreContext, { base, output, types, compression }: Wanted): Promise<CommandResult> {
  const [type, ...more] = types;
  if (type === undefined || more.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--type', reason: 'one type, with --compression-type distilled' });
  const { texts, imatrix, distillMinutes: minutes, threads } = { ...compression, threads: textOption(context.options, 'threads') };
  const own = tensorTypes(context);
  const preset = { base, adapters: [], ...(imatrix !== undefined && { imatrix: { path: imatrix, name: textOption(context.options, 'imatrix') ?? 'imatrix.gguf' } }) };
  const { checkTrainable, distil } = await import('../../train/index.js');
  if (context.dryRun) {
    // A checkpoint has the header that says so only once it is converted.
    if (!(await stat(base)).isDirectory()) await checkTrainable(base, context.signal);
    return convertCommand(context, { ...preset, outputs: [{ id: type, path: output, type, tensorTypes: own }] });
  }
  await mkdir(context.home.cache, { recursive: true });
  // Of this output: what a killed run leaves is the next one's.
  const student = join(context.home.cache, `student-${createHash('sha256').update(output).digest('hex').slice(0, 16)}.gguf`);
  const sink = context.progress('distilling');
  try {
    return await asGguf(context, base, async (teacher) => {
      await checkTrainable(teacher, context.signal);
      await convert({ ...preset, base: teacher, outputs: [{ id: 'student', path: student, type, tensorTypes: own }] }, { signal: context.signal });
      const report = await distil({
        student, teacher, text: texts, output, minutes, signal: context.signal, onProgress: (fraction, detail) => sink.report(fraction, detail),
        ...(threads !== undefined && { threads: parseCount('--threads', threads, 1, 1024) }),
      });
      sink.done();
      return { json: report, text: distilText(report) };
    });
  } finally {
    sink.done();
    await rm(student, { force: true });
  }
}

/** As the compressor proposes; under --dry-run too it measures, and nothing is written but its cache. */
async function quantizeWithin(context: CoreContext, { base, output, types, compression }: Wanted): Promise<CommandResult> {
  const [type, ...more] = types;
  if (type === undefined || more.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--type', reason: 'one type, with --compression-type, --target-size or --memory' });
  if (context.options.tensorType !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--tensor-type', reason: 'the types are chosen here; leave it out' });
  const named = textOption(context.options, 'imatrix');
  return compressed(context, base, type, compression, async (model, proposal) => {
    const { preset, types: chosen, imatrix = compression.imatrix, feedback, pruning, file, evidence, measured, report } = proposal;
    // The plan that --dry-run prints is the cut's: what it was taught is no step.
    const written = await convertCommand(context, file !== undefined && !context.dryRun ? { base: file, adapters: [], outputs: [{ id: type, path: output, type: 'auto' }] } : {
      base: model, adapters: [], ...(pruning && { pruning }), ...(imatrix !== undefined && { imatrix: { path: imatrix, name: named ?? 'imatrix.gguf' } }), feedback,
      outputs: [{ id: type, path: output, type: preset, types: chosen }],
    });
    return { ...written, json: { ...(written.json as object), compression: { type: compression.type, preset, types: chosen, evidence, measured: measured ?? null, ...(report !== undefined && { report }) } }, text: `${written.text}\n\n${proposalLines(proposal)}` };
  });
}

export default command;
