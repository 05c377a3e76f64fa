/** One conversion as convert, merge and quantize run it: the plan under --dry-run, else a progress line and a report. */
import { prepareConversion, replacedTypes, runConversion } from '../convert/convert.js';
import { keptBytes } from '../convert/reuse/kept.js';
import type { ConvertInput, Prepared, ReplacedType, ReuseReport } from '../convert/index.js';
import { TaraError } from '../errors.js';
import { countTypes } from '../formats/gguf/count-types.js';
import type { CommandResult } from '../kernel/command.js';
import { KERNEL_VERSION } from '../kernel/version.js';
import type { PlanProgress } from '../plan/run.js';
import { inlinePool } from '../workers/index.js';
import type { CoreContext } from './context.js';
import { formatBytes, formatSeconds, parseCount, printable } from './format.js';
import { textOption } from './options.js';
import { facts } from './table.js';

/** What every step of a conversion is run with. */
export interface RunSettings {
  readonly signal: AbortSignal;
  readonly threads: number | undefined;
  /** --reuse, where a command has it. */
  readonly reuse: string | undefined;
  /** --dry-run: the plan is wanted as text and data too. */
  readonly print: boolean;
}

const typeList = (types: Readonly<Record<string, number>>): string => Object.entries(types).map(([type, count]) => `${count} x ${type}`).join(', ');

/** Rows that k-quants cannot hold make a file another than its label says. */
const replacedFact = (replaced: readonly ReplacedType[]): [string, string][] =>
  (replaced.length === 0 ? [] : [['row lengths', replaced.map(({ wanted, type, tensors }) => `${tensors} x ${type} instead of ${wanted}`).join(', ')]]);

const reuseFact = (reuse: ReuseReport | null): [string, string][] =>
  (reuse === null ? [] : [['reuse', `${reuse.reused} tensors found, ${reuse.stored} added; ${reuse.folder} holds ${formatBytes(reuse.bytes)}`]]);

const SETTLED_SECONDS = 0.3;

/** `812.4 MB/s, 3.1 s left  blk.3.attn_q.weight`, once that can be told. */
export function progressDetail({ bytesRead, bytesTotal, seconds, tensor }: PlanProgress): string {
  if (seconds < SETTLED_SECONDS || bytesRead === 0) return tensor;
  const perSecond = bytesRead / seconds;
  return `${formatBytes(perSecond)}/s, ${formatSeconds((bytesTotal - bytesRead) / perSecond)} left  ${tensor}`;
}

/** What would be written, with the sizes that the files would have. */
function dryRun({ lowered, printed, plan }: Prepared, reuse: string | undefined): CommandResult {
  const outputs = lowered.outputs.map(({ path, bytes, tensors }) => ({ path, bytes, types: countTypes(tensors), replaced: replacedTypes(tensors), tensors }));
  const kept = reuse === undefined ? undefined : { folder: reuse, bytes: keptBytes(lowered) };
  return {
    json: { dryRun: true, outputs, memoryBytes: lowered.memoryBytes, ...(kept && { reuse: kept }), requantizedFrom: lowered.quantizedFrom, plan },
    text: `${printed ?? ''}\n${outputs.map(({ path, bytes, types, replaced }) => facts([
      ['would write', path ?? ''],
      ['size', `${formatBytes(bytes)} (${bytes} bytes)`],
      ['tensors', typeList(types)],
      ...replacedFact(replaced),
      ['memory', `at most ${formatBytes(lowered.memoryBytes)} a thread`],
    ])).join('\n\n')}${kept ? `\n\n${facts([['reuse', `would add at most ${formatBytes(kept.bytes)} to ${kept.folder}`]])}` : ''}`,
  };
}

/** Plans with `prepare`, then writes or, under --dry-run, tells. `models` are what it reads, as they were typed. */
export async function conversion(context: CoreContext, models: readonly string[], prepare: (settings: RunSettings) => Promise<Prepared>): Promise<CommandResult> {
  const [threads, reuse] = ['threads', 'reuse'].map((name) => textOption(context.options, name));
  const settings = { signal: context.signal, reuse: reuse === undefined ? undefined : context.path(reuse), threads: threads === undefined ? undefined : parseCount('--threads', threads, 1, 1024), print: context.dryRun };
  const started = performance.now();
  const prepared = await withPlugins(context, () => prepare(settings));
  const planSeconds = (performance.now() - started) / 1000;
  const { lowered, planned } = prepared;
  // llama-quantize refuses such files; merging decodes them anyway, so it is only said.
  const note = (): void => {
    if (lowered.quantizedFrom.length === 0) return;
    context.note(`note: ${models.map(printable).join(' or ')} is quantized already (${lowered.quantizedFrom.join(', ')}); its rounding stays in what is made of it. Start from F16 or BF16 where you can.`);
  };
  if (context.dryRun) {
    note();
    return dryRun(prepared, settings.reuse);
  }
  const sink = context.progress('writing');
  try {
    const report = await runConversion(lowered, {
      ...settings,
      pool: inlinePool,
      onProgress: (progress) => sink.report(progress.bytesTotal > 0 ? progress.bytesRead / progress.bytesTotal : null, progressDetail(progress)),
    }, planned);
    const seconds = (performance.now() - started) / 1000;
    note();
    return {
      json: { outputs: report.files, seconds, planSeconds, runSeconds: report.runSeconds, bytesRead: report.bytesRead, requantizedFrom: lowered.quantizedFrom, ...(report.reuse && { reuse: report.reuse }) },
      text: report.files.map(({ path, bytes, types, replaced }) => facts([
        ['output', path],
        ['size', formatBytes(bytes)],
        ['tensors', typeList(types)],
        ...replacedFact(replaced),
        ...reuseFact(report.reuse),
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
