/** A GGUF file as a plan: any architecture to quantize, those whose row orders are known to merge into. */
import { TaraError } from '../../errors.js';
import { headerEntry } from '../../formats/gguf/header.js';
import { metadataOf, readGguf, type GgufFile } from '../../formats/gguf/file.js';
import { checkModel } from '../../formats/gguf/model.js';
import type { Blobs, MetadataEntry, Plan, PlanOutput, PlanStep, PlanTensor, PlanWithBlobs, TensorRef, TensorType } from '../../plan/schema.js';
import { PLAN_FORMAT } from '../../plan/format.js';
import { changes, EMBEDDING, firstSteps, HEAD, loadAdapters, type Change } from '../adapters/adapters.js';
import { overwriting, text, u32 } from '../entries.js';
import { ggufBase, ggufSizes } from './base.js';
import { IMATRIX, loadImportance, type Importance } from '../importance.js';
import type { ConvertInput } from '../input.js';
import { fromGguf, intoGguf, type Laid } from '../adapters/rules.js';
import { pinned } from '../source.js';
import { plainType, presetChoice, QUANTIZATION_VERSION, type PresetModel } from '../types.js';

const SPLIT_KEYS = ['split.no', 'split.count', 'split.tensors.count'];

function presetModel(file: GgufFile): PresetModel {
  const size = ggufSizes(file);
  const [embedding, heads] = [size('embedding_length') ?? 0, size('attention.head_count') ?? 0];
  const perHead = heads > 0 ? Math.floor(embedding / heads) : 0;
  return {
    architecture: metadataOf(file).string('general.architecture') ?? '',
    n_embd: embedding,
    n_ff: size('feed_forward_length') ?? 0,
    n_layer: size('block_count') ?? 0,
    n_head: heads,
    n_head_kv: size('attention.head_count_kv') ?? heads,
    n_expert: size('expert_count') ?? 0,
    n_embd_head_k: size('attention.key_length') ?? perHead,
    n_embd_head_v: size('attention.value_length') ?? perHead,
  };
}

/** A tensor of the result before types are chosen: what the file holds, or the head that adapters parted from the embedding. */
interface Mapped {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: TensorType;
  readonly steps: PlanStep[];
}

/** A changed tensor: back into what Hugging Face computes with, the change, and forth again. */
function changedSteps(change: Change, read: TensorRef, laid: Laid, tables: Record<string, number[]>): PlanStep[] {
  if (change.instead) return [...firstSteps(read, change, laid.rule.transposed === true && laid.ne.length > 1), ...intoGguf(laid, tables)];
  if (!change.delta) return firstSteps(read);
  return [...firstSteps(read), ...fromGguf(laid, tables), change.delta, ...intoGguf(laid, tables)];
}

async function mapped(input: ConvertInput, file: GgufFile, sources: Plan['sources'], tables: Record<string, number[]>): Promise<Mapped[]> {
  const plain = file.tensors.map(({ name, ne, type }): Mapped => ({ name, ne, type, steps: firstSteps({ src: 'base', tensor: name }) }));
  if (input.adapters.length === 0) return plain;
  const { knownArchitectures } = await import('../architectures/plugins.js');
  const base = ggufBase(file, await knownArchitectures(input.architectures));
  const changed = changes(await loadAdapters(input.adapters, sources), base, input.merge);
  const embedding = plain.find(({ name }) => name === EMBEDDING);
  const all = base.tie === 'loose' && changed.has(HEAD) && embedding ? [...plain, { ...embedding, name: HEAD }] : plain;
  return all.map((tensor) => {
    const [change, laid] = [changed.get(tensor.name), base.laid(tensor.name)];
    const read = { src: 'base', tensor: tensor.name === HEAD && base.tie === 'loose' ? EMBEDDING : tensor.name };
    return change && laid ? { ...tensor, steps: changedSteps(change, read, laid, tables) } : tensor;
  });
}

/** The types of one output and the keys that llama-quantize sets for it. */
async function outputOf(file: GgufFile, tensors: readonly Mapped[], type: string, importance: Importance | undefined): Promise<{ types: ReadonlyMap<string, PlanTensor['to'][number]['type']>; set: MetadataEntry[] }> {
  const version = u32('general.quantization_version', QUANTIZATION_VERSION);
  if (plainType(type) === 'auto') return { types: new Map(tensors.map((tensor) => [tensor.name, tensor.type])), set: [version] };
  const { fileType, types } = await presetChoice(presetModel(file), tensors, type, importance !== undefined);
  return { types, set: [version, u32('general.file_type', fileType), ...(importance?.set ?? [])] };
}

/** The plan of a GGUF file. Throws TARA_GGUF_INVALID, and what adapters and types throw. */
export async function planGguf(input: ConvertInput, path: string): Promise<PlanWithBlobs> {
  const file = await readGguf(path);
  checkModel(file);
  const metadata = metadataOf(file);
  if ((metadata.number('split.count') ?? 1) > 1) throw new TaraError('TARA_GGUF_INVALID', { path, reason: 'it is one part of a split model; join the parts first' });
  const importance = input.imatrix && await loadImportance(input.imatrix);
  const sources: Plan['sources'] = { base: pinned('gguf', file), ...(importance ? { [IMATRIX]: importance.source } : {}) };
  const tables: Record<string, number[]> = {};
  const tensors = await mapped(input, file, sources, tables);
  const blobs: Blobs = new Map();
  const outputs: Record<string, PlanOutput> = {};
  const types: [string, ReadonlyMap<string, PlanTensor['to'][number]['type']>][] = [];
  for (const { id, path: target, type } of input.outputs) {
    const chosen = await outputOf(file, tensors, type, importance);
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
        const type = chosen.get(name) ?? 'f32';
        return { out, type, ...importance?.of(name, ne, type) };
      }),
    })),
  };
  return { plan, blobs };
}
