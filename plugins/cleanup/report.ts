/** The report of a cleaning: as JSON, with the fields that older tools read, and as text. */
import { dirname, join, resolve, sep, parse } from 'node:path';
import { TaraError, writeWhole, type CleanReport } from 'tara-gguf/plugin';
import type { Part } from './codes.js';
import type { JsonObject } from './json-text.js';

/** The report with what this cleaner adds to the capability's. */
export interface FullReport extends CleanReport {
  readonly path: string;
  /** What the score is the mean of. */
  readonly scoreParts: Readonly<Record<Part, number>>;
  /** Where what was removed lies, with undo.json; null without --in-place, or when nothing was to do. */
  readonly trash: string | null;
  /** The manifest beside the cleaned folder; null where nothing was written. */
  readonly manifest: string | null;
  readonly files: { readonly before: number; readonly after: number; readonly bytesBefore: number; readonly bytesAfter: number };
  /** Seconds of examining, of reading for hashes and NaN, and of writing. */
  readonly times: { readonly examine: number; readonly scan: number; readonly write: number };
  readonly config: JsonObject | null;
}

/** The JSON document: the report, and the same facts under the names of the first TARA cleaner. */
export function reportDocument(report: FullReport): JsonObject {
  const { config, ...rest } = report;
  const messages = (severity: string): string[] => report.issues.filter((issue) => issue.severity === severity).map(({ code, path, message }) => `${code} ${path}: ${message}`);
  return {
    ...rest,
    cleanup_summary: {
      original_files: report.files.before, cleaned_files: report.files.after, removed_count: report.removed.length, fixes_applied: report.fixes.length,
      original_size: report.files.bytesBefore, cleaned_size: report.files.bytesAfter, space_saved: report.bytesSaved, duration_seconds: report.seconds,
    },
    validation_result: { is_valid: report.valid, validation_score: report.score, score_parts: report.scoreParts, errors: messages('error'), warnings: messages('warning') },
    removed_files: report.removed,
    model_config: config,
  };
}

/** A path on one line: names may hold anything. */
export const shown = (path: string): string => (/^[\p{L}\p{N}\p{P}\p{S}\p{M} ]+$/u.test(path) ? path : JSON.stringify(path));

const MOST_NAMED = 20;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

function sized(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit] ?? ''}`;
}

/** The report for people, line by line; `all` names everything that was removed. */
export function describe(report: FullReport, all = false): string {
  const named = all ? report.removed : report.removed.slice(0, MOST_NAMED);
  const parts = Object.entries(report.scoreParts).map(([part, score]) => `${part} ${score}`).join(', ');
  const { files, times } = report;
  return [
    `${report.kind}: ${report.valid ? 'valid' : 'not valid'} (score ${report.score.toFixed(2)}: ${parts})`,
    ...report.issues.map(({ severity, code, path, message }) => `  ${severity.padEnd(7)} ${code} ${shown(path)}: ${message}`),
    ...report.fixes.map(({ code, file }) => `  fixed   ${code} ${shown(file)}`),
    ...named.map((path) => `  removed ${shown(path)}`),
    ...(report.removed.length > named.length ? [`  and ${report.removed.length - named.length} more removed`] : []),
    `files: ${files.before} (${sized(files.bytesBefore)}) -> ${files.after} (${sized(files.bytesAfter)}) in ${report.seconds.toFixed(2)} s (examining ${times.examine.toFixed(2)}, reading ${times.scan.toFixed(2)}, writing ${times.write.toFixed(2)})`,
    `output: ${shown(report.output)}`,
    ...(report.manifest === null ? [] : [`manifest: ${shown(report.manifest)}`]),
    ...(report.trash === null ? [] : [`removed files lie in ${shown(report.trash)}; \`clean-model --undo\` puts them back`]),
  ].join('\n');
}

/** Refuses a report in a folder that is cleaned. Throws TARA_OPTION_INVALID. */
export function checkReportPlace(reportPath: string, path: string): void {
  const place = resolve(reportPath);
  if (dirname(place) === resolve(path) || place.startsWith(resolve(path) + sep)) throw new TaraError('TARA_OPTION_INVALID', { option: '--report-path', reason: 'the report cannot lie in the folder that is cleaned' });
}

/** Writes JSON to `reportPath`, and the text beside it, as .txt; a path that ends so gets the text alone. Throws TARA_DISK_FULL, TARA_WRITE_FAILED. */
export async function writeReport(reportPath: string, document: unknown, text: string): Promise<void> {
  const place = resolve(reportPath);
  const { dir, name, ext } = parse(place);
  if (ext !== '.txt') await writeWhole(place, `${JSON.stringify(document, null, 2)}\n`);
  await writeWhole(join(dir, `${name}.txt`), `${text}\n`);
}
