/** Plans a conversion: reads headers, configuration and vocabularies, never weights. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import type { PlanWithBlobs } from '../plan/schema.js';
import { planCheckpoint } from './from-checkpoint.js';
import { planGguf } from './from-gguf.js';
import type { ConvertInput } from './input.js';

export type { ConvertInput, ConvertOutput } from './input.js';

function checkInput({ outputs }: ConvertInput): void {
  const ids = new Set<string>();
  const paths = new Set<string>();
  if (outputs.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: 'name at least one output' });
  for (const { id, path } of outputs) {
    if (ids.has(id)) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: `two outputs are called ${id}` });
    if (path !== null && paths.has(resolve(path))) throw new TaraError('TARA_OPTION_INVALID', { option: 'output', reason: `two outputs are ${path}` });
    ids.add(id);
    if (path !== null) paths.add(resolve(path));
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
  return kind.isDirectory() ? planCheckpoint({ ...input, outputs }, base) : planGguf({ ...input, outputs }, base);
}
