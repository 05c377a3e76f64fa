/** The plan format: what a model transformation reads, does and writes, as plain data. */
import { z } from 'zod';
import type { GgufFile } from '../formats/gguf/file.js';
import { GGML_TYPE_NAMES } from '../formats/gguf/types.js';
import type { Imatrix } from '../formats/imatrix.js';
import { PLAN_FORMAT } from './format.js';

const id = z.string().min(1).max(64);
const count = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const index = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const finite = z.number().refine(Number.isFinite, 'must be finite');

/** Names of ggml tensor types in lower case, as ggml_type_name writes them (q4_K is `q4_k` here). */
export const tensorType = z.enum(GGML_TYPE_NAMES);

/** A tensor of a source file. */
export const tensorRef = z.strictObject({ src: id, tensor: z.string().min(1) });

/**
 * Which rows to take, in order: an index list as [start, count] runs from `tables`, or the
 * permutation that undoes Hugging Face's rotary layout for a given number of heads.
 */
const take = z.union([z.strictObject({ table: id }), z.strictObject({ ropeHeads: count })]);

const loraTerm = z.strictObject({
  /** The adapter's weight in the merge; `scale` is its own alpha/r (or alpha/sqrt(r)). */
  weight: finite,
  scale: finite,
  /** a: [r, in], b: [out, r] in safetensors order. */
  a: tensorRef,
  b: tensorRef,
  /** The delta is (B A)^T: PEFT's fan_in_fan_out. */
  transposed: z.boolean().optional(),
  /** DoRA: [out], one value for each row; the delta is m (W + scale B A) / ||W + scale B A|| - W, norms by rows. */
  magnitude: tensorRef.optional(),
});

const fullTerm = z.strictObject({
  weight: finite,
  /** A tensor of the same shape; the delta is full - W. PEFT's modules_to_save. */
  full: tensorRef,
  /** It is stored as [in, out], as Conv1D does. */
  transposed: z.boolean().optional(),
});

/** What an adapter adds to a weight, in GGUF's orientation: rows are outputs. */
export const term = z.union([loraTerm, fullTerm]);

/** How terms become one delta: W' = W + scale * merge(terms). */
const delta = z.strictObject({
  op: z.literal('delta'),
  method: z.enum(['sum', 'ties', 'dare', 'dare-ties']),
  /** ties: the share of elements kept, by magnitude; dare: the probability with which each is kept. */
  density: z.number().positive().max(1).optional(),
  /** On the merged delta; 1 when left out. */
  scale: finite.optional(),
  /** dare's, 0 when left out. */
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  terms: z.array(term).min(1),
}).refine(({ method, density }) => (method === 'sum') === (density === undefined), { message: 'every method but sum has a density', path: ['density'] })
  .refine(({ method, seed }) => method.startsWith('dare') || seed === undefined, { message: 'only dare has a seed', path: ['seed'] });

/** A second tensor of the same shape: (1 - t) this + t other, or the same along the arc between them. */
const blend = z.strictObject({
  op: z.literal('blend'),
  method: z.enum(['linear', 'slerp']),
  t: z.number().min(0).max(1),
  with: tensorRef,
  /** The other is stored as [in, out]. */
  transposed: z.boolean().optional(),
});

export const step = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('read'), ...tensorRef.shape }),
  z.strictObject({ op: z.literal('stack'), parts: z.array(tensorRef).min(1) }),
  z.strictObject({ op: z.literal('values'), values: z.array(finite).min(1) }),
  z.strictObject({ op: z.literal('transpose') }),
  z.strictObject({ op: z.literal('rows'), take }),
  z.strictObject({ op: z.literal('cols'), take: z.strictObject({ table: id }) }),
  /** half: the result is rounded to float16, as PyTorch computes on a float16 tensor. */
  z.strictObject({ op: z.literal('affine'), scale: finite, offset: finite, half: z.boolean().optional() }),
  delta,
  blend,
]);

export const metadataEntry = z.strictObject({
  key: z.string().min(1).max(65535),
  type: z.enum(['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'bool', 'string', 'array', 'uint64', 'int64', 'float64']),
  /** Scalars as themselves (64-bit integers as decimal strings); arrays as `{ of, items }` or `{ of, length, blob }`. */
  value: z.union([
    z.number(),
    z.string(),
    z.boolean(),
    z.strictObject({ of: z.string(), items: z.array(z.union([z.number(), z.string(), z.boolean()])) }),
    z.strictObject({ of: z.string(), length: index, blob: z.string() }),
  ]),
});

export const source = z.strictObject({
  path: z.string().min(1),
  format: z.enum(['safetensors', 'gguf', 'imatrix']),
  size: index,
  mtimeMs: z.number(),
  /** SHA-256 of the file's header bytes (of all of an imatrix that is no GGUF). */
  headerHash: z.string(),
});

export const output = z.strictObject({
  /** Absolute path, or null: the output only measures. */
  path: z.string().min(1).nullable(),
  /** `plan` = as listed; `layer` = llama.cpp's order, in which presets count layers. */
  order: z.enum(['plan', 'layer']),
  /** Keys removed and appended again, as gguf_set_val does. */
  set: z.array(metadataEntry).default([]),
  remove: z.array(z.string()).default([]),
  alignment: count.default(32),
});

export const tensor = z.strictObject({
  name: z.string().min(1).max(63),
  /** ggml order: ne[0] is the row length. */
  ne: z.array(count).min(1).max(4),
  steps: z.array(step).min(1),
  to: z.array(z.strictObject({
    out: id,
    type: tensorType,
    /** What was asked for, where the row length forbids it: for those who read the plan. */
    wanted: tensorType.optional(),
    name: z.string().min(1).max(63).optional(),
    /** The importance of the tensor's columns, from a source of the format imatrix. */
    imatrix: tensorRef.optional(),
    /** Rounded with error feedback: the factor of its inputs' second moments, [cols, cols], M above D. */
    feedback: tensorRef.optional(),
  })),
});

export const planSchema = z.strictObject({
  format: z.literal(PLAN_FORMAT),
  sources: z.record(id, source),
  /** Index lists as flat [start, count, start, count, …] runs. */
  tables: z.record(id, z.array(index)).default({}),
  metadata: z.array(metadataEntry),
  outputs: z.record(id, output),
  tensors: z.array(tensor),
});

export type Plan = z.infer<typeof planSchema>;
export type PlanTensor = z.infer<typeof tensor>;
export type PlanStep = z.infer<typeof step>;
export type DeltaStep = z.infer<typeof delta>;
export type DeltaTerm = z.infer<typeof term>;
export type BlendStep = z.infer<typeof blend>;
export type PlanOutput = z.infer<typeof output>;
export type PlanSource = z.infer<typeof source>;
export type MetadataEntry = z.infer<typeof metadataEntry>;
export type TensorRef = z.infer<typeof tensorRef>;
export type TensorType = z.infer<typeof tensorType>;

/** Long arrays and raw values that lie beside a plan, by the SHA-256 of their bytes. */
export type Blobs = Map<string, Uint8Array>;

/** A plan with the bytes it names. */
export interface PlanWithBlobs {
  readonly plan: Plan;
  readonly blobs: Blobs;
  /** Sources as planning read them a moment ago, by id, so that lowering beside it reads no vocabulary twice. Not for other threads. */
  readonly read?: ReadonlyMap<string, GgufFile | Imatrix> | undefined;
}
