/** The steps after the first in lowered form: shapes checked, names resolved, and what each holds in memory. */
import { TaraError } from '../errors.js';
import { ggmlType } from '../formats/gguf/types.js';
import type { BlendStep, DeltaStep, DeltaTerm, PlanStep, TensorRef } from './schema.js';
import { elements, invalid, lowerSpan, type Matrix, matrixOf, readable, type Span, type Spans } from './spans.js';

export interface Tables {
  readonly index: ReadonlyMap<string, number>;
  readonly runs: readonly (readonly number[])[];
}

/** What a step is lowered against: `name` is the plan tensor's. */
export interface StepContext {
  readonly spans: Spans;
  readonly tables: Tables;
  readonly name: string;
}

export interface LoweredStep {
  readonly json: unknown;
  /** The matrix behind the step. */
  readonly matrix: Matrix;
  /** What it keeps while its tensor is made: factors, whole tensors, histograms; and what its rows need besides. */
  readonly memoryBytes: number;
}

/** Rows in one item of a statistic, and counters of a histogram (native/plan: block.cc, steps/ties.cc). */
const STATISTIC_BYTES = 4 * 512 * 1024;
const HISTOGRAM_BYTES = 65536 * (8 + 4);

const turned = ({ rows, cols }: Matrix, transposed: boolean): Matrix => (transposed ? { rows: cols, cols: rows } : { rows, cols });
const floatBytes = (span: Span): number => 4 * elements(span.ne);

/** The table's place in the lowered plan and how many indices it holds, all below `limit`. */
function lowerTable({ tables, name }: StepContext, id: string, limit: number): { table: number; length: number } {
  const table = tables.index.get(id);
  const runs = table === undefined ? undefined : tables.runs[table];
  if (table === undefined || runs === undefined) throw invalid(`${name}: there is no table ${id}`);
  let length = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const start = runs[i] ?? 0;
    const count = runs[i + 1] ?? 0;
    if (count < 1 || start + count > limit) throw invalid(`${name}: table ${id} points outside`);
    length += count;
  }
  if (runs.length % 2 !== 0 || length === 0) throw invalid(`${name}: table ${id} is no list of [start, count] runs`);
  return { table, length };
}

function misfit({ spans, name }: StepContext, ref: TensorRef, shapes: readonly Span[], { rows, cols }: Matrix): TaraError {
  const actual = shapes.map(({ ne }) => [...ne].reverse().join(' x ')).join(' times ');
  return new TaraError('TARA_TENSOR_SHAPE', { path: spans.path(ref.src), tensor: `${ref.tensor} for ${name}`, actual, expected: `${rows} x ${cols}` });
}

/** A tensor besides W, with its name for messages. Throws TARA_TENSOR_SHAPE when it has another shape. */
function lowerOther(context: StepContext, ref: TensorRef, matrix: Matrix) {
  const span = context.spans.find(ref);
  readable(ref.tensor, span);
  const actual = matrixOf(span.ne);
  // A vector is a row or a column, whichever is wanted.
  const isVector = ggmlType(span.type).blockSize === 1 && span.ne.filter((n) => n !== 1).length <= 1;
  const fits = isVector ? Math.min(matrix.rows, matrix.cols) === 1 && elements(span.ne) === matrix.rows * matrix.cols : actual.rows === matrix.rows && actual.cols === matrix.cols;
  if (!fits) throw misfit(context, ref, [span], matrix);
  return { ...lowerSpan(span, matrix), name: ref.tensor };
}

/** How much of a tensor is held: all of it when it must be transposed, otherwise the rows at hand. */
const heldBytes = (span: Span, transposed: boolean, cols: number): number => 2 * (transposed ? floatBytes(span) : Math.min(floatBytes(span), Math.max(STATISTIC_BYTES, 4 * cols)));

function lowerTerm(context: StepContext, term: DeltaTerm, matrix: Matrix): { json: unknown; memoryBytes: number } {
  const { weight, transposed = false } = term;
  const { rows, cols } = turned(matrix, transposed);
  if ('full' in term) {
    const span = context.spans.find(term.full);
    return { json: { weight, transposed, full: lowerOther(context, term.full, { rows, cols }) }, memoryBytes: heldBytes(span, transposed, matrix.cols) };
  }
  const { a, b, scale, magnitude } = term;
  const [spanA, spanB] = [context.spans.find(a), context.spans.find(b)];
  const rank = spanA.ne[1] ?? 1;
  if (spanA.ne.length > 2 || spanB.ne.length > 2 || spanB.ne[0] !== rank || (spanB.ne[1] ?? 1) !== rows || spanA.ne[0] !== cols) {
    throw misfit(context, a, [spanB, spanA], { rows, cols });
  }
  const factors = { a: lowerOther(context, a, { rows: rank, cols }), b: lowerOther(context, b, { rows, cols: rank }) };
  const memoryBytes = 2 * (floatBytes(spanA) + floatBytes(spanB));
  if (magnitude === undefined) return { json: { weight, scale, transposed, ...factors }, memoryBytes };
  const norms = lowerOther(context, magnitude, { rows: 1, cols: matrix.rows });
  return { json: { weight, scale, transposed, ...factors, magnitude: norms }, memoryBytes: memoryBytes + 4 * matrix.rows + Math.max(STATISTIC_BYTES, 4 * matrix.cols) };
}

function lowerDelta(context: StepContext, { method, density = 1, scale = 1, seed = 0, terms }: DeltaStep, matrix: Matrix): LoweredStep {
  const lowered = terms.map((term) => lowerTerm(context, term, matrix));
  const statistic = method === 'ties' ? terms.length * HISTOGRAM_BYTES + STATISTIC_BYTES : 0;
  return {
    json: { op: 'delta', method, density, scale, seed, terms: lowered.map(({ json }) => json) }, matrix,
    memoryBytes: lowered.reduce((sum, { memoryBytes }) => sum + memoryBytes, statistic),
  };
}

function lowerBlend(context: StepContext, { method, t, with: other, transposed = false }: BlendStep, matrix: Matrix): LoweredStep {
  const json = { op: 'blend', method, t, transposed, other: lowerOther(context, other, turned(matrix, transposed)) };
  const statistic = method === 'slerp' ? 3 * 8 * matrix.rows + STATISTIC_BYTES : 0;
  return { json, matrix, memoryBytes: statistic + heldBytes(context.spans.find(other), transposed, matrix.cols) };
}

/** Throws TARA_PLAN_INVALID, TARA_TENSOR_MISSING, TARA_TENSOR_SHAPE. */
export function lowerStep(context: StepContext, step: PlanStep, matrix: Matrix): LoweredStep {
  const plain = (json: unknown, after: Matrix = matrix): LoweredStep => ({ json, matrix: after, memoryBytes: 0 });
  switch (step.op) {
    case 'rows': {
      if ('table' in step.take) {
        const { table, length } = lowerTable(context, step.take.table, matrix.rows);
        return plain({ op: 'rows', table }, { rows: length, cols: matrix.cols });
      }
      const heads = step.take.ropeHeads;
      if (matrix.rows % (2 * heads) !== 0) throw invalid(`${context.name}: ${matrix.rows} rows are no ${heads} heads of even size`);
      return plain({ op: 'rows', ropeHeads: heads });
    }
    case 'cols': {
      const { table, length } = lowerTable(context, step.take.table, matrix.cols);
      return plain({ op: 'cols', table }, { rows: matrix.rows, cols: length });
    }
    case 'affine': return plain({ op: 'affine', scale: step.scale, offset: step.offset, half: step.half === true });
    case 'delta': return lowerDelta(context, step, matrix);
    case 'blend': return lowerBlend(context, step, matrix);
    default: throw invalid(`${context.name}: ${step.op} can only come ${step.op === 'transpose' ? 'second' : 'first'}`);
  }
}
