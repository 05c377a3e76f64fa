/** A Hugging Face folder as a plan. */
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { readCheckpoint, type Checkpoint } from '../formats/checkpoint.js';
import type { Blobs, MetadataEntry, Plan, PlanOutput, PlanStep, PlanTensor, PlanWithBlobs } from '../plan/schema.js';
import { PLAN_FORMAT } from '../plan/schema.js';
import { concreteRules, deltaSteps, loadAdapters, type BaseWeight, type ConcreteRule } from './adapters.js';
import { architectureByHuggingFace, type Architecture, type ComputedTensor, type Dims } from './architectures/index.js';
import { architectureOf, modelConfig, type ModelConfig } from './config.js';
import { overwriting, u32 } from './entries.js';
import { generalEntries } from './general.js';
import type { ConvertInput, ConvertOutput } from './input.js';
import { interleave, runs } from './rope.js';
import { pinned } from './source.js';
import { tokenizerEntries } from './tokenizers/index.js';
import { autoType, convertedType, FILE_TYPES, plainType, presetChoice, QUANTIZATION_VERSION, type FloatType, type PresetModel, type PresetTensor } from './types.js';

const DTYPES: readonly string[] = ['F32', 'F16', 'BF16'];

/** A tensor of the result before types are chosen. */
interface Mapped {
  readonly name: string;
  readonly ne: readonly number[];
  readonly steps: PlanStep[];
}

/** A weight or bias of the checkpoint with the rule it falls under. */
interface Found extends BaseWeight {
  readonly shard: number;
  readonly target: string;
  readonly rule: ConcreteRule['rule'];
}

const dimensions = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`;

function checkShape(path: string, name: string, shape: readonly number[], rule: ConcreteRule['rule'], dims: Dims): void {
  const expected = (name.endsWith('.bias') ? rule.shape.slice(0, 1) : rule.shape).map((dim) => dims[dim] ?? 0);
  if (expected.length === shape.length && expected.every((size, index) => size === shape[index])) return;
  throw new TaraError('TARA_TENSOR_SHAPE', { path, tensor: name, actual: dimensions(shape), expected: dimensions(expected) });
}

/** The checkpoint's tensors in their order, each checked against the architecture and the configuration. */
function findTensors(checkpoint: Checkpoint, architecture: Architecture, config: ModelConfig, dims: Dims, rules: ReadonlyMap<string, ConcreteRule>): Found[] {
  const { dir, shards, tensors } = checkpoint;
  const found: Found[] = [];
  for (const [name, { shard, tensor }] of tensors) {
    if (architecture.ignored.some((pattern) => pattern.test(name))) continue;
    const path = shards[shard]?.path ?? dir;
    const [, module = '', suffix = ''] = /^(.*)(\.weight|\.bias)$/.exec(name) ?? [];
    const rule = rules.get(module);
    if (!rule) throw new TaraError('TARA_TENSOR_UNKNOWN', { path, tensor: name, architecture: architecture.name });
    if (!DTYPES.includes(tensor.dtype)) throw new TaraError('TARA_TENSOR_DTYPE', { path, tensor: name, dtype: tensor.dtype, known: DTYPES.join(', ') });
    checkShape(path, name, tensor.shape, rule.rule, dims);
    found.push({ name, target: rule.to + suffix, ne: tensor.shape.toReversed(), shard, rule: rule.rule });
  }
  const untied = config.boolean('tie_word_embeddings') !== true;
  for (const { rule, from } of rules.values()) {
    const needed = rule.needed === 'untied' ? untied : rule.needed !== 'never';
    if (needed && !tensors.has(`${from}.weight`)) throw new TaraError('TARA_TENSOR_MISSING', { path: dir, tensor: `${from}.weight` });
  }
  return found;
}

const computedTensor = ({ name, values }: ComputedTensor): Mapped => ({ name, ne: [values.length], steps: [{ op: 'values', values: [...values] }] });

/** The step that brings a rotary projection, or its bias, into the interleaved order. */
function ropeStep({ ne, rule }: Found, dims: Dims, config: ModelConfig, tables: Record<string, number[]>): PlanStep[] {
  if (rule.ropeHeads === undefined) return [];
  const heads = dims[rule.ropeHeads] ?? 0;
  const rows = ne.at(-1) ?? 0;
  if (rows % (2 * heads) !== 0) throw config.invalid(`head_dim ${rows / heads} must be even`);
  if (ne.length > 1) return [{ op: 'rows', take: { ropeHeads: heads } }];
  const table = `rope-${rows}-${heads}`;
  tables[table] ??= runs(interleave(rows, heads));
  return [{ op: 'cols', take: { table } }];
}

const typed = (tensors: readonly Mapped[], type: FloatType): PresetTensor[] =>
  tensors.map(({ name, ne }) => ({ name, ne, type: convertedType(name, ne, type) }));

interface OutputTypes {
  readonly id: string;
  readonly output: PlanOutput;
  readonly types: ReadonlyMap<string, PresetTensor['type']>;
}

/** An output whose keys all stand in the metadata already needs to set none, and keeps the reference's order. */
const withoutRepeats = (output: PlanOutput, metadata: readonly MetadataEntry[]): PlanOutput =>
  output.order === 'plan' && output.set.every((entry) => metadata.some(({ key, value }) => key === entry.key && value === entry.value)) ? { ...output, set: [] } : output;

/** Plain outputs as the converter types them; presets as llama-quantize types the conversion to `auto`. */
async function outputTypes({ id, path, type }: ConvertOutput, mapped: readonly Mapped[], auto: FloatType, model: PresetModel): Promise<OutputTypes> {
  const plain = plainType(type);
  if (plain !== undefined) {
    const decided = plain === 'auto' ? auto : plain;
    const types = new Map(typed(mapped, decided).map((tensor) => [tensor.name, tensor.type]));
    return { id, types, output: { path, order: 'plan', set: [u32('general.file_type', FILE_TYPES[decided])], remove: [], alignment: 32 } };
  }
  const { fileType, types } = await presetChoice(model, typed(mapped, auto), type);
  const set = [u32('general.quantization_version', QUANTIZATION_VERSION), u32('general.file_type', fileType)];
  return { id, types, output: { path, order: 'layer', set, remove: [], alignment: 32 } };
}

/** The plan of a Hugging Face folder. Throws what is wrong with it, naming the file and the tensor or key. */
export async function planCheckpoint(input: ConvertInput, dir: string): Promise<PlanWithBlobs> {
  const checkpoint = await readCheckpoint(dir);
  const path = join(dir, 'config.json');
  const architecture = architectureByHuggingFace(path, architectureOf(checkpoint.config));
  const config = modelConfig(path, checkpoint.config, architecture.assumed);
  if (checkpoint.config['quantization_config'] != null) throw new TaraError('TARA_CHECKPOINT_QUANTIZED', { path: dir });
  const [dims, layers] = [architecture.dims(config), architecture.layers(config)];
  const rules = concreteRules(architecture, layers);
  const found = findTensors(checkpoint, architecture, config, dims, rules);

  const sourceId = (shard: number): string => (shard === 0 ? 'base' : `base-${shard + 1}`);
  const sources = Object.fromEntries(checkpoint.shards.map((shard, index) => [sourceId(index), pinned('safetensors', shard)]));
  const adapters = await loadAdapters(input.adapters, sources);
  const byModule = new Map(found.filter(({ name }) => name.endsWith('.weight')).map((weight) => [weight.name.slice(0, -'.weight'.length), weight]));
  const deltas = deltaSteps(adapters, (module) => byModule.get(module));

  const tables: Record<string, number[]> = {};
  const mapped = [
    ...architecture.computed(config).map(computedTensor),
    ...found.map((tensor): Mapped => {
      const delta = deltas.get(tensor.name);
      const read: PlanStep = { op: 'read', src: sourceId(tensor.shard), tensor: tensor.name };
      return { name: tensor.target, ne: tensor.ne, steps: [read, ...(delta ? [delta] : []), ...ropeStep(tensor, dims, config, tables)] };
    }),
  ];
  const auto = autoType([...checkpoint.tensors.values()].map(({ tensor }) => tensor));
  const model: PresetModel = {
    architecture: architecture.name,
    n_embd: dims.hidden,
    n_ff: dims.inner,
    n_layer: layers,
    n_head: dims.heads,
    n_head_kv: dims.kvHeads,
    n_expert: 0,
    n_embd_head_k: config.count('head_dim'),
    n_embd_head_v: config.count('head_dim'),
  };
  const outputs = await Promise.all(input.outputs.map((output) => outputTypes(output, mapped, auto, model)));

  const blobs: Blobs = new Map();
  const parameters = mapped.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  const firstPlain = input.outputs.map(({ type }) => plainType(type)).find((type) => type !== undefined) ?? 'auto';
  const fileType = FILE_TYPES[firstPlain === 'auto' ? auto : firstPlain];
  const metadata: MetadataEntry[] = overwriting([
    ...(await generalEntries(dir, architecture.name, parameters, input.name)),
    ...architecture.metadata(config, fileType),
    u32('general.quantization_version', QUANTIZATION_VERSION),
    ...(await tokenizerEntries(dir, architecture, config, blobs, input.preTokenizer)),
    ...(input.metadata ?? []),
  ]);
  const plan: Plan = {
    format: PLAN_FORMAT,
    sources,
    tables,
    metadata,
    outputs: Object.fromEntries(outputs.map(({ output, id }) => [id, withoutRepeats(output, metadata)])),
    tensors: mapped.map(({ name, ne, steps }): PlanTensor => ({
      name,
      ne: [...ne],
      steps,
      to: outputs.map(({ id, types }) => ({ out: id, type: types.get(name) ?? 'f32' })),
    })),
  };
  return { plan, blobs };
}
