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

/** Every type that a plan can write, some only with importance. */
const TYPE_NAMES: readonly GgmlTypeName[] = [...WRITABLE_TYPES, ...IMATRIX_TYPES];

export const needsImportance = (type: GgmlTypeName): boolean => IMATRIX_TYPES.has(type);

/** A ggml type that can be written, by its name in any case. Throws TARA_TYPE_UNKNOWN. */
export function typeByName(name: string): GgmlTypeName {
  const found = TYPE_NAMES.find((type) => type === name.toLowerCase());
  if (found === undefined) throw new TaraError('TARA_TYPE_UNKNOWN', { type: name, known: TYPE_NAMES.join(', ') });
  return found;
}

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

/** Throws TARA_TYPE_NEEDS_IMATRIX or TARA_TYPE_UNKNOWN for a type that `tensor` cannot be written as, or not without importance. */
export function checkWritable(tensor: string, type: GgmlTypeName, hasImportance = false): void {
  typeByName(type);
  if (needsImportance(type) && !hasImportance) throw new TaraError('TARA_TYPE_NEEDS_IMATRIX', { type: `${type} for ${tensor}`, known: [...WRITABLE_TYPES].join(', ') });
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

export interface TypeSettings {
  /** Types by tensor name, in the preset's place; llama.cpp still decides what becomes of rows that a type cannot hold. */
  readonly types?: ReadonlyMap<string, GgmlTypeName> | undefined;
  readonly hasImatrix?: boolean | undefined;
}

const plain = (tensors: readonly PresetTensor[]) => tensors.map(({ name, ne, type }) => ({ name, ne, type: ggmlType(type).id }));

/** The tensors that presets may change: no vectors, norms, nor what llama.cpp knows to be small and sensitive. Throws TARA_PLAN_INVALID. */
export function quantizable<T extends PresetTensor>(model: PresetModel, tensors: readonly T[]): T[] {
  const answers = nativeCall('presets.quantizable', { model, tensors: plain(tensors) }) as boolean[];
  return tensors.filter((_, index) => answers[index]);
}

function computeTypes(model: PresetModel, tensors: readonly PresetTensor[], ftype: number, types: ReadonlyMap<string, GgmlTypeName>): GgmlTypeName[] {
  const overrides = [...types].map(([name, type]) => ({ name, type: ggmlType(type).id }));
  const ids = nativeCall('presets.types', { model, ftype, tensors: plain(tensors), overrides }) as number[];
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

/** Presets of which llama.cpp takes no overrides: they quantize nothing. */
const FLOATS: ReadonlySet<number | undefined> = new Set([PRESETS['F32']?.ftype, PRESETS['F16']?.ftype, PRESETS['BF16']?.ftype]);
const ANY_QUANTIZED = 7;

/**
 * The type of each tensor, in the order given, as llama-quantize would choose. `tensors` must be
 * all tensors of the model in layer order: the rules count them. Throws TARA_TYPE_UNKNOWN,
 * TARA_TYPE_NEEDS_IMATRIX, or TARA_PLAN_INVALID for a model outside llama.cpp's limits and a type that it has no substitute for.
 */
export function presetTypes(model: PresetModel, tensors: readonly PresetTensor[], name: string, { types: own = new Map(), hasImatrix = false }: TypeSettings = {}): GgmlTypeName[] {
  const { ftype } = preset(name, hasImatrix);
  const types = computeTypes(model, tensors, ftype, own);
  const isFloat = FLOATS.has(ftype);
  const changed = isFloat ? own : hasImatrix ? imatrixTypes(model, tensors.filter((tensor) => !own.has(tensor.name)), ftype) : new Map<string, GgmlTypeName>();
  if (changed.size === 0) return types;
  // An override is not counted as a layer, so only the changed tensors are taken from the second answer: llama.cpp still
  // decides what becomes of rows that a type cannot hold.
  const second = computeTypes(model, tensors, isFloat ? ANY_QUANTIZED : ftype, new Map([...own, ...changed]));
  return types.map((type, index) => (changed.has(tensors[index]?.name ?? '') ? second[index] ?? type : type));
}
