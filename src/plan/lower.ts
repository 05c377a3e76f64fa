/**
 * Lowers a plan: names become spans, every span, shape, type and row length is checked, offsets and
 * header bytes are computed. The result is plain data that crosses threads; native/plan runs it.
 */
import { type GgmlTypeName, ggmlType, rowBytes } from '../formats/gguf/types.js';
import { Importance } from './importance.js';
import { layout } from './layout.js';
import { lowerStep, type Tables } from './lower-steps.js';
import { checkWritable } from './presets.js';
import type { PlanTensor, PlanWithBlobs } from './schema.js';
import { elements, invalid, lowerSpan, type Matrix, matrixOf, readable, type Span, Spans } from './spans.js';

/** A tensor of an output. */
export interface LoweredTensor {
  readonly name: string;
  readonly type: GgmlTypeName;
  /** What was asked for, where the row length forbids it. */
  readonly wanted?: GgmlTypeName | undefined;
  readonly ne: readonly number[];
  readonly bytes: number;
}

/** What native/plan takes, as JSON, and what callers want to know before they run it. */
export interface Lowered {
  readonly json: string;
  /** One for each output, in order. */
  readonly headers: readonly Uint8Array[];
  /** float32 importance of all targets that want it. */
  readonly importance: Uint8Array | null;
  readonly outputs: readonly {
    readonly id: string;
    /** Null: it only measures, and `bytes` is what it would have. */
    readonly path: string | null;
    readonly bytes: number;
    readonly tensors: readonly LoweredTensor[];
  }[];
  /** Quantized types that are read. */
  readonly quantizedFrom: readonly GgmlTypeName[];
  /** An upper estimate of the executor's memory for one thread: blocks, factors, whole tensors, histograms. */
  readonly memoryBytes: number;
}

const BLOCK_BYTES = 256 * 1024;
/** Blocks that a worker holds: in float32 twice, as read, in their window, as written. F64 sources count double. */
const BUFFERS = 6;
/** And as a measured type gives them back. */
const MEASURING_BUFFERS = BUFFERS + 1;

/** A block's float32 bytes: some rows, or whole rotary heads where these are not much longer (native/plan/block.cc). */
function blockBytes({ steps }: PlanTensor, { rows, cols }: Matrix): number {
  const heads = steps.flatMap((step) => (step.op === 'rows' && 'ropeHeads' in step.take ? [step.take.ropeHeads] : []));
  const plain = Math.max(BLOCK_BYTES, 4 * cols);
  return plain + heads.reduce((most, count) => Math.max(most, Math.min((rows / count) * 4 * cols, 4 * plain)), 0);
}

/** A 1-D tensor whose elements are taken as rows is a column. */
const isColumn = ({ steps }: PlanTensor, span: Span): boolean => span.ne.length === 1 && steps.some(({ op }) => op === 'rows');

type First = { readonly json: { parts: unknown[] } | { values: number[] }; readonly matrix: Matrix; readonly spans: readonly Span[] };

function lowerFirst(spans: Spans, tensor: PlanTensor): First {
  const [first] = tensor.steps;
  if (first?.op === 'values') return { json: { values: first.values }, matrix: { rows: 1, cols: first.values.length }, spans: [] };
  if (first?.op !== 'read' && first?.op !== 'stack') throw invalid(`${tensor.name}: the first step must be read, stack or values`);
  const parts = (first.op === 'read' ? [first] : first.parts).map((part) => spans.find(part));
  const shaped = parts.map((span) => ({ span, matrix: isColumn(tensor, span) ? { rows: elements(span.ne), cols: 1 } : matrixOf(span.ne) }));
  // Only elementwise steps: the shape it is written in is as good as the one it is read in.
  const [only, second] = shaped;
  if (only !== undefined && second === undefined && ggmlType(only.span.type).blockSize === 1
    && tensor.steps.slice(1).every(({ op }) => op === 'affine') && elements(only.span.ne) === elements(tensor.ne)) {
    shaped[0] = { span: only.span, matrix: matrixOf(tensor.ne) };
  }
  const cols = shaped[0]?.matrix.cols ?? 0;
  if (shaped.some(({ matrix }) => matrix.cols !== cols)) throw invalid(`${tensor.name}: stacked tensors differ in their row length`);
  for (const { span, matrix } of shaped) rowBytes(span.type, matrix.cols);
  return {
    json: { parts: shaped.map(({ span, matrix }) => lowerSpan(span, matrix)) },
    matrix: { rows: shaped.reduce((sum, { matrix }) => sum + matrix.rows, 0), cols },
    spans: parts,
  };
}

interface TensorWork {
  readonly json: { name: string; rows: number; cols: number; transposed: boolean; parts?: unknown[]; values?: number[]; steps: unknown[] };
  readonly memoryBytes: number;
}

/** Types that are the sources' own may be copied; all others are decoded and encoded. */
function checkTypes(tensor: PlanTensor, first: First, transposed: boolean): void {
  const rowsOnly = !transposed && tensor.steps.slice(1).every(({ op }) => op === 'rows');
  for (const { type, imatrix } of tensor.to) {
    if (rowsOnly && first.spans.length > 0 && first.spans.every((span) => span.type === type)) continue;
    checkWritable(tensor.name, type, imatrix !== undefined);
    for (const span of first.spans) readable(tensor.name, span);
  }
}

function lowerTensor(spans: Spans, tables: Tables, tensor: PlanTensor, buffers: number): TensorWork {
  const first = lowerFirst(spans, tensor);
  const transposed = tensor.steps[1]?.op === 'transpose';
  let matrix: Matrix = transposed ? { rows: first.matrix.cols, cols: first.matrix.rows } : first.matrix;
  const steps: unknown[] = [];
  let held = 0;
  for (const step of tensor.steps.slice(transposed ? 2 : 1)) {
    const lowered = lowerStep({ spans, tables, name: tensor.name }, step, matrix);
    steps.push(lowered.json);
    matrix = lowered.matrix;
    held += lowered.memoryBytes;
  }
  const wanted = matrixOf(tensor.ne);
  const sameRows = matrix.cols === wanted.cols && matrix.rows === wanted.rows;
  const asVector = matrix.cols === 1 && wanted.rows === 1 && matrix.rows === wanted.cols;
  const asValues = first.spans.length === 0 && matrix.rows * matrix.cols === elements(tensor.ne);
  if (!sameRows && !asVector && !asValues) {
    throw invalid(`${tensor.name}: its steps give ${matrix.rows} rows of ${matrix.cols}, its shape [${tensor.ne.join(', ')}] wants ${wanted.rows} of ${wanted.cols}`);
  }
  checkTypes(tensor, first, transposed);
  const whole = elements(tensor.ne) * 4;
  const block = transposed || !sameRows ? whole : Math.min(whole, blockBytes(tensor, wanted));
  return { json: { name: tensor.name, ...wanted, transposed, ...first.json, steps }, memoryBytes: held + buffers * block };
}

/** The one feedback factor of a tensor's targets, held while the tensor is made: as read and as laid out for the rows. */
function lowerFeedback(spans: Spans, { name, to }: PlanTensor): { readonly json: object; readonly memoryBytes: number } {
  const [first, ...others] = to.flatMap(({ feedback }) => (feedback === undefined ? [] : [feedback]));
  if (first === undefined) return { json: {}, memoryBytes: 0 };
  if (others.some(({ src, tensor }) => src !== first.src || tensor !== first.tensor)) throw invalid(`${name}: its targets have several feedback factors`);
  const span = spans.find(first);
  return { json: { feedback: { ...lowerSpan(span, matrixOf(span.ne)), name: first.tensor } }, memoryBytes: 8 * elements(span.ne) };
}

/**
 * Reads the sources' headers, so it may take a while for many tensors: run it in a worker during a
 * build. Throws TARA_FILE_CHANGED, TARA_PLAN_INVALID, TARA_TENSOR_MISSING, TARA_TENSOR_SHAPE,
 * TARA_TYPE_NEEDS_IMATRIX, TARA_TYPE_UNKNOWN and what the readers throw.
 */
export async function lower(p: PlanWithBlobs, options: { signal?: AbortSignal | undefined } = {}): Promise<Lowered> {
  const { plan } = p;
  const spans = await Spans.read(p, options.signal);
  const importance = await Importance.read(p);
  const tables: Tables = { index: new Map(Object.keys(plan.tables).map((id, index) => [id, index])), runs: Object.values(plan.tables) };

  const ids = Object.keys(plan.outputs);
  const layouts = ids.map((id) => layout(p, id));
  const paths = ids.map((id) => plan.outputs[id]?.path ?? null);
  const written = paths.filter((path) => path !== null);
  if (new Set(written).size !== written.length) throw invalid('two outputs have the same path');
  const targets = new Map<PlanTensor, { out: number; type: number; offset: number; importance?: { first: number; rows: number }; feedback?: boolean }[]>();
  for (const [out, { tensors }] of layouts.entries()) {
    for (const { source, type, offset } of tensors) targets.set(source, [...(targets.get(source) ?? []), { out, type: ggmlType(type).id, offset }]);
  }

  let memoryBytes = 0;
  const tensors = plan.tensors.map((tensor) => {
    const stray = tensor.to.find(({ out }) => !Object.hasOwn(plan.outputs, out));
    if (stray !== undefined) throw invalid(`${tensor.name}: there is no output ${stray.out}`);
    const lowered = lowerTensor(spans, tables, tensor, paths.includes(null) ? MEASURING_BUFFERS : BUFFERS);
    for (const target of targets.get(tensor) ?? []) {
      const imatrix = tensor.to.find(({ out }) => out === ids[target.out])?.imatrix;
      if (imatrix !== undefined) target.importance = importance.place(imatrix, tensor.name, tensor.ne);
      if (tensor.to.find(({ out }) => out === ids[target.out])?.feedback !== undefined) target.feedback = true;
    }
    const feedback = lowerFeedback(spans, tensor);
    memoryBytes = Math.max(memoryBytes, lowered.memoryBytes + feedback.memoryBytes);
    return { ...lowered.json, ...feedback.json, to: targets.get(tensor) ?? [] };
  });
  const sources = Object.values(plan.sources).map(({ path, size, mtimeMs }) => ({ path, size, mtimeMs }));
  const outputs = layouts.map(({ bytes }, index) => ({ path: paths[index] ?? null, bytes }));
  return {
    json: JSON.stringify({ sources, tables: tables.runs, outputs, tensors }),
    headers: layouts.map(({ header }, index) => (paths[index] == null ? new Uint8Array() : header)),
    importance: importance.bytes(),
    outputs: layouts.map(({ bytes, tensors: placed }, index) => ({
      id: ids[index] ?? '', path: paths[index] ?? null, bytes,
      tensors: placed.map(({ name, type, wanted, ne, bytes: size }) => ({ name, type, ...(wanted && { wanted }), ne, bytes: size })),
    })),
    quantizedFrom: spans.quantizedTypes(),
    memoryBytes,
  };
}
