/** A GGUF file as a plan: any architecture to quantize, those whose row orders are known to merge into. */
import { TaraError } from '../errors.js';
import { headerEntry } from '../formats/gguf-header.js';
import { metadataOf, readGguf, type GgufFile } from '../formats/gguf.js';
import { checkModel } from '../formats/gguf-model.js';
import type { Blobs, MetadataEntry, Plan, PlanOutput, PlanStep, PlanTensor, PlanWithBlobs } from '../plan/schema.js';
import { PLAN_FORMAT } from '../plan/schema.js';
import { concreteRules, deltaSteps, loadAdapters, type BaseWeight } from './adapters.js';
import { architectureByGguf, ARCHITECTURES } from './architectures/index.js';
import { overwriting, text, u32 } from './entries.js';
import { IMATRIX, loadImportance, type Importance } from './importance.js';
import type { ConvertInput } from './input.js';
import { deinterleave, runs } from './rope.js';
import { pinned } from './source.js';
import { plainType, presetChoice, QUANTIZATION_VERSION, type PresetModel } from './types.js';

const SPLIT_KEYS = ['split.no', 'split.count', 'split.tensors.count'];

/** Reads a number of the architecture, the first where the file keeps one for each layer. */
function sizes(file: GgufFile): (key: string) => number | undefined {
  const metadata = metadataOf(file);
  const architecture = metadata.string('general.architecture') ?? '';
  return (key) => {
    const value = metadata.get(`${architecture}.${key}`);
    if (typeof value === 'object') return Number(value.items()[0] ?? 0);
    return metadata.number(`${architecture}.${key}`);
  };
}

function presetModel(file: GgufFile): PresetModel {
  const size = sizes(file);
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

/** The steps of each tensor that adapters change: back into Hugging Face's row order, the delta, and forth again. */
async function mergeSteps(input: ConvertInput, file: GgufFile, sources: Parameters<typeof loadAdapters>[1], tables: Record<string, number[]>): Promise<Map<string, PlanStep[]>> {
  if (input.adapters.length === 0) return new Map();
  const name = metadataOf(file).string('general.architecture');
  const architecture = architectureByGguf(name);
  if (!architecture) {
    const known = ARCHITECTURES.map((other) => other.name).join(', ');
    throw new TaraError('TARA_ARCHITECTURE_UNKNOWN', { path: file.path, architecture: name ?? '(none named)', known });
  }
  const size = sizes(file);
  const heads: Readonly<Record<string, number>> = { heads: size('attention.head_count') ?? 0, kvHeads: size('attention.head_count_kv') ?? size('attention.head_count') ?? 0 };
  const rules = concreteRules(architecture, size('block_count') ?? 0);
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const weightOf = (module: string): BaseWeight | undefined => {
    const rule = rules.get(module);
    return rule && tensors.get(`${rule.to}.weight`);
  };
  const ruleOf = new Map([...rules.values()].map(({ rule, to }) => [`${to}.weight`, rule]));
  const steps = new Map<string, PlanStep[]>();
  for (const [tensor, delta] of deltaSteps(await loadAdapters(input.adapters, sources), weightOf)) {
    const count = heads[ruleOf.get(tensor)?.ropeHeads ?? ''];
    if (count === undefined) steps.set(tensor, [delta]);
    else {
      const rows = tensors.get(tensor)?.ne[1] ?? 0;
      if (count === 0 || rows % (2 * count) !== 0) throw new TaraError('TARA_GGUF_INVALID', { path: file.path, reason: `${tensor} has ${rows} rows for ${count} heads` });
      const table = `unrope-${rows}-${count}`;
      tables[table] ??= runs(deinterleave(rows, count));
      steps.set(tensor, [{ op: 'rows', take: { table } }, delta, { op: 'rows', take: { ropeHeads: count } }]);
    }
  }
  return steps;
}

/** The types of one output and the keys that llama-quantize sets for it. */
async function outputOf(file: GgufFile, type: string, importance: Importance | undefined): Promise<{ types: ReadonlyMap<string, PlanTensor['to'][number]['type']>; set: MetadataEntry[] }> {
  const version = u32('general.quantization_version', QUANTIZATION_VERSION);
  if (plainType(type) === 'auto') return { types: new Map(file.tensors.map((tensor) => [tensor.name, tensor.type])), set: [version] };
  const { fileType, types } = await presetChoice(presetModel(file), file.tensors, type, importance !== undefined);
  return { types, set: [version, u32('general.file_type', fileType), ...(importance?.set ?? [])] };
}

/** The plan of a GGUF file. Throws TARA_GGUF_INVALID, and what adapters and types throw. */
export async function planGguf(input: ConvertInput, path: string): Promise<PlanWithBlobs> {
  const file = await readGguf(path);
  checkModel(file);
  const metadata = metadataOf(file);
  if ((metadata.number('split.count') ?? 1) > 1) throw new TaraError('TARA_GGUF_INVALID', { path, reason: 'it is one part of a split model; join the parts first' });
  const importance = input.imatrix && await loadImportance(input.imatrix);
  const sources = { base: pinned('gguf', file), ...(importance ? { [IMATRIX]: importance.source } : {}) };
  const tables: Record<string, number[]> = {};
  const merges = await mergeSteps(input, file, sources, tables);
  const blobs: Blobs = new Map();
  const outputs: Record<string, PlanOutput> = {};
  const types: [string, ReadonlyMap<string, PlanTensor['to'][number]['type']>][] = [];
  for (const { id, path: target, type } of input.outputs) {
    const chosen = await outputOf(file, type, importance);
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
    tensors: file.tensors.map(({ name, ne }): PlanTensor => ({
      name,
      ne: [...ne],
      steps: [{ op: 'read', src: 'base', tensor: name }, ...(merges.get(name) ?? [])],
      to: types.map(([out, chosen]) => {
        const type = chosen.get(name) ?? 'f32';
        return { out, type, ...importance?.of(name, ne, type) };
      }),
    })),
  };
  return { plan, blobs };
}
