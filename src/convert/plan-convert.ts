/** Plans a conversion: reads headers, configuration and vocabularies, never weights. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import type { PlanWithBlobs } from '../plan/schema.js';
import { blendPlans, type BlendInput } from './blend.js';
import { planGguf } from './gguf/plan.js';
import type { ConvertInput } from './input.js';
import { mergeStep } from './adapters/merge.js';
import { checkOutputs } from './outputs.js';

export type { ConvertInput, ConvertOutput } from './input.js';

function checkInput({ adapters, merge, blend, pruning, outputs }: ConvertInput): void {
  const ids = new Set<string>();
  const paths = new Set<string>();
  if (outputs.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: 'name at least one output' });
  if (adapters.length > 0 && adapters.every(({ weight }) => weight === 0)) throw new TaraError('TARA_OPTION_INVALID', { option: 'adapter', reason: 'every weight is 0: nothing would be merged' });
  mergeStep(merge);
  if (blend && adapters.length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: 'adapter', reason: 'two models are merged without adapters; merge those into the result' });
  if (blend && !(blend.t >= 0 && blend.t <= 1)) throw new TaraError('TARA_OPTION_INVALID', { option: 'blend.t', reason: 'it must be from 0 to 1' });
  if (pruning && (adapters.length > 0 || blend)) throw new TaraError('TARA_OPTION_INVALID', { option: 'pruning', reason: 'a model is pruned after merging; prune the result' });
  for (const { id, path } of outputs) {
    if (ids.has(id)) throw new TaraError('TARA_OPTION_INVALID', { option: 'outputs', reason: `two outputs are called ${id}` });
    if (path !== null && paths.has(resolve(path))) throw new TaraError('TARA_OPTION_INVALID', { option: 'output', reason: `two outputs are ${path}` });
    ids.add(id);
    if (path !== null) paths.add(resolve(path));
  }
}

/** Tokenizers and architectures are loaded for checkpoints alone. */
const planBase = async (folder: boolean, input: ConvertInput, base: string): Promise<PlanWithBlobs> =>
  (folder ? (await import('./checkpoint/plan.js')).planCheckpoint(input, base) : planGguf(input, base));

const isFolder = async (path: string): Promise<boolean> => {
  const kind = await stat(path).catch(() => undefined);
  if (!kind) throw new TaraError('TARA_FILE_NOT_FOUND', { path });
  return kind.isDirectory();
};

/** The plan of the base alone, with the second model blended in. */
async function blended(base: string, planned: PlanWithBlobs, blend: BlendInput, input: ConvertInput): Promise<PlanWithBlobs> {
  const path = resolve(blend.with);
  const folder = await isFolder(path);
  if (folder !== (await isFolder(base))) throw new TaraError('TARA_MERGE_MISMATCH', { path: base, other: path, reason: 'one is a checkpoint folder, the other a GGUF file; convert the folder first' });
  const alone: ConvertInput = { base: path, adapters: [], blend, outputs: [{ id: 'out', path: null, type: 'auto' }], architectures: input.architectures, preTokenizer: input.preTokenizer };
  return blendPlans({ path: base, planned }, { path, planned: await planBase(folder, alone, path) }, blend);
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
  const folder = await isFolder(base);
  if (input.pruning && folder) throw new TaraError('TARA_OPTION_INVALID', { option: 'pruning', reason: 'a GGUF file is pruned; convert the folder first' });
  const own = await planBase(folder, { ...input, outputs }, base);
  const planned = input.blend ? await blended(base, own, input.blend, input) : own;
  const folders = [base, ...(input.blend ? [input.blend.with] : [])].filter(() => folder);
  await checkOutputs(outputs.map(({ path }) => path), planned.plan.sources, [...folders, ...input.adapters.map(({ dir }) => dir)].map((path) => resolve(path)));
  return planned;
}
