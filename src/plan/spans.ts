/** Where the tensors of a plan's sources lie: names become spans of bytes, in the files that the plan was made for. */
import { TaraError } from '../errors.js';
import { type GgmlTypeName, ggmlType } from '../formats/gguf/types.js';
import { fileIdentity } from '../formats/files.js';
import { readGguf, type GgufFile } from '../formats/gguf/file.js';
import type { Imatrix } from '../formats/imatrix.js';
import { readSafetensors } from '../formats/safetensors.js';
import type { Plan, PlanSource, PlanWithBlobs, TensorRef } from './schema.js';

export interface Span {
  /** Index of the source. */
  readonly src: number;
  readonly offset: number;
  readonly type: GgmlTypeName;
  /** ggml order. */
  readonly ne: readonly number[];
}

export interface Matrix {
  readonly rows: number;
  readonly cols: number;
}

const SAFETENSORS_TYPES: Readonly<Record<string, GgmlTypeName>> = {
  F64: 'f64', F32: 'f32', F16: 'f16', BF16: 'bf16', I64: 'i64', I32: 'i32', I16: 'i16', I8: 'i8',
};

/** Types that native/plan cannot turn into float32. */
const UNREADABLE: ReadonlySet<GgmlTypeName> = new Set(['q8_1', 'q8_k', 'i8', 'i16', 'i32', 'i64']);

export const invalid = (reason: string): TaraError => new TaraError('TARA_PLAN_INVALID', { reason });
export const elements = (ne: readonly number[]): number => ne.reduce((product, n) => product * n, 1);
export const matrixOf = (ne: readonly number[]): Matrix => ({ cols: ne[0] ?? 1, rows: elements(ne.slice(1)) });
export const lowerSpan = (span: Span, { rows, cols }: Matrix) => ({ src: span.src, offset: span.offset, type: ggmlType(span.type).id, rows, cols });

/** Throws TARA_PLAN_INVALID for integers and types that only exist beside others. */
export function readable(what: string, { type }: Span): void {
  if (UNREADABLE.has(type)) throw invalid(`${what} has the type ${type}, which cannot be read as numbers`);
}

/** Throws TARA_FILE_CHANGED unless a file is the one the plan was made for. */
export function checkPins(file: { readonly size: number; readonly mtimeMs: number; readonly headerHash: string }, source: PlanSource): void {
  if (file.size !== source.size || file.mtimeMs !== source.mtimeMs || file.headerHash !== source.headerHash) {
    throw new TaraError('TARA_FILE_CHANGED', { path: source.path });
  }
}

/** What planning read of a source, if it gave that along and the file is still the same. Throws TARA_FILE_CHANGED. */
export async function readBefore({ read }: PlanWithBlobs, id: string, source: PlanSource): Promise<GgufFile | Imatrix | undefined> {
  const file = read?.get(id);
  if (file !== undefined) checkPins({ ...file, ...(await fileIdentity(source.path)) }, source);
  return file;
}

/** Reads a source's header, again where planning did not give it along, and makes sure that it is the file the plan was made for. */
async function readSource(p: PlanWithBlobs, index: number, id: string, source: PlanSource, signal: AbortSignal | undefined): Promise<Map<string, Span>> {
  const before = await readBefore(p, id, source);
  const file = before !== undefined && 'tensors' in before ? before : source.format === 'gguf' ? await readGguf(source.path, { signal }) : await readSafetensors(source.path, { signal });
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

/** The spans of all sources of a plan that hold tensors. */
export class Spans {
  private constructor(private readonly plan: Plan, private readonly spans: ReadonlyMap<string, ReadonlyMap<string, Span>>) {}

  /** Throws TARA_FILE_CHANGED and what the readers throw. */
  static async read(p: PlanWithBlobs, signal?: AbortSignal): Promise<Spans> {
    const { plan } = p;
    const spans = new Map<string, ReadonlyMap<string, Span>>();
    for (const [index, [id, source]] of Object.entries(plan.sources).entries()) {
      if (source.format !== 'imatrix') spans.set(id, await readSource(p, index, id, source, signal));
    }
    return new Spans(plan, spans);
  }

  /** Quantized types among the sources' tensors: what is made of those keeps their rounding. */
  quantizedTypes(): GgmlTypeName[] {
    const types = new Set([...this.spans.values()].flatMap((spans) => [...spans.values()].map(({ type }) => type)));
    return [...types].filter((type) => ggmlType(type).blockSize > 1).sort();
  }

  /** Throws TARA_TENSOR_MISSING. */
  find({ src, tensor }: TensorRef): Span {
    const span = this.spans.get(src)?.get(tensor);
    if (span === undefined) throw new TaraError('TARA_TENSOR_MISSING', { path: this.path(src), tensor });
    return span;
  }

  /** Throws TARA_PLAN_INVALID. */
  path(src: string): string {
    const path = this.plan.sources[src]?.path;
    if (path === undefined) throw invalid(`there is no source ${src}`);
    return path;
  }
}
