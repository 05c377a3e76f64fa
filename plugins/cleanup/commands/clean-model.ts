/** clean-model: a clean copy of a model or adapter folder, or the folder itself cleaned in place. */
import type { CleanOptions, CommandModule } from 'tara-gguf/plugin';
import { TaraError } from 'tara-gguf/plugin';
import { clean, defaultOutput, type FullReport } from '../cleaner.js';

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, K: 1e3, KB: 1e3, M: 1e6, MB: 1e6, G: 1e9, GB: 1e9, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 };

/** `80000`, `2GB`, `1.5GiB` in bytes. Throws TARA_OPTION_INVALID. */
export function parseBytes(option: string, text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  if (number === '' || factor === undefined) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 40))} is no size such as 80000, 2GB or 1.5GiB` });
  return Math.floor(Number(number) * factor);
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** A path on one line: names may hold anything. */
const shown = (path: string): string => (/^[\p{L}\p{N}\p{P}\p{S}\p{M} ]+$/u.test(path) ? path : JSON.stringify(path));

function describe(report: FullReport): string {
  const lines = [
    `${report.kind}: ${report.valid ? 'valid' : 'not valid'} (score ${report.score.toFixed(2)})`,
    ...report.issues.map(({ severity, code, path, message }) => `  ${severity.padEnd(7)} ${code} ${shown(path)}: ${message}`),
    ...report.fixes.map(({ code, file }) => `  fixed   ${code} ${shown(file)}`),
    ...report.removed.slice(0, 20).map((path) => `  removed ${shown(path)}`),
    ...(report.removed.length > 20 ? [`  and ${report.removed.length - 20} more removed`] : []),
    `output: ${report.output}`,
    ...(report.trash === null ? [] : [`removed files lie in ${report.trash}, with undo.json`]),
  ];
  return lines.join('\n');
}

const command: CommandModule = {
  describe(command) {
    command
      .argument('<path>', 'model or adapter folder, or a GGUF or safetensors file')
      .option('--output-path <dir>', 'where the clean copy goes (default: PATH-cleaned)')
      .option('--in-place', 'clean PATH itself; what is removed moves to PATH.trash-DATE with an undo manifest')
      .option('--report-path <file>', 'write the report as JSON too')
      .option('--max-file-size <bytes>', 'remove larger files: 80000, 2GB, 1.5GiB (default: no limit)')
      .option('--base <dir>', 'checkpoint of the base, to compare an adapter with')
      .option('--strict', 'warnings make the model invalid too')
      .option('--dry-run', 'check and say what would be done; write nothing')
      .addHelpText('after', '\nExamples:\n  $ tara-gguf clean-model ./SmolLM2\n  $ tara-gguf clean-model ./adapters/health --base ./SmolLM2 --output-path ./clean/health\n  $ tara-gguf clean-model ./SmolLM2 --in-place --report-path ./report.json');
  },
  async run({ args: [path = ''], options, signal, progress }) {
    const size = text(options.maxFileSize);
    const [outputPath, reportPath, baseDir] = [text(options.outputPath), text(options.reportPath), text(options.base)];
    const writes = options.dryRun !== true;
    const inPlace = options.inPlace === true;
    if (inPlace && outputPath !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--in-place', reason: 'it writes no copy, so --output-path has no meaning' });
    const bar = progress('clean');
    const request: CleanOptions = {
      signal, onProgress: (fraction, detail) => bar.report(fraction, detail), strict: options.strict === true,
      ...(size !== undefined && { maxFileBytes: parseBytes('--max-file-size', size) }),
      ...(baseDir !== undefined && { baseDir }),
      ...(writes && inPlace && { inPlace }),
      ...(writes && !inPlace && { outputPath: outputPath ?? defaultOutput(path) }),
      ...(writes && reportPath !== undefined && { reportPath }),
    };
    const report = await clean(path, request);
    bar.done();
    return { json: report, text: describe(report), exitCode: report.valid ? 0 : 1 };
  },
};

export default command;
