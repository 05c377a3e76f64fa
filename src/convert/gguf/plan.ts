/** A GGUF file as a plan: any architecture to quantize, those whose row orders are known to merge into. */
import { TaraError } from '../../errors.js';
import { headerEntry } from '../../formats/gguf/header.js';
import { metadataOf, readGguf, type GgufFile } from '../../formats/gguf/file.js';
import { checkModel } from '../../formats/gguf/model.js';
import type { Imatrix } from '../../formats/imatrix.js';
import type { Blobs, MetadataEntry, Plan, PlanOutput, PlanTensor, PlanWithBlobs } from '../../plan/schema.js';
import { PLAN_FORMAT } from '../../plan/format.js';
import { overwriting, text, u32 } from '../entries.js';
import { FEEDBACK, loadFeedback } from '../feedback.js';
import { IMATRIX, loadImportance, type Importance } from '../importance.js';
import type { ConvertInput, ConvertOutput } from '../input.js';
import { pinned } from '../source.js';
import { hasOwnTypes, plainType, presetChoice, QUANTIZATION_VERSION, type ChosenType } from '../types.js';
import type { Mapped } from './mapped.js';
import { presetModel } from './preset-model.js';

const SPLIT_KEYS = ['split.no', 'split.count', 'split.tensors.count'];

/** The tensors before types are chosen; what changes them is loaded for adapters alone. */
async function mapped(input: ConvertInput, file: GgufFile, sources: Plan['sources'], tables: Record<string, number[]>): Promise<readonly Mapped[]> {
  const plain = file.tensors.map(({ name, ne, type }): Mapped => ({ name, ne, type, steps: [{ op: 'read', src: 'base', tensor: name }] }));
  return input.adapters.length === 0 ? plain : (await import('./changed.js')).changed(input, file, plain, sources, tables);
}

/** The types of one output and the keys that llama-quantize sets for it. */
async function outputOf(file: GgufFile, tensors: readonly Mapped[], output: ConvertOutput, importance: Importance | undefined): Promise<{ types: ReadonlyMap<string, ChosenType>; set: MetadataEntry[] }> {
  const version = u32('general.quantization_version', QUANTIZATION_VERSION);
  if (plainType(output.type) === 'auto' && !hasOwnTypes(output)) return { types: new Map(tensors.map(({ name, type }) => [name, { type }])), set: [version] };
  const { fileType, types } = await presetChoice(presetModel(file), tensors, output, importance !== undefined);
  return { types, set: [version, u32('general.file_type', fileType), ...(importance?.set ?? [])] };
}

/** The plan of a GGUF file. Throws TARA_GGUF_INVALID, and what adapters and types throw. */
export async function planGguf(input: ConvertInput, path: string): Promise<PlanWithBlobs> {
  const file = await readGguf(path);
  checkModel(file);
  const metadata = metadataOf(file);
  if ((metadata.number('split.count') ?? 1) > 1) throw new TaraError('TARA_GGUF_INVALID', { path, reason: 'it is one part of a split model; join the parts first' });
  const importance = input.imatrix && await loadImportance(input.imatrix);
  const feedback = input.feedback === undefined ? undefined : await loadFeedback(input.feedback);
  const sources: Plan['sources'] = { base: pinned('gguf', file), ...(importance && { [IMATRIX]: importance.source }), ...(feedback && { [FEEDBACK]: feedback.source }) };
  const tables: Record<string, number[]> = {};
  const tensors = await mapped(input, file, sources, tables);
  importance?.check(tensors);
  feedback?.check(tensors);
  const blobs: Blobs = new Map();
  const outputs: Record<string, PlanOutput> = {};
  const types: [string, ReadonlyMap<string, ChosenType>][] = [];
  for (const output of input.outputs) {
    const { id, path: target } = output;
    const chosen = await outputOf(file, tensors, output, importance);
    outputs[id] = { path: target, order: 'layer', set: chosen.set, remove: [], alignment: file.alignment };
    types.push([id, chosen.types]);
  }
  const plan: Plan = {
    format: PLAN_FORMAT,
    sources,
    tables,
    metadata: overwriting([
      ...file.metadata.filter(({ key }) => !SPLIT_KEYS.includes(key)).map((entry) => headerEntry(entry, blobs)),
      ...(input.name === undefined ? [] : [text('general.name', input.name)]),
      ...(input.metadata ?? []),
    ] as MetadataEntry[]),
    outputs,
    tensors: tensors.map(({ name, ne, steps }): PlanTensor => ({
      name,
      ne: [...ne],
      steps,
      to: types.map(([out, chosen]) => {
        const choice = chosen.get(name) ?? { type: 'f32' as const };
        return { out, ...choice, ...importance?.of(name, ne, choice.type), ...feedback?.of(name, ne, choice.type) };
      }),
    })),
  };
  return { plan, blobs, read: new Map<string, GgufFile | Imatrix>([['base', file], ...(importance ? [[IMATRIX, importance.file] as const] : [])]) };
}
