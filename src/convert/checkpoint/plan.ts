/** A Hugging Face folder as a plan. */
import { basename, join } from 'node:path';
import { TaraError } from '../../errors.js';
import { readCheckpoint } from '../../formats/checkpoint.js';
import type { Blobs, MetadataEntry, Plan, PlanOutput, PlanStep, PlanTensor, PlanWithBlobs } from '../../plan/schema.js';
import { PLAN_FORMAT } from '../../plan/format.js';
import { changes, EMBEDDING, firstSteps, HEAD, loadAdapters, type AdapterBase } from '../adapters/adapters.js';
import { architectureByHuggingFace, type ComputedTensor } from '../architectures/index.js';
import { knownArchitectures } from '../architectures/plugins.js';
import { findTensors, type FoundTensor, type Subject } from './tensors.js';
import { architectureOf, modelConfig } from './config.js';
import { overwriting, text, u32 } from '../entries.js';
import { generalEntries } from './general.js';
import { FEEDBACK, loadFeedback } from '../feedback.js';
import { IMATRIX, loadImportance, type Importance } from '../importance.js';
import type { ConvertInput, ConvertOutput } from '../input.js';
import { poolingOf } from './pooling.js';
import { concreteRules, intoGguf, ruleOf, tieOf, type Laid } from '../adapters/rules.js';
import { pinned } from '../source.js';
import { tokenizerEntries } from '../tokenizers/index.js';
import { autoType, convertedType, FILE_TYPES, hasOwnTypes, plainType, presetChoice, QUANTIZATION_VERSION, type ChosenType, type FloatType, type PresetModel, type PresetTensor } from '../types.js';

/** A tensor of the result before types are chosen. */
interface Mapped {
  readonly name: string;
  readonly ne: readonly number[];
  readonly steps: PlanStep[];
}

/** The checkpoint as adapters see it: where the head is the embedding, its name finds the embedding. */
function adapterBase({ checkpoint, architecture, rules }: Subject, found: readonly FoundTensor[]): AdapterBase {
  const byTarget = new Map(found.map((tensor) => [tensor.target, tensor]));
  const embedding = byTarget.get(EMBEDDING);
  const tie = byTarget.has(HEAD) ? 'none' : tieOf(architecture);
  return {
    name: basename(checkpoint.dir),
    tie,
    find: (name) => {
      const target = ruleOf(architecture, rules, name)?.target ?? '';
      return tie === 'loose' && target === HEAD ? embedding && { ...embedding, target: HEAD } : byTarget.get(target);
    },
  };
}

/** The tensors to write: adapters that part the head from the embedding make it a tensor of its own. */
function withHead(found: readonly FoundTensor[], changed: ReadonlyMap<string, unknown>): readonly FoundTensor[] {
  const embedding = found.find(({ target }) => target === EMBEDDING);
  const parted = changed.has(HEAD) && embedding !== undefined && !found.some(({ target }) => target === HEAD);
  return parted ? [...found, { ...embedding, target: HEAD }] : found;
}

const computedTensor = ({ name, values }: ComputedTensor): Mapped => ({ name, ne: [values.length], steps: [{ op: 'values', values: [...values] }] });

/** Throws TARA_CONFIG_INVALID for rotary heads of odd size. */
function laidOf({ target, ne, rule }: FoundTensor, { dims, config }: Subject): Laid {
  const heads = rule.ropeHeads === undefined ? undefined : dims[rule.ropeHeads] ?? 0;
  const rows = ne.at(-1) ?? 0;
  if (heads !== undefined && rows % (2 * heads) !== 0) throw config.invalid(`head_dim ${rows / heads} must be even`);
  return { target, ne, rule, heads };
}

const inHalf = (step: PlanStep): PlanStep => (step.op === 'affine' ? { ...step, half: true } : step);

const typed = (tensors: readonly Mapped[], type: FloatType): PresetTensor[] =>
  tensors.map(({ name, ne }) => ({ name, ne, type: convertedType(name, ne, type) }));

interface OutputTypes {
  readonly id: string;
  readonly output: PlanOutput;
  readonly types: ReadonlyMap<string, ChosenType>;
  /** Of presets alone: what the converter writes weighs no errors. */
  readonly importance?: Importance | undefined;
}

/** An output whose keys all stand in the metadata already needs to set none, and keeps the reference's order. */
const withoutRepeats = (output: PlanOutput, metadata: readonly MetadataEntry[]): PlanOutput =>
  output.order === 'plan' && output.set.every((entry) => metadata.some(({ key, value }) => key === entry.key && value === entry.value)) ? { ...output, set: [] } : output;

/** Plain outputs as the converter types them; presets, and plain types with others for single tensors, as llama-quantize types the conversion to `auto`. */
async function outputTypes(asked: ConvertOutput, mapped: readonly Mapped[], auto: FloatType, model: PresetModel, importance: Importance | undefined): Promise<OutputTypes> {
  const { id, path } = asked;
  const plain = hasOwnTypes(asked) ? undefined : plainType(asked.type);
  if (plain !== undefined) {
    const decided = plain === 'auto' ? auto : plain;
    const types = new Map(typed(mapped, decided).map(({ name, type }) => [name, { type }]));
    return { id, types, output: { path, order: 'plan', set: [u32('general.file_type', FILE_TYPES[decided])], remove: [], alignment: 32 } };
  }
  const { fileType, types } = await presetChoice(model, typed(mapped, auto), asked, importance !== undefined);
  const set = [u32('general.quantization_version', QUANTIZATION_VERSION), u32('general.file_type', fileType), ...(importance?.set ?? [])];
  return { id, types, importance, output: { path, order: 'layer', set, remove: [], alignment: 32 } };
}

/** Reads a checkpoint and what it is one of. */
async function subjectOf(dir: string, modules: readonly string[] | undefined): Promise<Subject> {
  const checkpoint = await readCheckpoint(dir);
  const path = join(dir, 'config.json');
  const name = architectureOf(checkpoint.config);
  const architecture = architectureByHuggingFace(path, name, await knownArchitectures(modules));
  if (checkpoint.config['quantization_config'] != null) throw new TaraError('TARA_CHECKPOINT_QUANTIZED', { path: dir });
  const config = modelConfig(path, checkpoint.config, architecture.assumed);
  const [dims, layers] = [architecture.dims(config), architecture.layers(config)];
  return { checkpoint, architecture, config, dims, layers, rules: concreteRules(architecture, layers), headless: name?.endsWith('Model') === true };
}

const presetModel = ({ architecture, dims, layers }: Subject): PresetModel => ({
  architecture: architecture.name,
  n_embd: dims.hidden,
  n_ff: dims.inner,
  n_layer: layers,
  n_head: dims.heads,
  n_head_kv: dims.kvHeads,
  n_expert: 0,
  n_embd_head_k: dims.headDim,
  n_embd_head_v: dims.headDim,
});

/** The plan of a Hugging Face folder. Throws what is wrong with it, naming the file and the tensor or key. */
export async function planCheckpoint(input: ConvertInput, dir: string): Promise<PlanWithBlobs> {
  const subject = await subjectOf(dir, input.architectures);
  const { checkpoint, architecture, config } = subject;
  const found = findTensors(subject);

  const sourceId = (shard: number): string => (shard === 0 ? 'base' : `base-${shard + 1}`);
  const sources: Plan['sources'] = Object.fromEntries(checkpoint.shards.map((shard, index) => [sourceId(index), pinned('safetensors', shard)]));
  const adapters = await loadAdapters(input.adapters, sources);
  const changed = changes(adapters, adapterBase(subject, found), input.merge);

  const tables: Record<string, number[]> = {};
  const mapped = [
    ...(architecture.computed?.(config) ?? []).map(computedTensor),
    ...withHead(found, changed).map((tensor): Mapped => {
      const read = { src: sourceId(tensor.shard), tensor: tensor.stored };
      const change = changed.get(tensor.target);
      const rest = intoGguf(laidOf(tensor, subject), tables);
      // PyTorch, and so the reference, adds to a float16 tensor in float16; merging is done in float32.
      const half = tensor.dtype === 'F16' && !change && !input.blend;
      return { name: tensor.target, ne: tensor.ne, steps: [...firstSteps(read, change, tensor.transposed), ...(half ? rest.map(inHalf) : rest)] };
    }),
  ];
  const importance = input.imatrix && await loadImportance(input.imatrix);
  importance?.check(mapped);
  if (importance) sources[IMATRIX] = importance.source;
  const feedback = input.feedback === undefined ? undefined : await loadFeedback(input.feedback);
  feedback?.check(mapped);
  if (feedback) sources[FEEDBACK] = feedback.source;
  const auto = autoType(found.map(({ dtype, ne }) => ({ dtype, shape: ne })));
  const outputs = await Promise.all(input.outputs.map((output) => outputTypes(output, mapped, auto, presetModel(subject), importance)));

  const blobs: Blobs = new Map();
  const parameters = mapped.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  const firstPlain = input.outputs.map(({ type }) => plainType(type)).find((type) => type !== undefined) ?? 'auto';
  const fileType = FILE_TYPES[firstPlain === 'auto' ? auto : firstPlain];
  const metadata: MetadataEntry[] = overwriting([
    text('general.architecture', architecture.name),
    ...(architecture.leading?.(config) ?? []),
    ...(await generalEntries(dir, parameters, input.name)),
    ...architecture.metadata(config, { fileType, pooling: await poolingOf(dir) }),
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
      to: outputs.map(({ id, types, importance: weighing }) => {
        const choice = types.get(name) ?? { type: 'f32' as const };
        return { out: id, ...choice, ...weighing?.of(name, ne, choice.type), ...feedback?.of(name, ne, choice.type) };
      }),
    })),
  };
  return { plan, blobs };
}
