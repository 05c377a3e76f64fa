/** The capability `cleaner`: examines, then copies, cleans in place, or only reports. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { readError, TaraError, type Cleaner, type CleanIssue, type CleanOptions, type HookCaller, type Workers } from 'tara-gguf/plugin';
import { writeCopy } from './copy.js';
import { examine, type Examination } from './examine.js';
import type { ExamineInput } from './examine-task.js';
import { checkFile } from './file.js';
import { pluginIssues, withPluginFixes } from './hooks.js';
import { keptEntries, removedPaths } from './kept.js';
import { manifestPaths } from './manifest.js';
import { checkReportPlace, describe, reportDocument, writeReport, type FullReport } from './report.js';
import { scanFolder } from './scan.js';
import { cleanInPlace } from './trash.js';
import { verdictOf } from './verdict.js';

/** What the kernel lends; without it everything runs in this thread and no other plugin is asked. */
export interface CleanServices {
  readonly workers?: Workers | undefined;
  readonly hooks?: HookCaller | undefined;
}

export interface FullOptions extends CleanOptions {
  /** The copy is only read and soon gone: hard links will do. */
  readonly throwaway?: boolean;
}

/** Where a copy goes when nobody says: beside the model. */
export const defaultOutput = (path: string): string => `${resolve(path)}-cleaned`;

const TASK = new URL('./examine-task.js', import.meta.url);

function examination(path: string, { maxFileBytes, baseDir, signal }: CleanOptions, { workers }: CleanServices): Promise<Examination> {
  const input: ExamineInput = { dir: path, maxFileBytes, baseDir };
  return workers === undefined ? examine(path, { ...input, signal }) : workers.runInPool<Examination>(TASK, input, signal ? { signal } : {});
}

/** Seconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const [before, now] = [last, performance.now()];
    last = now;
    return (now - before) / 1000;
  };
}

function sizesOf({ tree, dropped, texts }: Examination): FullReport['files'] {
  const before = [...tree.entries.values()].filter(({ kind }) => kind !== 'folder');
  const kept = keptEntries(tree, dropped);
  const created = [...texts.keys()].filter((path) => !tree.entries.has(path)).length;
  const written = [...texts.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const bytes = (entries: typeof before): number => entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return { before: before.length, after: kept.length + created, bytesBefore: bytes(before), bytesAfter: bytes(kept.filter(({ path }) => !texts.has(path))) + written };
}

async function cleanFolder(path: string, options: FullOptions, services: CleanServices): Promise<Omit<FullReport, 'seconds'>> {
  const { signal, onProgress, outputPath, inPlace = false } = options;
  const lap = stopwatch();
  const writes = inPlace || outputPath !== undefined;
  onProgress?.(null, 'examining');
  const examined = await examination(path, options, services);
  const found = services.hooks === undefined ? [] : await pluginIssues(services.hooks, examined, signal);
  const all = [...examined.issues, ...found];
  const ready = services.hooks === undefined ? examined : await withPluginFixes(services.hooks, examined, all, signal);
  const times = { examine: lap(), scan: 0, write: 0 };
  // Reading is as long as writing, where there is both.
  const scanned = await scanFolder(ready, { hash: writes, signal, onProgress: (fraction, detail) => onProgress?.((fraction ?? 0) * (writes && !inPlace ? 0.5 : 1), detail) });
  times.scan = lap();
  const output = outputPath === undefined ? path : resolve(outputPath);
  const trash = inPlace ? await cleanInPlace(ready, scanned.hashes, signal) : null;
  if (outputPath !== undefined) {
    await writeCopy(ready, output, { hashes: scanned.hashes, throwaway: options.throwaway ?? false, signal, onProgress: (fraction, detail) => onProgress?.(0.5 + (fraction ?? 0) / 2, detail) });
  }
  times.write = lap();
  const { kind, tree, dropped, fixes, config } = ready;
  const { issues, valid, score, parts } = verdictOf(kind, [...all, ...scanned.issues], options.strict);
  return {
    path: resolve(path), kind, valid, score, output, removed: removedPaths(tree, dropped), issues, fixes, trash, times, config,
    bytesSaved: [...dropped].reduce((sum, entry) => sum + (tree.entries.get(entry)?.bytes ?? 0), 0), scoreParts: parts, files: sizesOf(ready),
    manifest: writes ? manifestPaths(inPlace ? tree.root : output).json : null,
  };
}

/** One file is checked where it is; there is nothing to clean in it. */
async function cleanFile(path: string, options: CleanOptions): Promise<Omit<FullReport, 'seconds'>> {
  const lap = stopwatch();
  const found = await checkFile(path, options);
  const issues: CleanIssue[] = found.issues.map(({ code, message }) => ({ code, path: basename(path), severity: 'error', message }));
  const { valid, score, parts } = verdictOf('gguf', issues, options.strict);
  const { size } = await stat(path);
  return {
    path: resolve(path), kind: found.kind, valid, score: valid ? score : 0, output: path, removed: [], issues, fixes: [], bytesSaved: 0, trash: null, manifest: null, config: null,
    scoreParts: parts, files: { before: 1, after: 1, bytesBefore: size, bytesAfter: size }, times: { examine: lap(), scan: 0, write: 0 },
  };
}

/**
 * Cleans a model or adapter folder, or checks a model file. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE,
 * TARA_OPTION_INVALID, and what copying and in-place cleaning throw; an invalid model is a report, not an error.
 */
export async function clean(path: string, options: FullOptions = {}, services: CleanServices = {}): Promise<FullReport> {
  if (options.inPlace && options.outputPath !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--in-place', reason: 'it writes no copy, so --output-path has no meaning' });
  if (options.reportPath !== undefined) checkReportPlace(options.reportPath, path);
  const started = performance.now();
  const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  const report = { ...await (stats.isDirectory() ? cleanFolder : cleanFile)(path, options, services), seconds: (performance.now() - started) / 1000 };
  if (options.reportPath !== undefined) await writeReport(options.reportPath, reportDocument(report), describe(report, true));
  return report;
}

export const createCleaner = (services: CleanServices): Cleaner => ({ clean: (path, options) => clean(path, options, services) });
