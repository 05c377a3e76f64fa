/** An architecture's rules for a number of layers, and what they do to a tensor on its way into a GGUF file. */
import type { PlanStep } from '../../plan/schema.js';
import { canonicalName, type Architecture, type TensorRule } from '../architectures/index.js';
import { HEAD, type Tie } from './adapters.js';
import { deinterleave, interleave, runs } from '../rope.js';

/** A rule with {layer} filled in. */
export interface ConcreteRule {
  readonly rule: TensorRule;
  readonly from: string;
  readonly to: string;
}

/** By Hugging Face module path. */
export type Rules = ReadonlyMap<string, ConcreteRule>;

/** The rules of an architecture with `layers` layers. */
export function concreteRules(architecture: Architecture, layers: number): Rules {
  const at = (path: string, layer: number): string => path.replace('{layer}', String(layer));
  const rules = new Map<string, ConcreteRule>();
  for (const rule of architecture.tensors) {
    for (let layer = 0; layer < (rule.from.includes('{layer}') ? layers : 1); layer++) {
      rules.set(at(rule.from, layer), { rule, from: at(rule.from, layer), to: at(rule.to, layer) });
    }
  }
  return rules;
}

/** A tensor's rule and its GGUF name, by its Hugging Face name in any spelling that the architecture knows. */
export function ruleOf(architecture: Architecture, rules: Rules, name: string): (ConcreteRule & { readonly target: string }) | undefined {
  const [, module = '', suffix = ''] = /^(.*)(\.weight|\.bias)$/.exec(canonicalName(architecture, name)) ?? [];
  const found = rules.get(module);
  return found && { ...found, target: found.to + suffix };
}

/** Whether a model of this architecture that has no head has its embedding for one. Encoders have none at all. */
export function tieOf({ tensors, ignored }: Architecture): Tie {
  if (tensors.some(({ to }) => `${to}.weight` === HEAD)) return 'loose';
  return ignored?.some((pattern) => pattern.test('lm_head.weight')) === true ? 'fixed' : 'none';
}

/** The sizes that decide how a tensor changes on its way. */
export interface Laid {
  /** GGUF name. */
  readonly target: string;
  /** ggml order. */
  readonly ne: readonly number[];
  readonly rule: TensorRule;
  /** Heads that its rows are in rotary order for; undefined where they are in none. */
  readonly heads: number | undefined;
}

type Tables = Record<string, number[]>;

function orderStep({ ne, heads }: Laid, tables: Tables, way: 'forth' | 'back'): PlanStep[] {
  if (heads === undefined) return [];
  const rows = ne.at(-1) ?? 0;
  if (way === 'forth' && ne.length > 1) return [{ op: 'rows', take: { ropeHeads: heads } }];
  const table = `${way === 'forth' ? 'rope' : 'unrope'}-${rows}-${heads}`;
  tables[table] ??= runs(way === 'forth' ? interleave(rows, heads) : deinterleave(rows, heads));
  return [{ op: ne.length > 1 ? 'rows' : 'cols', take: { table } }];
}

const plusStep = ({ target, rule }: Laid, sign: 1 | -1): PlanStep[] =>
  (rule.plus === undefined || !target.endsWith('.weight') ? [] : [{ op: 'affine', scale: 1, offset: sign * rule.plus }]);

/** From what Hugging Face computes with (outputs by inputs) to what GGUF holds. */
export const intoGguf = (tensor: Laid, tables: Tables): PlanStep[] => [...plusStep(tensor, 1), ...orderStep(tensor, tables, 'forth')];

/** The way back. */
export const fromGguf = (tensor: Laid, tables: Tables): PlanStep[] => [...orderStep(tensor, tables, 'back'), ...plusStep(tensor, -1)];
