/** Which folders a command cleans, and where their copies go. */
import { basename, join, resolve } from 'node:path';
import { registryAccess } from 'tara-gguf';
import { TaraError, type Use } from 'tara-gguf/plugin';
import { defaultOutput } from './cleaner.js';
import type { Job } from './many.js';

const refuse = (option: string, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option, reason });

/** With one path, `outputPath` is the copy; with several, the folder that gets them. Throws TARA_USAGE, TARA_OPTION_INVALID. */
export function plainJobs(paths: readonly string[], outputPath: string | undefined): Job[] {
  if (paths.length === 0) throw new TaraError('TARA_USAGE', { reason: 'give the folder to clean, or --phase N' });
  const places = new Map<string, string>();
  return paths.map((path) => {
    const name = basename(resolve(path));
    const output = outputPath === undefined ? defaultOutput(path) : paths.length === 1 ? outputPath : join(outputPath, name);
    const other = places.get(resolve(output));
    if (other !== undefined) throw refuse('--output-path', `${other} and ${path} would both become ${output}`);
    places.set(resolve(output), path);
    return { name, path, outputPath: output };
  });
}

/** The adapters of every domain of a phase. Throws TARA_PHASE_NOT_FOUND, TARA_OPTION_INVALID. */
export async function phaseJobs(phase: string, outputPath: string | undefined, use: Use): Promise<Job[]> {
  if (!/^[1-9]\d{0,8}$/.test(phase)) throw refuse('--phase', `${JSON.stringify(phase.slice(0, 40))} is no phase number`);
  const number = Number(phase);
  const domains = await use(registryAccess).with('read', (registry) => {
    registry.phases.get(number);
    return registry.domains.list(number);
  });
  if (domains.length === 0) throw refuse('--phase', `phase ${number} has no domains`);
  return domains.map(({ name, path }) => ({ name, path, outputPath: outputPath === undefined ? defaultOutput(path) : join(outputPath, name) }));
}
