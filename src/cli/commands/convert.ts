/** convert: a Hugging Face checkpoint (or a GGUF file), with adapters merged into it, to GGUF. */
import { stat } from 'node:fs/promises';
import type { ConvertInput } from '../../convert/index.js';
import { prepareConversion, runConversion } from '../../convert/index.js';
import { TaraError } from '../../errors.js';
import { ggmlType, readGguf } from '../../formats/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatBytes, formatSeconds, parseCount, parseNumber, printable } from '../format.js';
import { addDryRun, argument, collect, examples, listOption, textOption } from '../options.js';
import { existing } from '../paths.js';
import { facts } from '../table.js';

/** `DIR` or `DIR=WEIGHT`; a weight defaults to 1. */
function parseAdapter(context: CoreContext, text: string): { dir: string; weight: number } {
  const split = /^(.*)=([^=/\\]*)$/.exec(text);
  if (!split) return { dir: context.path(text), weight: 1 };
  return { dir: context.path(split[1] ?? ''), weight: parseNumber('--adapter', split[2] ?? '', -100, 100) };
}

/** The quantized types of a GGUF base: llama-quantize refuses such a file, merging decodes it anyway, so it is only said. */
async function quantizedTypes(base: string): Promise<string[]> {
  if ((await stat(base)).isDirectory()) return [];
  const types = new Set((await readGguf(base)).tensors.map(({ type }) => type));
  return [...types].filter((type) => ggmlType(type).blockSize > 1).sort();
}

/** Runs one conversion with a progress line, or prints its plan under --dry-run. Shared with quantize. */
export async function convertCommand(context: CoreContext, input: ConvertInput): Promise<{ json: unknown; text: string }> {
  const threads = textOption(context.options, 'threads');
  const options = { signal: context.signal, threads: threads === undefined ? undefined : parseCount('--threads', threads, 1, 1024) };
  const started = performance.now();
  const { lowered, printed } = await prepareConversion(input, { ...options, print: context.dryRun });
  const planSeconds = (performance.now() - started) / 1000;
  const requantizedFrom = await quantizedTypes(input.base);
  const tellRequantized = () => {
    if (requantizedFrom.length === 0) return;
    context.note(`note: ${printable(input.base)} is quantized already (${requantizedFrom.join(', ')}); its rounding stays in what is made of it. Start from F16 or BF16 where you can.`);
  };
  if (context.dryRun) {
    const outputs = lowered.outputs.map(({ path, bytes, tensors }) => ({ path, bytes, tensors: tensors.map(({ name, type, ne, bytes: size }) => ({ name, type, ne, bytes: size })) }));
    tellRequantized();
    return { json: { outputs, memoryBytes: lowered.memoryBytes, requantizedFrom }, text: `${printed ?? ''}\n${outputs.map(({ path, bytes }) => `would write ${path ?? 'nothing'}: ${formatBytes(bytes)}`).join('\n')}` };
  }
  const sink = context.progress('writing');
  try {
    const report = await runConversion(lowered, {
      ...options,
      onProgress: ({ bytesRead, bytesTotal, tensor }) => sink.report(bytesTotal > 0 ? bytesRead / bytesTotal : null, tensor),
    });
    const seconds = (performance.now() - started) / 1000;
    tellRequantized();
    return {
      json: { outputs: report.files, seconds, planSeconds, runSeconds: report.runSeconds, bytesRead: report.bytesRead, requantizedFrom },
      text: report.files.map(({ path, bytes, types }) => facts([
        ['output', path],
        ['size', formatBytes(bytes)],
        ['tensors', Object.entries(types).map(([type, count]) => `${count} x ${type}`).join(', ')],
        ['time', formatSeconds(seconds)],
      ])).join('\n\n'),
    };
  } finally {
    sink.done();
  }
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<base>', 'checkpoint folder, or a GGUF file')
      .requiredOption('--output <file>', 'GGUF file to write')
      .option('--type <type>', 'f32, f16, bf16, q8_0, auto, or a preset such as Q4_K_M', 'f16')
      .option('--adapter <dir[=weight]>', 'LoRA adapter to merge; may be repeated', collect)
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'convert ./SmolLM2-135M --output smollm2.gguf',
      'convert ./SmolLM2-135M --output merged.gguf --type Q4_K_M --adapter ./healthcare=0.6 --adapter ./business=0.4',
      'convert ./SmolLM2-135M --output smollm2.gguf --dry-run',
    ));
  },
  async run(context) {
    const output = textOption(context.options, 'output');
    if (output === undefined) throw new TaraError('TARA_USAGE', { reason: 'convert needs --output FILE' });
    const base = await existing(context.path(argument(context.args, 0, 'base')), 'any');
    return convertCommand(context, {
      base,
      adapters: listOption(context.options, 'adapter').map((text) => parseAdapter(context, text)),
      outputs: [{ id: 'out', path: context.path(output), type: textOption(context.options, 'type') ?? 'f16' }],
    });
  },
};

export default command;
