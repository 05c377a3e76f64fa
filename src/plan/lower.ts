/**
 * Lowers a plan: names become spans, every span, shape, type and row length is checked, offsets and
 * header bytes are computed. The result is plain data that crosses threads; native/plan runs it.
 */
import { TaraError } from '../errors.js';
import { type GgmlTypeName, ggmlType, rowBytes } from '../formats/ggml-types.js';
import { readGguf } from '../formats/gguf.js';
import { readImatrix } from '../formats/imatrix.js';
import { readSafetensors } from '../formats/safetensors.js';
import { layout } from './layout.js';
import { checkWritable } from './presets.js';
import type { Plan, PlanSource, PlanStep, PlanTensor, PlanWithBlobs, TensorRef } from './schema.js';

/** What native/plan takes, as JSON, and what callers want to know before they run it. */
export interface Lowered {
  readonly json: string;
  /** One for each output, in order. */
  readonly headers: readonly Uint8Array[];
  /** float32 importance of all targets that want it. */
  readonly importance: Uint8Array | null;
  readonly outputs: readonly {
    readonly id: string;
    readonly path: string;
    readonly bytes: number;
    readonly tensors: readonly { readonly name: string; readonly type: GgmlTypeName; readonly ne: readonly number[]; readonly bytes: number }[];
  }[];
  /** An upper estimate of the executor's memory for one thread, factors included. */
  readonly memoryBytes: number;
}

/** rows x cols values in a source file. */
interface Span {
  readonly src: number;
  readonly offset: number;
  readonly type: GgmlTypeName;
  readonly ne: readonly number[];
}

interface Matrix {
  readonly rows: number;
  readonly cols: number;
}

type Spans = ReadonlyMap<string, ReadonlyMap<string, Span>>;

const SAFETENSORS_TYPES: Readonly<Record<string, GgmlTypeName>> = {
  F64: 'f64', F32: 'f32', F16: 'f16', BF16: 'bf16', I64: 'i64', I32: 'i32', I16: 'i16', I8: 'i8',
};

/** Types that native/plan can turn into float32. */
const UNREADABLE: ReadonlySet<GgmlTypeName> = new Set(['q8_1', 'q8_k', 'i8', 'i16', 'i32', 'i64']);

const BLOCK_BYTES = 256 * 1024;

const invalid = (reason: string): TaraError => new TaraError('TARA_PLAN_INVALID', { reason });
const elements = (ne: readonly number[]): number => ne.reduce((product, n) => product * n, 1);
const matrixOf = (ne: readonly number[]): Matrix => ({ cols: ne[0] ?? 1, rows: elements(ne.slice(1)) });

/** The importance of tensors' columns, gathered for the executor: each span once. */
class Importance {
  readonly #sources = new Map<string, ReadonlyMap<string, Float32Array>>();
  readonly #first = new Map<Float32Array, number>();
  #length = 0;

  async read(id: string, source: PlanSource): Promise<void> {
    const file = await readImatrix(source.path);
    checkPins(file, source);
    this.#sources.set(id, file.entries);
  }

  /** Where the importance of a tensor's columns begins, each slice of `rows` rows having its own. */
  place({ src, tensor }: TensorRef, name: string, ne: readonly number[]): { first: number; rows: number } {
    const entry = this.#sources.get(src)?.get(tensor);
    if (entry === undefined) throw invalid(`${name}: there is no importance ${tensor} in ${src}`);
    if (entry.length !== (ne[0] ?? 1) * (ne[2] ?? 1)) throw invalid(`${name}: its importance has ${entry.length} values`);
    const first = this.#first.get(entry) ?? this.#length;
    if (first === this.#length) this.#length += entry.length;
    this.#first.set(entry, first);
    return { first, rows: ne[1] ?? 1 };
  }

  bytes(): Uint8Array | null {
    if (this.#length === 0) return null;
    const all = new Float32Array(this.#length);
    for (const [entry, first] of this.#first) all.set(entry, first);
    return new Uint8Array(all.buffer);
  }
}

function checkPins(file: { readonly size: number; readonly mtimeMs: number; readonly headerHash: string }, source: PlanSource): void {
  if (file.size !== source.size || file.mtimeMs !== source.mtimeMs || file.headerHash !== source.headerHash) {
    throw new TaraError('TARA_FILE_CHANGED', { path: source.path });
  }
}

/** Reads a source's header again and makes sure that it is the file the plan was made for. */
async function readSource(index: number, source: PlanSource, signal: AbortSignal | undefined): Promise<Map<string, Span>> {
  const file = source.format === 'gguf' ? await readGguf(source.path, { signal }) : await readSafetensors(source.path, { signal });
  checkPins(file, source);
  const spans = new Map<string, Span>();
  for (const tensor of file.tensors) {
    if ('type' in tensor) {
      spans.set(tensor.name, { src: index, offset: tensor.offset, type: tensor.type, ne: tensor.ne });
      continue;
    }
    const type = SAFETENSORS_TYPES[tensor.dtype];
    // Tensors of other dtypes exist in checkpoints (masks); only a plan that uses one is wrong.
    if (type !== undefined && tensor.bytes > 0) {
      spans.set(tensor.name, { src: index, offset: tensor.offset, type, ne: tensor.shape.length === 0 ? [1] : [...tensor.shape].reverse() });
    }
  }
  return spans;
}

function find(plan: Plan, spans: Spans, { src, tensor }: TensorRef): Span {
  const span = spans.get(src)?.get(tensor);
  if (span !== undefined) return span;
  const path = plan.sources[src]?.path;
  if (path === undefined) throw invalid(`there is no source ${src}`);
  throw new TaraError('TARA_TENSOR_MISSING', { path, tensor });
}

const lowerSpan = (span: Span, { rows, cols }: Matrix) => ({ src: span.src, offset: span.offset, type: ggmlType(span.type).id, rows, cols });

function readable(what: string, { type }: Span): void {
  if (UNREADABLE.has(type)) throw invalid(`${what} has the type ${type}, which cannot be read as numbers`);
}

/** A 1-D tensor whose elements are taken as rows is a column. */
const isColumn = ({ steps }: PlanTensor, span: Span): boolean => span.ne.length === 1 && steps.some(({ op }) => op === 'rows');

type First = { readonly json: { parts: unknown[] } | { values: number[] }; readonly matrix: Matrix; readonly spans: readonly Span[] };

function lowerFirst(plan: Plan, spans: Spans, tensor: PlanTensor): First {
  const [first] = tensor.steps;
  if (first?.op === 'values') return { json: { values: first.values }, matrix: { rows: 1, cols: first.values.length }, spans: [] };
  if (first?.op !== 'read' && first?.op !== 'stack') throw invalid(`${tensor.name}: the first step must be read, stack or values`);
  const parts = (first.op === 'read' ? [first] : first.parts).map((part) => find(plan, spans, part));
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

interface Tables {
  readonly index: ReadonlyMap<string, number>;
  readonly runs: readonly (readonly number[])[];
}

/** The table's place in the lowered plan and how many indices it holds, all below `limit`. */
function lowerTable(tables: Tables, what: string, id: string, limit: number): { table: number; length: number } {
  const table = tables.index.get(id);
  const runs = table === undefined ? undefined : tables.runs[table];
  if (table === undefined || runs === undefined) throw invalid(`${what}: there is no table ${id}`);
  let length = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const start = runs[i] ?? 0;
    const count = runs[i + 1] ?? 0;
    if (count < 1 || start + count > limit) throw invalid(`${what}: table ${id} points outside`);
    length += count;
  }
  if (runs.length % 2 !== 0 || length === 0) throw invalid(`${what}: table ${id} is no list of [start, count] runs`);
  return { table, length };
}

type DeltaStep = Extract<PlanStep, { op: 'delta' }>;

function lowerDelta(plan: Plan, spans: Spans, name: string, step: DeltaStep, matrix: Matrix) {
  return {
    op: 'delta',
    terms: step.terms.map(({ weight, scale, a, b, transposed = false }) => {
      const spanA = find(plan, spans, a);
      const spanB = find(plan, spans, b);
      readable(a.tensor, spanA);
      readable(b.tensor, spanB);
      const [left, right] = transposed ? [spanA.ne[0], spanB.ne[1] ?? 1] : [spanB.ne[1] ?? 1, spanA.ne[0]];
      if (spanA.ne.length > 2 || spanB.ne.length > 2 || (spanA.ne[1] ?? 1) !== spanB.ne[0] || left !== matrix.rows || right !== matrix.cols) {
        const actual = `${[...spanB.ne].reverse().join(' x ')} times ${[...spanA.ne].reverse().join(' x ')}`;
        throw new TaraError('TARA_TENSOR_SHAPE', { path: plan.sources[a.src]?.path ?? a.src, tensor: `${a.tensor} for ${name}`, actual, expected: `${matrix.rows} x ${matrix.cols}` });
      }
      return { factor: weight * scale, a: lowerSpan(spanA, matrixOf(spanA.ne)), b: lowerSpan(spanB, matrixOf(spanB.ne)), transposed };
    }),
  };
}

/** One step after the first: its lowered form and the matrix behind it. */
function lowerStep(plan: Plan, spans: Spans, tables: Tables, name: string, step: PlanStep, matrix: Matrix): { json: unknown; matrix: Matrix } {
  switch (step.op) {
    case 'rows': {
      if ('table' in step.take) {
        const { table, length } = lowerTable(tables, name, step.take.table, matrix.rows);
        return { json: { op: 'rows', table }, matrix: { rows: length, cols: matrix.cols } };
      }
      const heads = step.take.ropeHeads;
      if (matrix.rows % (2 * heads) !== 0) throw invalid(`${name}: ${matrix.rows} rows are no ${heads} heads of even size`);
      return { json: { op: 'rows', ropeHeads: heads }, matrix };
    }
    case 'cols': {
      const { table, length } = lowerTable(tables, name, step.take.table, matrix.cols);
      return { json: { op: 'cols', table }, matrix: { rows: matrix.rows, cols: length } };
    }
    case 'affine':
      return { json: { op: 'affine', scale: step.scale, offset: step.offset }, matrix };
    case 'delta':
      return { json: lowerDelta(plan, spans, name, step, matrix), matrix };
    default:
      throw invalid(`${name}: ${step.op} can only come ${step.op === 'transpose' ? 'second' : 'first'}`);
  }
}

interface LoweredTensor {
  readonly json: { name: string; rows: number; cols: number; transposed: boolean; parts?: unknown[]; values?: number[]; steps: unknown[] };
  readonly memoryBytes: number;
}

/** Types that are the sources' own may be copied; all others are decoded and encoded. */
function checkTypes(tensor: PlanTensor, first: First, transposed: boolean): void {
  const rowsOnly = !transposed && tensor.steps.slice(1).every(({ op }) => op === 'rows');
  for (const { type, imatrix } of tensor.to) {
    if (rowsOnly && first.spans.length > 0 && first.spans.every((span) => span.type === type)) continue;
    checkWritable(type, imatrix !== undefined);
    for (const span of first.spans) readable(tensor.name, span);
  }
}

function lowerTensor(plan: Plan, spans: Spans, tables: Tables, tensor: PlanTensor): LoweredTensor {
  const first = lowerFirst(plan, spans, tensor);
  const transposed = tensor.steps[1]?.op === 'transpose';
  let matrix: Matrix = transposed ? { rows: first.matrix.cols, cols: first.matrix.rows } : first.matrix;
  const steps: unknown[] = [];
  for (const step of tensor.steps.slice(transposed ? 2 : 1)) {
    const lowered = lowerStep(plan, spans, tables, tensor.name, step, matrix);
    steps.push(lowered.json);
    matrix = lowered.matrix;
  }
  const wanted = matrixOf(tensor.ne);
  const sameRows = matrix.cols === wanted.cols && matrix.rows === wanted.rows;
  const asVector = matrix.cols === 1 && wanted.rows === 1 && matrix.rows === wanted.cols;
  const asValues = first.spans.length === 0 && matrix.rows * matrix.cols === elements(tensor.ne);
  if (!sameRows && !asVector && !asValues) {
    throw invalid(`${tensor.name}: its steps give ${matrix.rows} rows of ${matrix.cols}, its shape [${tensor.ne.join(', ')}] wants ${wanted.rows} of ${wanted.cols}`);
  }
  checkTypes(tensor, first, transposed);
  const bytes = elements(tensor.ne) * 4;
  const factors = tensor.steps.flatMap((step) => (step.op === 'delta' ? step.terms : []))
    .reduce((sum, { a, b }) => sum + elements(find(plan, spans, a).ne) * 4 + elements(find(plan, spans, b).ne) * 4, 0);
  return {
    json: { name: tensor.name, ...wanted, transposed, ...first.json, steps },
    memoryBytes: factors + 3 * (transposed || !sameRows ? bytes : Math.max(BLOCK_BYTES, wanted.cols * 4)),
  };
}

/**
 * Reads the sources' headers, so it may take a while for many tensors: run it in a worker during a
 * build. Throws TARA_FILE_CHANGED, TARA_PLAN_INVALID, TARA_TENSOR_MISSING, TARA_TENSOR_SHAPE,
 * TARA_TYPE_NEEDS_IMATRIX, TARA_TYPE_UNKNOWN and what the readers throw.
 */
export async function lower(p: PlanWithBlobs, options: { signal?: AbortSignal | undefined } = {}): Promise<Lowered> {
  const { plan } = p;
  const spans = new Map<string, Map<string, Span>>();
  const importance = new Importance();
  for (const [index, [id, source]] of Object.entries(plan.sources).entries()) {
    if (source.format === 'imatrix') await importance.read(id, source);
    else spans.set(id, await readSource(index, source, options.signal));
  }
  const tables: Tables = { index: new Map(Object.keys(plan.tables).map((id, index) => [id, index])), runs: Object.values(plan.tables) };

  const ids = Object.keys(plan.outputs);
  const layouts = ids.map((id) => layout(p, id));
  const paths = ids.map((id) => {
    const path = plan.outputs[id]?.path;
    if (path == null) throw invalid(`outputs.${id} has no path`);
    return path;
  });
  if (new Set(paths).size !== paths.length) throw invalid('two outputs have the same path');
  const targets = new Map<PlanTensor, { out: number; type: number; offset: number }[]>();
  for (const [out, { tensors }] of layouts.entries()) {
    for (const { source, type, offset } of tensors) targets.set(source, [...(targets.get(source) ?? []), { out, type: ggmlType(type).id, offset }]);
  }

  let memoryBytes = 0;
  const tensors = plan.tensors.map((tensor) => {
    const stray = tensor.to.find(({ out }) => !Object.hasOwn(plan.outputs, out));
    if (stray !== undefined) throw invalid(`${tensor.name}: there is no output ${stray.out}`);
    const lowered = lowerTensor(plan, spans, tables, tensor);
    const weighted = new Map(tensor.to.flatMap(({ out, imatrix }) => (imatrix === undefined ? [] : [[ids.indexOf(out), importance.place(imatrix, tensor.name, tensor.ne)]])));
    memoryBytes = Math.max(memoryBytes, lowered.memoryBytes);
    const to = (targets.get(tensor) ?? []).map((target) => ({ ...target, ...(weighted.has(target.out) ? { importance: weighted.get(target.out) } : {}) }));
    return { ...lowered.json, to };
  });
  const sources = Object.values(plan.sources).map(({ path, size, mtimeMs }) => ({ path, size, mtimeMs }));
  const outputs = layouts.map(({ bytes }, index) => ({ path: paths[index] ?? '', bytes }));
  return {
    json: JSON.stringify({ sources, tables: tables.runs, outputs, tensors }),
    headers: layouts.map(({ header }) => header),
    importance: importance.bytes(),
    outputs: layouts.map(({ bytes, tensors: placed }, index) => ({
      id: ids[index] ?? '', path: paths[index] ?? '', bytes,
      tensors: placed.map(({ name, type, ne, bytes: size }) => ({ name, type, ne, bytes: size })),
    })),
    memoryBytes,
  };
}
