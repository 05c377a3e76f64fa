/** The first step of build-phase: the domain's adapter is cleaned into the build's work folder. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError, type PhaseCleanValue } from 'tara-gguf/plugin';
import { clean, type CleanServices } from './cleaner.js';

/** Gives the value with the cleaned copy's path; throws TARA_CLEANUP_INVALID naming the first issue. */
export async function cleanDomain(value: PhaseCleanValue, signal: AbortSignal, services: CleanServices = {}): Promise<PhaseCleanValue> {
  const { domain, path, baseDir, workDir } = value;
  // A GGUF base has no config.json to compare with.
  const hasConfig = await stat(join(baseDir, 'config.json')).then((stats) => stats.isFile(), () => false);
  const outputPath = join(workDir, `${domain}-cleaned`);
  const report = await clean(path, { outputPath, throwaway: true, signal, ...(hasConfig && { baseDir }) }, services);
  if (report.kind !== 'peft-adapter') throw new TaraError('TARA_CLEANUP_INVALID', { path, issue: 'it is no LoRA adapter folder' });
  const [first] = report.issues;
  if (!report.valid && first) throw new TaraError('TARA_CLEANUP_INVALID', { path, issue: `${first.code} ${first.path}: ${first.message}` });
  return { ...value, path: report.output, reports: [...value.reports, report] };
}
