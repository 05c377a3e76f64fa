/** The presets of llama-quantize: their names, file types, and the types they give to a model's tensors. */
import { nativeCall } from '../engine/jobs.js';
import { TaraError } from '../errors.js';
import { type GgmlTypeName, ggmlType, ggmlTypeName } from '../formats/gguf/types.js';

export interface Preset {
  /** general.file_type, an llama_ftype. */
  readonly ftype: number;
  /** llama-quantize refuses it without an importance matrix. */
  readonly needsImatrix: boolean;
}

const free = (ftype: number): Preset => ({ ftype, needsImatrix: false });
const matrix = (ftype: number): Preset => ({ ftype, needsImatrix: true });

/** Every name that llama-quantize offers, aliases included. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  F32: free(0), F16: free(1), BF16: free(32), Q8_0: free(7), Q6_K: free(18),
  Q5_K: free(17), Q5_K_M: free(17), Q5_K_S: free(16), Q5_1: free(9), Q5_0: free(8),
  Q4_K: free(15), Q4_K_M: free(15), Q4_K_S: free(14), Q4_1: free(3), Q4_0: free(2), IQ4_NL: free(25), IQ4_XS: free(30), MXFP4_MOE: free(38),
  Q3_K: free(12), Q3_K_L: free(13), Q3_K_M: free(12), Q3_K_S: free(11), IQ3_M: free(27), IQ3_S: free(26), IQ3_XS: matrix(22), IQ3_XXS: matrix(23),
  Q2_K: free(10), Q2_K_S: matrix(21), IQ2_M: matrix(29), IQ2_S: matrix(28), IQ2_XS: matrix(20), IQ2_XXS: matrix(19),
  IQ1_M: matrix(31), IQ1_S: matrix(24), TQ2_0: free(37), TQ1_0: free(36), Q2_0: free(41), Q1_0: free(40),
};

export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** Types that are garbage without importance; llama-quantize refuses them too. */
const IMATRIX_TYPES: ReadonlySet<GgmlTypeName> = new Set(['iq1_s', 'iq1_m', 'iq2_xxs', 'iq2_xs', 'iq2_s', 'iq3_xxs']);

/** Types that a plan can write. */
export const WRITABLE_TYPES: ReadonlySet<GgmlTypeName> = new Set([
  'f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'q1_0', 'q2_0', 'mxfp4', 'nvfp4',
  'q2_k', 'q3_k', 'q4_k', 'q5_k', 'q6_k', 'tq1_0', 'tq2_0', 'iq4_nl', 'iq4_xs', 'iq3_s',
]);

/** Names of presets that need no importance matrix, for messages. */
const freeNames = (): string => PRESET_NAMES.filter((name) => PRESETS[name]?.needsImatrix === false).join(', ');

/** A preset by its name in any case. Throws TARA_TYPE_UNKNOWN, or TARA_TYPE_NEEDS_IMATRIX without one. */
export function preset(name: string, hasImatrix = false): Preset {
  const upper = name.toUpperCase();
  const found = Object.hasOwn(PRESETS, upper) ? PRESETS[upper] : undefined;
  if (found === undefined) throw new TaraError('TARA_TYPE_UNKNOWN', { type: name, known: PRESET_NAMES.join(', ') });
  if (found.needsImatrix && !hasImatrix) throw new TaraError('TARA_TYPE_NEEDS_IMATRIX', { type: upper, known: freeNames() });
  return found;
}

/** Throws TARA_TYPE_NEEDS_IMATRIX or TARA_TYPE_UNKNOWN for a tensor type that cannot be written, or not without importance. */
export function checkWritable(type: GgmlTypeName, hasImportance = false): void {
  if (IMATRIX_TYPES.has(type)) {
    if (hasImportance) return;
    throw new TaraError('TARA_TYPE_NEEDS_IMATRIX', { type, known: freeNames() });
  }
  if (!WRITABLE_TYPES.has(type)) throw new TaraError('TARA_TYPE_UNKNOWN', { type, known: [...WRITABLE_TYPES].join(', ') });
}

/** What the preset rules look at; 0 where a model has no such value. */
export interface PresetModel {
  readonly architecture: string;
  readonly n_embd: number;
  readonly n_ff: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_head_kv: number;
  readonly n_expert: number;
  readonly n_embd_head_k: number;
  readonly n_embd_head_v: number;
}

export interface PresetTensor {
  readonly name: string;
  /** ggml order. */
  readonly ne: readonly number[];
  /** The type it has before quantizing: kept where the preset leaves a tensor alone. */
  readonly type: GgmlTypeName;
}

export interface TypeOverride {
  /** A regular expression (ECMAScript) for whole tensor names. */
  readonly pattern: string;
  readonly type: GgmlTypeName;
}

const PATTERN_LIMIT = 256;

function checkOverrides(overrides: readonly TypeOverride[]): void {
  for (const { pattern, type } of overrides) {
    checkWritable(type);
    try {
      if (pattern.length > PATTERN_LIMIT) throw new Error(`longer than ${PATTERN_LIMIT} characters`);
      new RegExp(pattern);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TaraError('TARA_OPTION_INVALID', { option: `tensor type pattern ${pattern.slice(0, PATTERN_LIMIT)}`, reason });
    }
  }
}

function computeTypes(model: PresetModel, tensors: readonly PresetTensor[], ftype: number, overrides: readonly TypeOverride[]): GgmlTypeName[] {
  const ids = nativeCall('presets.types', {
    model, ftype,
    tensors: tensors.map(({ name: tensor, ne, type }) => ({ name: tensor, ne, type: ggmlType(type).id })),
    overrides: overrides.map(({ pattern, type }) => ({ pattern, type: ggmlType(type).id })),
  }) as number[];
  return ids.map((id) => {
    const type = ggmlTypeName(id);
    if (type === undefined) throw new TaraError('TARA_INTERNAL', { reason: `llama.cpp chose the unknown type ${id}` });
    return type;
  });
}

/**
 * What llama-quantize chooses otherwise when it has an importance matrix (llama_quant_compute_types decides as if there were none):
 * the names of the tensors and the types that are tried first.
 */
function imatrixTypes(model: PresetModel, tensors: readonly PresetTensor[], ftype: number): Map<string, GgmlTypeName> {
  const { Q4_0, Q5_0, IQ4_NL, IQ4_XS, IQ3_XXS } = PRESETS;
  const changed = new Map<string, GgmlTypeName>();
  const layers = Math.floor(model.n_layer / 8);
  const downs = tensors.filter(({ name }) => name.includes('ffn_down'));
  // With experts llama.cpp takes the layer from the name, else it counts.
  const early = downs.filter(({ name }, index) => (model.n_expert > 1 ? Number(/^blk\.(\d+)\./.exec(name)?.[1]) : index) < layers);
  const set = (some: readonly PresetTensor[], type: GgmlTypeName): void => some.forEach(({ name }) => changed.set(name, type));
  if (ftype === Q4_0?.ftype) set(early, 'q4_1');
  if (ftype === Q5_0?.ftype) set(early, 'q5_1');
  if (ftype === IQ4_NL?.ftype) set(early, 'iq4_nl');
  if (ftype === IQ4_XS?.ftype) set(early, 'iq4_xs');
  if (ftype === IQ3_XXS?.ftype) {
    set(downs, 'iq3_xxs');
    const perKey = model.n_head_kv > 0 ? Math.floor(model.n_head / model.n_head_kv) : 0;
    if (perKey < 4) set(tensors.filter(({ name }) => /attn_(v|qkv|kv_b)\.weight/.test(name)), 'iq3_xxs');
  }
  return changed;
}

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * The type of each tensor, in the order given, as llama-quantize would choose. `tensors` must be
 * all tensors of the model in layer order: the rules count them. Throws TARA_TYPE_UNKNOWN,
 * TARA_TYPE_NEEDS_IMATRIX, TARA_OPTION_INVALID, or TARA_PLAN_INVALID for a model outside llama.cpp's limits.
 */
export function presetTypes(model: PresetModel, tensors: readonly PresetTensor[], name: string, overrides: readonly TypeOverride[] = [], hasImatrix = false): GgmlTypeName[] {
  const { ftype } = preset(name, hasImatrix);
  checkOverrides(overrides);
  const types = computeTypes(model, tensors, ftype, overrides);
  const changed = hasImatrix ? imatrixTypes(model, tensors, ftype) : undefined;
  if (!changed?.size) return types;
  // An override is not counted as a layer, so only the changed tensors are taken from the second answer: llama.cpp still
  // decides what becomes of rows that a type cannot hold, and users' own overrides stay in front.
  const second = computeTypes(model, tensors, ftype, [...overrides, ...[...changed].map(([tensor, type]) => ({ pattern: escaped(tensor), type }))]);
  return types.map((type, index) => (changed.has(tensors[index]?.name ?? '') ? second[index] ?? type : type));
}
