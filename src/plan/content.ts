/** What the bytes of a plan's tensors follow from, so that work that was done before is recognised. */
import { createHash } from 'node:crypto';
import { type GgmlTypeName, ggmlType, ggmlTypeName, rowBytes, tensorBytes } from '../formats/gguf/types.js';
import type { Lowered } from './lower.js';
import type { Plan } from './schema.js';
import { elements, invalid } from './spans.js';

/** Bytes of a source. */
export interface SourceSpan {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** One tensor in one type. */
export interface TensorContent {
  /** Its place in the plan, and in `to`. */
  readonly tensor: number;
  readonly target: number;
  readonly type: GgmlTypeName;
  readonly values: number;
  /** As written. */
  readonly bytes: number;
  /** What is read, in the order in which the recipe names it. */
  readonly spans: readonly SourceSpan[];
  /** All else: name, shape, steps, type and importance, as text. */
  readonly recipe: string;
}

/** Of the lowered form: what stands for bytes of a source. */
interface LoweredSpan {
  readonly src: number;
  readonly offset: number;
  readonly type: number;
  readonly rows: number;
  readonly cols: number;
}

interface LoweredPlan {
  readonly sources: readonly { readonly path: string }[];
  readonly tables: readonly (readonly number[])[];
  readonly tensors: readonly { readonly parts?: readonly LoweredSpan[]; readonly to: readonly { readonly out: number; readonly type: number; readonly importance?: { readonly first: number; readonly rows: number } }[] }[];
}

const isSpan = (value: unknown): value is LoweredSpan => typeof value === 'object' && value !== null && 'src' in value && 'offset' in value;

function spanOf({ sources }: LoweredPlan, { src, offset, type, rows, cols }: LoweredSpan): SourceSpan {
  const [path, name] = [sources[src]?.path, ggmlTypeName(type)];
  if (path === undefined || name === undefined) throw invalid('a span has no source');
  return { path, offset, bytes: rows * rowBytes(name, cols) };
}

/** Those of a lowered plan's written tensors whose type `wanted` accepts; not those whose bytes are only copied. */
export function tensorContents(plan: Plan, lowered: Lowered, wanted: (type: GgmlTypeName) => boolean): TensorContent[] {
  const low = JSON.parse(lowered.json) as LoweredPlan;
  const outs = lowered.outputs.map(({ id }) => id);
  return plan.tensors.flatMap(({ ne, to }, tensor) => to.flatMap(({ out, type }, target): TensorContent[] => {
    const work = low.tensors[tensor];
    const place = work?.to.find((one) => outs[one.out] === out && one.type === ggmlType(type).id);
    if (!wanted(type) || plan.outputs[out]?.path == null || !work || !place || work.parts?.every((part) => part.type === place.type)) return [];
    const spans: SourceSpan[] = [];
    const steps = JSON.stringify({ ...work, to: type }, (key, value: unknown) => {
      if (key === 'table') return low.tables[Number(value)];
      if (!isSpan(value)) return value;
      spans.push(spanOf(low, value));
      return { type: value.type, rows: value.rows, cols: value.cols };
    });
    const weights = place.importance && lowered.importance?.subarray(4 * place.importance.first, 4 * (place.importance.first + (ne[0] ?? 1) * (ne[2] ?? 1)));
    const importance = weights ? createHash('sha256').update(weights).digest('hex') : '';
    return [{ tensor, target, type, values: elements(ne), bytes: tensorBytes(type, ne), spans, recipe: `${steps} ${importance}` }];
  }));
}
