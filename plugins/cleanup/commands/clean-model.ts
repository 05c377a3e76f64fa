/** clean-model: clean copies of model or adapter folders, or the folders themselves cleaned in place. */
import { resolve } from 'node:path';
import { hooks, TaraError, workers, type CommandContext, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import { clean, type FullOptions } from '../cleaner.js';
import { cleanMany, type Job } from '../many.js';
import { phaseJobs, plainJobs } from '../jobs.js';
import { checkReportPlace, describe, reportDocument, shown, writeReport } from '../report.js';
import { parseBytes } from '../sizes.js';
import { undo } from '../undo.js';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const refuse = (option: string, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option, reason });

async function runUndo({ args, options }: CommandContext): Promise<CommandResult> {
  const [path, ...more] = args;
  if (path === undefined || more.length > 0) throw refuse('--undo', 'give the one folder that was cleaned in place, or its trash folder');
  if (options.dryRun === true) throw refuse('--dry-run', '--undo puts back what undo.json lists; read that file');
  const undone = await undo(path);
  const lines = [
    `${shown(undone.folder)} is as it was: ${undone.restored.length} put back`,
    ...(undone.after === null ? [] : [`what lay in the place of something put back is in ${shown(undone.after)}`]),
  ];
  return { json: undone, text: lines.join('\n') };
}

async function jobsOf({ args, options, use }: CommandContext): Promise<readonly Job[]> {
  const [phase, outputPath] = [text(options.phase), text(options.outputPath)];
  const inPlace = options.inPlace === true;
  if (inPlace && outputPath !== undefined) throw refuse('--in-place', 'it writes no copy, so --output-path has no meaning');
  if (phase !== undefined && args.length > 0) throw refuse('--phase', 'it names the adapters of a phase; give it or paths');
  const jobs = phase === undefined ? plainJobs(args, outputPath) : await phaseJobs(phase, outputPath, use);
  if (options.dryRun === true) return jobs.map(({ name, path }) => ({ name, path }));
  return inPlace ? jobs.map(({ name, path }) => ({ name, path, inPlace })) : jobs;
}

function optionsOf({ options, signal }: CommandContext): FullOptions {
  const [size, baseDir] = [text(options.maxFileSize), text(options.base)];
  return { signal, strict: options.strict === true, ...(size !== undefined && { maxFileBytes: parseBytes('--max-file-size', size) }), ...(baseDir !== undefined && { baseDir }) };
}

const command: CommandModule = {
  describe(command) {
    command
      .argument('[paths...]', 'model or adapter folders, or GGUF or safetensors files')
      .option('--phase <number>', 'the adapters of all domains of a phase')
      .option('--output-path <dir>', 'where the clean copy goes (default: PATH-cleaned); with several, the folder that gets them')
      .option('--in-place', 'clean PATH itself; what is removed moves to PATH.trash-DATE with an undo manifest')
      .option('--undo', 'put back what --in-place removed or rewrote last; PATH may be the trash folder')
      .option('--report-path <file>', 'write the report as JSON, and as text beside it')
      .option('--max-file-size <bytes>', 'remove larger files: 80000, 2GB, 1.5GiB (default: no limit)')
      .option('--base <dir>', 'checkpoint of the base, to compare an adapter with')
      .option('--strict', 'warnings make the model invalid too')
      .option('--dry-run', 'check and say what would be done; write nothing')
      .addHelpText('after', '\nExamples:\n  $ tara-gguf clean-model ./SmolLM2\n  $ tara-gguf clean-model ./adapters/health --base ./SmolLM2 --output-path ./clean/health\n  $ tara-gguf clean-model ./adapters/health ./adapters/business --output-path ./clean\n  $ tara-gguf clean-model --phase 1 --output-path ./clean\n  $ tara-gguf clean-model ./SmolLM2 --in-place --report-path ./report.json\n  $ tara-gguf clean-model ./SmolLM2 --undo');
  },
  async run(context) {
    if (context.options.undo === true) return runUndo(context);
    const jobs = await jobsOf(context);
    const [reportPath, options] = [text(context.options.reportPath), optionsOf(context)];
    if (reportPath !== undefined) for (const { path } of jobs) checkReportPlace(reportPath, path);
    const several = jobs.length > 1 || context.options.phase !== undefined;
    const services = { hooks: context.use(hooks), workers: several ? context.use(workers) : undefined };
    const results = await cleanMany(jobs, (job, onProgress) => clean(job.path, { ...options, onProgress, ...job }, services), context);
    const documents = results.map((result) => ('report' in result ? reportDocument(result.report) : { path: resolve(result.job.path), valid: false, error: { code: result.error.code, message: result.error.message } }));
    const texts = (all: boolean): string => results.map((result) => {
      const lines = 'report' in result ? describe(result.report, all) : `failed: ${result.error.code}: ${result.error.message}`;
      return several ? `${shown(result.job.path)}\n${lines}` : lines;
    }).join('\n\n');
    const valid = results.every((result) => 'report' in result && result.report.valid);
    const json = several ? { valid, reports: documents } : documents[0];
    if (reportPath !== undefined && context.options.dryRun !== true) await writeReport(reportPath, json, texts(true));
    return { json, text: texts(false), exitCode: valid ? 0 : 1 };
  },
};

export default command;
