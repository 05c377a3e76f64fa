/** One conversion as convert, merge and quantize run it: the plan under --dry-run, else a progress line and a report. */
import { prepareConversion, runConversion } from '../convert/convert.js';
import type { ConvertInput, Prepared } from '../convert/index.js';
import { TaraError } from '../errors.js';
import { countTypes } from '../formats/gguf/count-types.js';
import type { CommandResult } from '../kernel/command.js';
import { KERNEL_VERSION } from '../kernel/version.js';
import { inlinePool } from '../workers/index.js';
import type { CoreContext } from './context.js';
import { formatBytes, formatSeconds, parseCount, printable } from './format.js';
import { textOption } from './options.js';
import { facts } from './table.js';

/** What every step of a conversion is run with. */
export interface RunSettings {
  readonly signal: AbortSignal;
  readonly threads: number | undefined;
  /** --dry-run: the plan is wanted as text and data too. */
  readonly print: boolean;
}

const typeList = (types: Readonly<Record<string, number>>): string => Object.entries(types).map(([type, count]) => `${count} x ${type}`).join(', ');

/** What would be written, with the sizes that the files would have. */
function dryRun({ lowered, printed, plan }: Prepared): CommandResult {
  const outputs = lowered.outputs.map(({ path, bytes, tensors }) => ({ path, bytes, types: countTypes(tensors), tensors }));
  return {
    json: { dryRun: true, outputs, memoryBytes: lowered.memoryBytes, requantizedFrom: lowered.quantizedFrom, plan },
    text: `${printed ?? ''}\n${outputs.map(({ path, bytes, types }) => facts([
      ['would write', path],
      ['size', `${formatBytes(bytes)} (${bytes} bytes)`],
      ['tensors', typeList(types)],
      ['memory', `at most ${formatBytes(lowered.memoryBytes)} a thread`],
    ])).join('\n\n')}`,
  };
}

/** Plans with `prepare`, then writes or, under --dry-run, tells. `models` are what it reads, as they were typed. */
export async function conversion(context: CoreContext, models: readonly string[], prepare: (settings: RunSettings) => Promise<Prepared>): Promise<CommandResult> {
  const threads = textOption(context.options, 'threads');
  const settings = { signal: context.signal, threads: threads === undefined ? undefined : parseCount('--threads', threads, 1, 1024), print: context.dryRun };
  const started = performance.now();
  const prepared = await withPlugins(context, () => prepare(settings));
  const planSeconds = (performance.now() - started) / 1000;
  const { lowered } = prepared;
  // llama-quantize refuses such files; merging decodes them anyway, so it is only said.
  const note = (): void => {
    if (lowered.quantizedFrom.length === 0) return;
    context.note(`note: ${models.map(printable).join(' or ')} is quantized already (${lowered.quantizedFrom.join(', ')}); its rounding stays in what is made of it. Start from F16 or BF16 where you can.`);
  };
  if (context.dryRun) {
    note();
    return dryRun(prepared);
  }
  const sink = context.progress('writing');
  try {
    const report = await runConversion(lowered, {
      ...settings,
      onProgress: ({ bytesRead, bytesTotal, tensor }) => sink.report(bytesTotal > 0 ? bytesRead / bytesTotal : null, tensor),
    });
    const seconds = (performance.now() - started) / 1000;
    note();
    return {
      json: { outputs: report.files, seconds, planSeconds, runSeconds: report.runSeconds, bytesRead: report.bytesRead, requantizedFrom: lowered.quantizedFrom },
      text: report.files.map(({ path, bytes, types }) => facts([
        ['output', path],
        ['size', formatBytes(bytes)],
        ['tensors', typeList(types)],
        ['time', formatSeconds(seconds)],
      ])).join('\n\n'),
    };
  } finally {
    sink.done();
  }
}

/** Plans; a plugin of tara.config may know an architecture that is not built in. */
async function withPlugins(context: CoreContext, prepare: () => Promise<Prepared>): Promise<Prepared> {
  try {
    return await prepare();
  } catch (thrown) {
    const unknown = thrown instanceof TaraError && thrown.code === 'TARA_ARCHITECTURE_UNKNOWN';
    if (!unknown || (await context.plugins()).contributions('architectures').length === 0) throw thrown;
    return prepare();
  }
}

/**
 * A conversion whose result says what was merged into it. It is planned in this thread: the process has nothing else to do,
 * and a worker takes longer to start than most models take to plan.
 */
export const convertCommand = (context: CoreContext, input: ConvertInput): Promise<CommandResult> =>
  conversion(context, [input.base, ...(input.blend ? [input.blend.with] : [])], (settings) => prepareConversion(input, { ...settings, tool: KERNEL_VERSION, pool: inlinePool }));
