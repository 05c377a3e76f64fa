/** Plans a conversion: reads headers, configuration and vocabularies, never weights. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { TaraError } from '../errors.js';
import type { PlanWithBlobs } from '../plan/schema.js';
import { planCheckpoint } from './from-checkpoint.js';
import { planGguf } from './from-gguf.js';
import type { ConvertInput } from './input.js';

export type { ConvertInput, ConvertOutput } from './input.js';

function checkInput({ adapters, outputs }: ConvertInput): void {
  const ids = new Set<string>();
  const paths = new Set<string>();
  if (outputs.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: 'name at least one output' });
  if (adapters.length > 0 && adapters.every(({ weight }) => weight === 0)) throw new TaraError('TARA_OPTION_INVALID', { option: 'adapter', reason: 'every weight is 0: nothing would be merged' });
  for (const { id, path } of outputs) {
    if (ids.has(id)) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: `two outputs are called ${id}` });
    if (path !== null && paths.has(resolve(path))) throw new TaraError('TARA_OPTION_INVALID', { option: 'output', reason: `two outputs are ${path}` });
    ids.add(id);
    if (path !== null) paths.add(resolve(path));
  }
}

/** Inputs are never replaced: neither a file that the plan reads, nor any other in the folders of the base and the adapters. */
async function checkOutputs(outputs: ConvertInput['outputs'], sources: PlanWithBlobs['plan']['sources'], folders: readonly string[]): Promise<void> {
  const inputs = await Promise.all(Object.values(sources).map(({ path }) => stat(path)));
  const roots = await Promise.all(folders.map((folder) => realpath(folder)));
  for (const { path } of outputs) {
    const found = path === null ? undefined : await stat(path).catch(() => undefined);
    if (path === null || !found) continue;
    const inside = (root: string, folder: string) => folder === root || folder.startsWith(root + sep);
    const folder = await realpath(dirname(path));
    const isInput = inputs.some(({ dev, ino }) => dev === found.dev && ino === found.ino);
    const isBeside = found.isFile() && !path.endsWith('.gguf') && roots.some((root) => inside(root, folder));
    if (isInput || isBeside) throw new TaraError('TARA_OUTPUT_IS_INPUT', { path });
  }
}

/**
 * The plan that turns `base` with its adapters into the outputs: every tensor with its steps and its type in each
 * output, and the metadata. Parses whole vocabularies (some hundred milliseconds): run it in a worker (prepare.ts).
 * Throws what is wrong with the base, the adapters or a type, as a TaraError.
 */
export async function planConvert(input: ConvertInput): Promise<PlanWithBlobs> {
  checkInput(input);
  const base = resolve(input.base);
  const outputs = input.outputs.map((output) => ({ ...output, path: output.path === null ? null : resolve(output.path) }));
  const kind = await stat(base).catch(() => undefined);
  if (!kind) throw new TaraError('TARA_FILE_NOT_FOUND', { path: base });
  if (kind.isDirectory() && input.imatrix) throw new TaraError('TARA_OPTION_INVALID', { option: 'imatrix', reason: 'an importance matrix belongs to a GGUF file: convert the folder first' });
  const planned = await (kind.isDirectory() ? planCheckpoint({ ...input, outputs }, base) : planGguf({ ...input, outputs }, base));
  await checkOutputs(outputs, planned.plan.sources, [...(kind.isDirectory() ? [base] : []), ...input.adapters.map(({ dir }) => resolve(dir))]);
  return planned;
}
