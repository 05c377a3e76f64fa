/** A plan for people: sources, outputs, and one line for each tensor. Its JSON form is JSON.stringify of the plan. */
import { tensorBytes } from '../formats/gguf/types.js';
import type { DeltaStep, DeltaTerm, Plan, PlanStep, PlanTensor, TensorRef } from './schema.js';

const ref = ({ src, tensor }: TensorRef): string => `${src}:${tensor}`;

function printTerm(term: DeltaTerm): string {
  const turned = term.transposed === true ? '^T' : '';
  if ('full' in term) return `${term.weight} * (${ref(term.full)}${turned} - W)`;
  return `${term.weight} * ${term.scale} * ${term.a.src}${turned}${term.magnitude === undefined ? '' : ' (DoRA)'}`;
}

function printDelta({ method, density, scale = 1, seed, terms }: DeltaStep): string {
  const factor = scale === 1 ? '' : `${scale} * `;
  if (method === 'sum') return terms.map((term) => `+ ${factor}${printTerm(term)}`).join(' ');
  const settings = `density ${density}${seed === undefined ? '' : `, seed ${seed}`}`;
  return `+ ${factor}${method}(${settings}: ${terms.map(printTerm).join(', ')})`;
}

function printStep(step: PlanStep): string {
  switch (step.op) {
    case 'read': return ref(step);
    case 'stack': return `stack(${step.parts.map(ref).join(', ')})`;
    case 'values': return `values(${step.values.length})`;
    case 'transpose': return 'transpose';
    case 'rows': return 'table' in step.take ? `rows(${step.take.table})` : `rows(rope of ${step.take.ropeHeads} heads)`;
    case 'cols': return `cols(${step.take.table})`;
    case 'affine': return `x * ${step.scale} + ${step.offset}${step.half === true ? ' in f16' : ''}`;
    case 'delta': return printDelta(step);
    case 'blend': return `${step.method}(${step.t} towards ${ref(step.with)}${step.transposed === true ? '^T' : ''})`;
  }
}

function printTensor({ name, ne, steps, to }: PlanTensor): string {
  const targets = to.map(({ out, type, wanted, name: other }) => `${out}=${type}${wanted === undefined ? '' : ` instead of ${wanted}`}${other === undefined ? '' : ` as ${other}`}`).join(' ');
  return `  ${name} [${ne.join(', ')}] ${targets} <- ${steps.map(printStep).join(' | ')}`;
}

function printMetadata(entry: Plan['metadata'][number]): string {
  const { value } = entry;
  if (typeof value !== 'object') return `  ${entry.key} = ${JSON.stringify(value)}`;
  return `  ${entry.key} = ${value.of}[${'items' in value ? value.items.length : value.length}]`;
}

/** Throws TARA_PLAN_INVALID when a type does not fit a row length. */
export function printPlan(plan: Plan): string {
  const lines = ['sources:', ...Object.entries(plan.sources).map(([id, { path, format, size }]) => `  ${id} = ${path} (${format}, ${size} bytes)`), 'outputs:'];
  for (const [id, output] of Object.entries(plan.outputs)) {
    const sizes = plan.tensors.flatMap(({ ne, to }) => to.filter(({ out }) => out === id).map(({ type }) => tensorBytes(type, ne)));
    const weights = sizes.reduce((sum, bytes) => sum + bytes, 0);
    lines.push(`  ${id} = ${output.path ?? '(measured only)'} (${sizes.length} tensors, ${weights} bytes of weights, ${output.order} order)`);
    lines.push(...output.set.map((entry) => `  ${printMetadata(entry)}`), ...output.remove.map((key) => `    without ${key}`));
  }
  lines.push('metadata:', ...plan.metadata.map(printMetadata), 'tensors:', ...plan.tensors.map(printTensor));
  return `${lines.join('\n')}\n`;
}
