/** Adapters on a base: which tensor each module changes, and the plan step that adds their deltas. */
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import { readAdapter, type Adapter } from '../formats/peft.js';
import type { PlanSource, PlanStep } from '../plan/schema.js';
import type { Architecture, TensorRule } from './architectures/index.js';
import { pinned } from './source.js';

export interface AdapterInput {
  /** A PEFT folder. */
  readonly dir: string;
  /** How much of its delta goes into the sum. */
  readonly weight: number;
}

export interface LoadedAdapter {
  readonly id: string;
  readonly weight: number;
  readonly adapter: Adapter;
}

type DeltaStep = Extract<PlanStep, { op: 'delta' }>;

/** What a module of the base is called and shaped. */
export interface BaseWeight {
  readonly name: string;
  /** ggml order: [in, out]. */
  readonly ne: readonly number[];
}

/** A rule with {layer} filled in. */
export interface ConcreteRule {
  readonly rule: TensorRule;
  readonly from: string;
  readonly to: string;
}

/** The rules of an architecture with `layers` layers, by Hugging Face module path. */
export function concreteRules(architecture: Architecture, layers: number): Map<string, ConcreteRule> {
  const at = (path: string, layer: number): string => path.replace('{layer}', String(layer));
  const rules = new Map<string, ConcreteRule>();
  for (const rule of architecture.tensors) {
    for (let layer = 0; layer < (rule.from.includes('{layer}') ? layers : 1); layer++) {
      rules.set(at(rule.from, layer), { rule, from: at(rule.from, layer), to: at(rule.to, layer) });
    }
  }
  return rules;
}

export async function loadAdapters(inputs: readonly AdapterInput[], sources: Record<string, PlanSource>): Promise<LoadedAdapter[]> {
  const loaded: LoadedAdapter[] = [];
  for (const [index, { dir, weight }] of inputs.entries()) {
    if (!Number.isFinite(weight)) throw new TaraError('TARA_OPTION_INVALID', { option: 'adapter', reason: `the weight of ${dir} must be a finite number` });
    const adapter = await readAdapter(resolve(dir));
    const id = `adapter-${index + 1}`;
    sources[id] = pinned('safetensors', adapter.weights);
    loaded.push({ id, weight, adapter });
  }
  return loaded;
}

/**
 * The delta step of each changed weight, by its name in the base. `find` gives the weight of a module
 * that the base has. Throws TARA_ADAPTER_MISMATCH naming the tensor and the shapes.
 */
export function deltaSteps(adapters: readonly LoadedAdapter[], find: (module: string) => BaseWeight | undefined): Map<string, DeltaStep> {
  const steps = new Map<string, DeltaStep>();
  for (const { id, weight, adapter } of adapters) {
    for (const [module, { a, b, scale }] of adapter.modules) {
      const mismatch = (reason: string): TaraError => new TaraError('TARA_ADAPTER_MISMATCH', { path: adapter.dir, reason });
      const base = find(module);
      if (!base) throw mismatch(`it adapts ${module}, which the base does not have`);
      const [inner, outer] = base.ne;
      if (base.ne.length !== 2 || a.shape[1] !== inner || b.shape[0] !== outer) {
        throw mismatch(`${module} is [${base.ne.toReversed().join(', ')}] in the base, its factors are [${b.shape.join(', ')}] x [${a.shape.join(', ')}]`);
      }
      if (weight === 0) continue;
      const step = steps.get(base.name) ?? { op: 'delta' as const, method: 'sum' as const, terms: [] };
      step.terms.push({ weight, scale, a: { src: id, tensor: a.name }, b: { src: id, tensor: b.name } });
      steps.set(base.name, step);
    }
  }
  return steps;
}
