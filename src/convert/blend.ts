/**
 * Two full models of one kind as one plan: every tensor of the first, with the second's blended in. It compares finished
 * plans and so knows no architecture: wherever the two plans differ, the models cannot be blended.
 */
import { TaraError } from '../errors.js';
import { stringBytes } from '../formats/gguf/array.js';
import { oneLine } from '../formats/one-line.js';
import type { BlendStep, MetadataEntry, PlanStep, PlanTensor, PlanWithBlobs } from '../plan/schema.js';

export interface BlendInput {
  /** The second model: a Hugging Face folder where the base is one, a GGUF file where it is one. */
  readonly with: string;
  /** slerp goes along the arc between the two tensors, each seen as one vector. */
  readonly method: 'linear' | 'slerp';
  /** 0 is the base, 1 the second model. */
  readonly t: number;
}

/** A planned model and the path that it is called by. */
export interface PlannedModel {
  readonly path: string;
  readonly planned: PlanWithBlobs;
}

/** What decides the vocabulary; ids, scores and templates may differ between two trainings of one model. */
const VOCABULARY = ['tokenizer.ggml.model', 'tokenizer.ggml.pre', 'tokenizer.ggml.tokens', 'tokenizer.ggml.merges'];
/** A model may have been trained on longer texts than the other. */
const FREE = /\.context_length$/;

type Mismatch = (reason: string) => TaraError;

const entriesOf = ({ planned }: PlannedModel): Map<string, MetadataEntry> => new Map(planned.plan.metadata.map((entry) => [entry.key, entry]));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A list's strings, where they lie in a blob or in the plan. */
function stringsOf({ planned }: PlannedModel, entry: MetadataEntry | undefined): string[] {
  const value = entry?.value;
  if (typeof value !== 'object' || value.of !== 'string') return [];
  if ('items' in value) return value.items.map(String);
  return Array.from(stringBytes(planned.blobs.get(value.blob) ?? new Uint8Array()), (item) => item.toString('utf8'));
}

/** How two values differ: lists by their length or first difference. */
function difference(base: PlannedModel, other: PlannedModel, key: string): string {
  const [mine, theirs] = [entriesOf(base).get(key), entriesOf(other).get(key)];
  const [ours, others] = [stringsOf(base, mine), stringsOf(other, theirs)];
  if (ours.length !== others.length) return `${key} has ${ours.length} entries in one, ${others.length} in the other`;
  const at = ours.findIndex((item, index) => item !== others[index]);
  if (at >= 0) return `entry ${at} of ${key} is ${JSON.stringify(ours[at])} in one, ${JSON.stringify(others[at])} in the other`;
  const show = (entry: MetadataEntry | undefined): string => (entry === undefined ? 'missing' : typeof entry.value === 'object' ? 'another list' : JSON.stringify(entry.value));
  return `${key} is ${show(mine)} in one, ${show(theirs)} in the other`;
}

/** Hyperparameters and vocabulary must agree; what a model is called, and how it is used, need not. */
function checkMetadata(base: PlannedModel, other: PlannedModel, mismatch: Mismatch): void {
  const [mine, theirs] = [entriesOf(base), entriesOf(other)];
  const architecture = mine.get('general.architecture')?.value;
  const decides = (key: string): boolean => key.startsWith(`${String(architecture)}.`) && !FREE.test(key);
  const keys = [...new Set(['general.architecture', ...[...mine.keys(), ...theirs.keys()].filter(decides), ...VOCABULARY])];
  for (const key of keys) {
    if (!same(mine.get(key)?.value, theirs.get(key)?.value)) throw mismatch(difference(base, other, key));
  }
}

/** The steps after the first with what they depend on, source names left out. */
const shapeOf = ({ steps, ne }: PlanTensor): unknown => [ne, steps[0]?.op, steps[0]?.op === 'values' ? steps[0].values : null, steps.slice(1)];

function blendTensor(tensor: PlanTensor, twin: PlanTensor, sources: ReadonlyMap<string, string>, how: Pick<BlendStep, 'method' | 't'>, mismatch: Mismatch): PlanTensor {
  const { name, ne, steps } = tensor;
  if (!same(ne, twin.ne)) throw mismatch(`${name} is [${ne.toReversed().join(', ')}] in one, [${twin.ne.toReversed().join(', ')}] in the other`);
  if (!same(shapeOf(tensor), shapeOf(twin))) throw mismatch(`${name} is computed in another way`);
  const [first, second] = [steps[0], twin.steps[0]];
  if (first?.op === 'values') return tensor;
  if (first?.op !== 'read' || second?.op !== 'read') throw mismatch(`${name} is put together from several tensors`);
  const transposed = steps[1]?.op === 'transpose';
  const blend: PlanStep = {
    op: 'blend', ...how, with: { src: sources.get(second.src) ?? second.src, tensor: second.tensor }, ...(transposed && { transposed }),
  };
  const before = transposed ? 2 : 1;
  return { ...tensor, steps: [...steps.slice(0, before), blend, ...steps.slice(before)] };
}

/** A tensor that only one of the models has. */
const lonely = (name: string, { path }: PlannedModel): string =>
  name === 'output.weight' ? `the head of ${path} is tied to its embedding, the other's is not` : `${path} has no ${name}`;

/**
 * The plan of `base` with `other` blended in: (1 - t) base + t other, or the same along the arc between them. Names,
 * types, vocabulary and everything else come from `base`. Throws TARA_MERGE_MISMATCH naming the first difference.
 */
export function blendPlans(base: PlannedModel, other: PlannedModel, { method, t }: Pick<BlendInput, 'method' | 't'>): PlanWithBlobs {
  const mismatch: Mismatch = (reason) => new TaraError('TARA_MERGE_MISMATCH', { path: base.path, other: other.path, reason: oneLine(reason) });
  checkMetadata(base, other, mismatch);
  const { plan, blobs } = base.planned;
  const theirs = other.planned.plan;
  const twins = new Map(theirs.tensors.map((tensor) => [tensor.name, tensor]));
  const names = new Set(plan.tensors.map(({ name }) => name));
  for (const { name } of plan.tensors) if (!twins.has(name)) throw mismatch(lonely(name, other));
  for (const { name } of theirs.tensors) if (!names.has(name)) throw mismatch(lonely(name, base));

  const sources = new Map(Object.keys(theirs.sources).map((id) => [id, `with-${id}`]));
  const tensors = plan.tensors.map((tensor) => {
    const twin = twins.get(tensor.name);
    return twin ? blendTensor(tensor, twin, sources, { method, t }, mismatch) : tensor;
  });
  const added = Object.fromEntries(Object.entries(theirs.sources).map(([id, source]) => [sources.get(id) ?? id, source]));
  return { plan: { ...plan, sources: { ...plan.sources, ...added }, tensors }, blobs };
}
