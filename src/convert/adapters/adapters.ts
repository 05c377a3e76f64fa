/** Adapters on a base: which tensors they change, and the plan steps that do it. */
import { resolve } from 'node:path';
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
import { readAdapter, type Adapter, type AdapterModule } from '../../formats/peft/adapter.js';
import type { SafetensorsTensor } from '../../formats/safetensors.js';
import type { DeltaStep, DeltaTerm, PlanSource, PlanStep, TensorRef } from '../../plan/schema.js';
import { mergeStep, type MergeSettings } from './merge.js';
import { rewrittenFactors } from './rewritten.js';
import { pinned } from '../source.js';

export interface AdapterInput {
  /** A PEFT folder. */
  readonly dir: string;
  /** How much of its delta goes into the merge. */
  readonly weight: number;
}

export interface LoadedAdapter {
  /** Its source in the plan. */
  readonly id: string;
  readonly weight: number;
  readonly adapter: Adapter;
}

/** A tensor of the base as adapters see it: a matrix of outputs by inputs in Hugging Face's row order. */
export interface BaseTensor {
  /** GGUF name. */
  readonly target: string;
  /** ggml order: [in, out] of a matrix, [length] of a vector. */
  readonly ne: readonly number[];
  /** Hugging Face stores it as [in, out], and so does an adapter that saves it whole. */
  readonly transposed?: boolean | undefined;
}

/** Whether the head is the embedding, without a tensor of its own; `fixed` where llama.cpp takes none. */
export type Tie = 'none' | 'loose' | 'fixed';

export interface AdapterBase {
  /** What the base is called in messages. */
  readonly name: string;
  /** The tensor with a Hugging Face name. Where the head is the embedding, the head's name finds the tensor that it would be. */
  readonly find: (tensor: string) => BaseTensor | undefined;
  readonly tie: Tie;
}

/** What adapters do to one tensor: `instead` is read in its place; `delta` comes behind reading and transposing, before any other step. */
export interface Change {
  readonly instead?: TensorRef;
  readonly delta?: DeltaStep;
}

export const EMBEDDING = 'token_embd.weight';
export const HEAD = 'output.weight';

/** Reads the adapters in the order of their paths, whatever order they are given in: sums are rounded and random choices numbered in that order. */
/** Adapters in the order in which a plan lists them, whatever order they were given in. */
export const inOrder = (inputs: readonly AdapterInput[]): AdapterInput[] =>
  inputs.map(({ dir, weight }) => ({ dir: resolve(dir), weight })).sort((a, b) => (a.dir < b.dir ? -1 : a.dir > b.dir ? 1 : a.weight - b.weight));

export async function loadAdapters(inputs: readonly AdapterInput[], sources: Record<string, PlanSource>): Promise<LoadedAdapter[]> {
  const loaded: LoadedAdapter[] = [];
  for (const [index, { dir, weight }] of inOrder(inputs).entries()) {
    if (!Number.isFinite(weight)) throw new TaraError('TARA_OPTION_INVALID', { option: 'adapter', reason: `the weight of ${dir} must be a finite number` });
    const adapter = await readAdapter(dir);
    const id = `adapter-${index + 1}`;
    sources[id] = pinned('safetensors', adapter.weights);
    loaded.push({ id, weight, adapter });
  }
  return loaded;
}

const dimensions = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function mismatch({ dir, config }: Adapter, base: AdapterBase, reason: string): TaraError {
  const named = config.baseModel === null || config.baseModel === '' ? '' : ` (it names ${config.baseModel} as its base, this is ${base.name})`;
  return new TaraError('TARA_ADAPTER_MISMATCH', { path: dir, reason: oneLine(reason + named) });
}

/** The base's weight of a module, checked against the module's factors. */
export function moduleWeight(adapter: Adapter, base: AdapterBase, module: string, { a, b, embedding }: AdapterModule): BaseTensor {
  const weight = base.find(`${module}.weight`);
  if (!weight) throw mismatch(adapter, base, `it adapts ${module}, which the base does not have`);
  const [inner, outer] = weight.ne;
  const [rows, cols] = embedding ? [a.shape[1], b.shape[0]] : [b.shape[0], a.shape[1]];
  if (weight.ne.length !== 2 || cols !== inner || rows !== outer) {
    throw mismatch(adapter, base, `${module} is ${dimensions(weight.ne.toReversed())} in the base, its factors are ${dimensions(b.shape)} x ${dimensions(a.shape)}`);
  }
  return weight;
}

/** The base's tensor that one of the adapter's replaces. */
function replacedTensor(adapter: Adapter, base: AdapterBase, name: string, saved: SafetensorsTensor): BaseTensor {
  const tensor = base.find(name);
  if (!tensor) throw mismatch(adapter, base, `it trained ${name}, which the base does not have`);
  const shape = tensor.transposed === true ? tensor.ne : tensor.ne.toReversed();
  if (shape.length !== saved.shape.length || shape.some((size, index) => size !== saved.shape[index])) {
    throw mismatch(adapter, base, `${name} is ${dimensions(shape)} in the base, the adapter trained ${dimensions(saved.shape)}`);
  }
  return tensor;
}

const loraTerm = (src: string, weight: number, { a, b, scale, embedding, magnitude }: AdapterModule): DeltaTerm => ({
  weight,
  scale,
  a: { src, tensor: a.name },
  b: { src, tensor: b.name },
  ...(embedding ? { transposed: true } : {}),
  ...(magnitude === null ? {} : { magnitude: { src, tensor: magnitude.name } }),
});

const HEAD_NAME = /(^|\.)lm_head(\.|$)/;

/** Whether the adapter changes the embedding together with the head that is tied to it; what it holds for the head is then a copy. */
function keepsTie({ config, modules, saved }: Adapter, base: AdapterBase): boolean {
  if (!config.ensureWeightTying || base.tie === 'none') return false;
  return [...[...modules.keys()].map((module) => `${module}.weight`), ...saved.keys()].some((name) => base.find(name)?.target === EMBEDDING);
}

/** The terms of one adapter by the GGUF names of the tensors they change. */
function termsOf({ id, weight, adapter }: LoadedAdapter, base: AdapterBase): Map<string, DeltaTerm[]> {
  const terms = new Map<string, DeltaTerm[]>();
  const add = (target: string, term: DeltaTerm): void => {
    terms.set(target, [...(terms.get(target) ?? []), term]);
  };
  const tied = keepsTie(adapter, base);
  const isCopy = (name: string): boolean => tied && HEAD_NAME.test(name);
  for (const [name, saved] of adapter.saved) {
    if (isCopy(name)) continue;
    const { target, transposed } = replacedTensor(adapter, base, name, saved);
    add(target, { weight, full: { src: id, tensor: saved.name }, ...(transposed === true ? { transposed } : {}) });
  }
  for (const [module, lora] of adapter.modules) {
    if (!isCopy(module)) add(moduleWeight(adapter, base, module, lora).target, loraTerm(id, weight, lora));
  }
  const embedding = terms.get(EMBEDDING);
  if (embedding && base.tie === 'fixed' && !tied) {
    throw new TaraError('TARA_ADAPTER_UNSUPPORTED', { path: adapter.dir, field: 'an embedding apart from the tied head', reason: 'llama.cpp takes no head of its own for this architecture' });
  }
  if (embedding && base.tie === 'loose' && tied) terms.set(HEAD, embedding);
  return terms;
}

/** What RegMean has not rewritten goes into the mean that linear makes by itself. */
const asLinear = (term: DeltaTerm, rewritten: ReadonlySet<string>, count: number): DeltaTerm =>
  'a' in term && rewritten.has(term.a.tensor) ? term : { ...term, weight: term.weight / count };

const sameTerms = (a: readonly DeltaTerm[], b: readonly DeltaTerm[]): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * What the adapters change, by GGUF name. Where the base's head is its embedding and they change one of the two, or
 * both differently, there is a change for the head: a tensor to be made from the embedding.
 * Throws TARA_ADAPTER_MISMATCH naming the tensor and the shapes, TARA_OPTION_INVALID for the settings.
 */
export function changes(adapters: readonly LoadedAdapter[], base: AdapterBase, settings: MergeSettings | undefined): Map<string, Change> {
  const step = mergeStep(settings);
  const terms = new Map<string, DeltaTerm[]>();
  for (const adapter of adapters) {
    const rewritten = settings?.method === 'regmean' ? rewrittenFactors(adapter.adapter) : undefined;
    for (const [target, own] of termsOf(adapter, base)) {
      const weighted = rewritten ? own.map((term) => asLinear(term, rewritten, adapters.length)) : own;
      if (adapter.weight !== 0) terms.set(target, [...(terms.get(target) ?? []), ...weighted]);
    }
  }
  const [embedding, head] = [terms.get(EMBEDDING) ?? [], terms.get(HEAD) ?? []];
  if (base.tie === 'loose') {
    if (sameTerms(embedding, head)) terms.delete(HEAD);
    else terms.set(HEAD, head);
  }
  return new Map([...terms].map(([target, own]) => [target, own.length === 0 ? {} : changeOf(step(own))]));
}

/** The first steps of a changed tensor: all later ones see it as the base computes with it. */
export const firstSteps = (read: TensorRef, { instead, delta }: Change = {}, transposed = false): PlanStep[] => [
  { op: 'read', ...(instead ?? read) },
  ...(transposed ? [{ op: 'transpose' } as const] : []),
  ...(delta ? [delta] : []),
];

/** A tensor trained as a whole and taken as it is needs no arithmetic. */
function changeOf(delta: DeltaStep): Change {
  const [only, second] = delta.terms;
  const whole = delta.method === 'sum' && second === undefined && only !== undefined && 'full' in only && only.weight * (delta.scale ?? 1) === 1;
  return whole ? { instead: only.full } : { delta };
}
