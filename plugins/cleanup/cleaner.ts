/** The capability `cleaner`: examines, then copies, cleans in place, or only reports. */
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { TaraError, type Cleaner, type CleanIssue, type CleanOptions, type CleanReport } from 'tara-gguf/plugin';
import { writeCopy } from './copy.js';
import { writeWhole } from './disk.js';
import { examine, type Examination } from './examine.js';
import { checkFile } from './file.js';
import { cleanInPlace } from './trash.js';
import { readError } from './tree.js';

/** The report with what in-place cleaning adds. */
export interface FullReport extends CleanReport {
  /** Where what was removed lies, with undo.json; null without --in-place, or when nothing was to do. */
  readonly trash: string | null;
}

/** Where a copy goes when nobody says: beside the model. */
export const defaultOutput = (path: string): string => `${resolve(path)}-cleaned`;

async function cleanFolder(path: string, options: CleanOptions): Promise<Omit<FullReport, 'seconds'>> {
  const examination = await examine(path, options);
  let [output, trash]: [string, string | null] = [path, null];
  if (options.inPlace) trash = await cleanInPlace(examination, options.signal);
  else if (options.outputPath !== undefined) {
    output = resolve(options.outputPath);
    await writeCopy(examination, output, { signal: options.signal, onProgress: options.onProgress });
  }
  const { kind, valid, score, removed, issues, findings } = examination;
  return { kind, valid, score, output, removed, issues, fixes: findings.fixes, bytesSaved: savedBytes(examination), trash };
}

const savedBytes = ({ tree, findings }: Examination): number =>
  [...findings.dropped].reduce((sum, path) => sum + (tree.entries.get(path)?.bytes ?? 0), 0);

/** One file is checked where it is; there is nothing to clean in it. */
async function cleanFile(path: string, options: CleanOptions): Promise<Omit<FullReport, 'seconds'>> {
  const found = await checkFile(path, options.signal);
  const issues: CleanIssue[] = found.issues.map(({ code, message }) => ({ code, path: basename(path), severity: 'error', message }));
  const valid = issues.length === 0;
  return { kind: found.kind, valid, score: valid ? 1 : 0, output: path, removed: [], issues, fixes: [], bytesSaved: 0, trash: null };
}

/**
 * Cleans a model or adapter folder, or checks a model file. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE,
 * TARA_OPTION_INVALID, and what copying and in-place cleaning throw; an invalid model is a report, not an error.
 */
export async function clean(path: string, options: CleanOptions = {}): Promise<FullReport> {
  if (options.inPlace && options.outputPath !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--in-place', reason: 'it writes no copy, so --output-path has no meaning' });
  const started = performance.now();
  const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  const report = { ...await (stats.isDirectory() ? cleanFolder : cleanFile)(path, options), seconds: (performance.now() - started) / 1000 };
  if (options.reportPath !== undefined) await writeReport(options.reportPath, path, report);
  return report;
}

async function writeReport(reportPath: string, path: string, report: FullReport): Promise<void> {
  const place = resolve(reportPath);
  if (dirname(place) === resolve(path) || place.startsWith(`${resolve(path)}/`)) throw new TaraError('TARA_OPTION_INVALID', { option: '--report-path', reason: 'the report cannot lie in the folder that is cleaned' });
  await writeWhole(place, `${JSON.stringify({ path: resolve(path), ...report }, null, 2)}\n`);
}

export const createCleaner = (): Cleaner => ({ clean });
