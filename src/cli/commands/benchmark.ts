/** benchmark: what each type costs and keeps on this model and machine, as a table, JSON and a page. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { benchmark, planBenchmark, writeReport, type BenchmarkOptions } from '../../benchmark/index.js';
import { TaraError } from '../../errors.js';
import type { CommandResult } from '../../kernel/command.js';
import { inlinePool } from '../../workers/index.js';
import { compressionTypes, presetCandidates, proposedCandidates, type Proposals } from '../benchmark-candidates.js';
import { benchmarkTable, plannedTable } from '../benchmark-table.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { parseCount, parseSize, printable } from '../format.js';
import { addDryRun, argument, collect, examples, listOption, textOption } from '../options.js';
import { existing } from '../paths.js';

/** Of each size one or two: enough for a curve. */
const DEFAULT_TYPES = 'Q2_K,Q3_K_M,Q4_0,IQ4_NL,Q4_K_M,Q5_K_M,Q6_K,Q8_0';

/** What a model is made of before it is quantized. */
const FLOATS = new Set(['f32', 'f16', 'bf16', 'f64']);

/** Where the page goes: known to be possible before anything is measured. */
async function pagePath(context: CoreContext, inputs: readonly string[]): Promise<string | undefined> {
  const typed = textOption(context.options, 'html');
  if (typed === undefined) return undefined;
  const path = context.path(typed);
  if (inputs.includes(path)) throw new TaraError('TARA_OUTPUT_IS_INPUT', { path });
  const folder = await stat(dirname(path)).catch(() => null);
  if (!folder?.isDirectory()) throw new TaraError('TARA_WRITE_FAILED', { path, reason: 'its folder does not exist' });
  if (await stat(path).then((found) => found.isDirectory(), () => false)) throw new TaraError('TARA_WRITE_FAILED', { path, reason: 'it is a folder' });
  return path;
}

const files = (context: CoreContext, name: string): Promise<string[]> => Promise.all(listOption(context.options, name).map((path) => existing(context.path(path), 'file')));

/** What is measured beside the presets. */
async function proposals(context: CoreContext, { model, threads }: BenchmarkOptions): Promise<Proposals> {
  const types = compressionTypes(textOption(context.options, 'compressionType') ?? 'standard').filter((type) => type !== 'standard');
  const calibration = await files(context, 'calibration');
  const sizes = listOption(context.options, 'targetSize').map((size) => parseSize('--target-size', size, 'B'));
  if (types.length > 0 && calibration.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--calibration', reason: `${types[0]} compression measures: give calibration text, other than --text` });
  const unused = types.length > 0 ? undefined : calibration.length > 0 ? '--calibration' : sizes.length > 0 ? '--target-size' : undefined;
  if (unused !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: unused, reason: 'only with --compression-type hybrid' });
  return { model, threads, types, calibration, sizes };
}

async function settings(context: CoreContext): Promise<BenchmarkOptions> {
  const count = (name: string, least: number, most: number): number | undefined => {
    const text = textOption(context.options, name);
    return text === undefined ? undefined : parseCount(`--${name}`, text, least, most);
  };
  const imatrix = textOption(context.options, 'imatrix');
  const scratch = textOption(context.options, 'scratch');
  return {
    model: await existing(context.path(argument(context.args, 0, 'model')), 'file'),
    candidates: presetCandidates(textOption(context.options, 'types') ?? DEFAULT_TYPES),
    text: await files(context, 'text'),
    imatrix: imatrix === undefined ? undefined : await existing(context.path(imatrix), 'file'),
    contextSize: count('context', 8, 1 << 20), chunks: count('chunks', 1, 1 << 20), threads: count('threads', 1, 1024), runs: count('runs', 0, 100),
    scratch: scratch === undefined ? undefined : await existing(context.path(scratch), 'folder'),
    signal: context.signal,
  };
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<model>', 'GGUF file, best in F16: what is quantized and compared with')
      .requiredOption('--text <file>', 'text to measure on, used for nothing else: running text, or .jsonl items; may be repeated', collect)
      .option('--types <types>', 'types and presets, comma-separated', DEFAULT_TYPES)
      .option('--compression-type <types>', 'standard: the presets; hybrid: also a mix of types, searched for by measurement; comma-separated', 'standard')
      .option('--calibration <file>', 'calibration text of the search; may be repeated', collect)
      .option('--target-size <size>', 'bytes of a hybrid file at most, such as 88.2MB; may be repeated (default: those of Q4_K_M)', collect)
      .option('--imatrix <file>', 'importance matrix of this model, for every type')
      .option('--html <file>', 'write a self-contained page with plots')
      .option('--context <tokens>', 'tokens of a chunk, of which the second half is scored (default: 512)')
      .option('--chunks <count>', 'chunks at most', '24')
      .option('--runs <count>', 'runs of which speeds are the median; 0: no speed', '3')
      .option('--threads <count>', 'threads (default: all cores)')
      .option('--scratch <dir>', 'folder for the quantized files, one at a time (default: the system\'s temporary folder)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'benchmark model-f16.gguf --text wiki.txt',
      'benchmark model-f16.gguf --text wiki.txt --types Q4_0,Q4_K_M,Q8_0 --html report.html',
      'benchmark model-f16.gguf --text wiki.txt --imatrix model.imatrix.gguf --chunks 48 --json',
      'benchmark model-f16.gguf --text wiki.txt --compression-type standard,hybrid --calibration train.txt --target-size 90MB --target-size 105MB --html report.html',
    ));
  },
  async run(context): Promise<CommandResult> {
    const options = await settings(context);
    const wanted = await proposals(context, options);
    const html = await pagePath(context, [options.model, ...[options.text].flat(), ...wanted.calibration]);
    const { reference, files: planned } = await planBenchmark(options);
    const quantized = Object.keys(reference.types).filter((type) => !FLOATS.has(type));
    if (quantized.length > 0) context.note(`note: ${printable(argument(context.args, 0, 'model'))} is quantized already (${quantized.join(', ')}): what that lost is not counted. Start from F16 or BF16 where you can.`);
    if (context.dryRun) {
      const searched = wanted.types.length === 0 ? '' : `\nand search: ${wanted.types.join(', ')}`;
      return { json: { dryRun: true, reference, files: planned, searched: wanted.types, html: html ?? null }, text: `would measure\n${plannedTable([...planned, reference])}${searched}` };
    }
    const candidates = [...options.candidates, ...(await proposedCandidates(context, wanted))];
    const sink = context.progress('measuring');
    const measured = await benchmark({ ...options, candidates, onProgress: (fraction, detail) => sink.report(fraction, detail) }).finally(() => sink.done());
    // This process has nothing else to do; a worker takes longer to start than the page to draw.
    if (html !== undefined) await writeReport(html, measured, { signal: context.signal, pool: inlinePool });
    return { json: { ...measured, html: html ?? null }, text: `${benchmarkTable(measured)}${html === undefined ? '' : `\nwritten: ${html}`}` };
  },
};

export default command;
