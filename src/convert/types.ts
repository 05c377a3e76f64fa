/** Which type each tensor of an output gets: llama.cpp's converter for plain types, llama-quantize for presets. */
import { TaraError } from '../errors.js';
import { ggmlType } from '../formats/ggml-types.js';
import type { TensorType } from '../plan/schema.js';

/** What `--outtype` of the converter takes. */
export const PLAIN_TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'auto'] as const;
export type PlainType = (typeof PLAIN_TYPES)[number];
/** A plain type after `auto` was decided. */
export type FloatType = Exclude<PlainType, 'auto'>;

/** general.file_type (llama_ftype) of a file of mostly this type. */
export const FILE_TYPES: Readonly<Record<FloatType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 };

export const QUANTIZATION_VERSION = 2;

export const plainType = (type: string): PlainType | undefined => PLAIN_TYPES.find((plain) => plain === type.toLowerCase());

/** `auto`: the type of the first matrix that is 16 bits wide, else f16. */
export function autoType(tensors: Iterable<{ readonly dtype: string; readonly shape: readonly number[] }>): FloatType {
  for (const { dtype, shape } of tensors) {
    if (shape.length < 2) continue;
    if (dtype === 'BF16') return 'bf16';
    if (dtype === 'F16') return 'f16';
  }
  return 'f16';
}

/** The type of a tensor in a conversion to `type`: vectors, norms and what is no weight stay f32; rows that Q8_0 cannot hold become f16. */
export function convertedType(name: string, ne: readonly number[], type: FloatType): TensorType {
  if (ne.length <= 1 || name.endsWith('_norm.weight') || !name.endsWith('.weight')) return 'f32';
  if (name.includes('ffn_gate_inp') || name === 'position_embd.weight' || name === 'token_types.weight') return 'f32';
  return type === 'q8_0' && (ne[0] ?? 1) % ggmlType('q8_0').blockSize !== 0 ? 'f16' : type;
}

/** The shape of a model as llama-quantize's rules look at it. */
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

export interface TypedTensor {
  readonly name: string;
  readonly ne: readonly number[];
  /** The type before quantization. */
  readonly type: TensorType;
}

export interface PresetChoice {
  readonly fileType: number;
  readonly types: ReadonlyMap<string, TensorType>;
}

/**
 * The types of a preset such as Q4_K_M for all tensors; those that are not quantized keep theirs.
 * Throws TARA_TYPE_UNKNOWN, TARA_TYPE_NEEDS_IMATRIX.
 */
export async function presetChoice(model: PresetModel, tensors: readonly TypedTensor[], preset: string): Promise<PresetChoice> {
  // The rules are llama.cpp's own, in the addon: loaded only by those who ask for a preset.
  const { PRESETS, presetTypes } = await import('../plan/presets.js');
  const { layerOrder } = await import('../plan/index.js');
  const name = preset.toUpperCase();
  const known = PRESETS[name];
  const usable = Object.keys(PRESETS).filter((other) => !PRESETS[other]?.needsImatrix);
  if (!known) throw new TaraError('TARA_TYPE_UNKNOWN', { type: preset, known: [...new Set([...PLAIN_TYPES, ...usable])].join(', ') });
  if (known.needsImatrix) throw new TaraError('TARA_TYPE_NEEDS_IMATRIX', { type: name, known: usable.join(', ') });
  // All tensors go in: llama.cpp itself knows which it leaves alone, and counts layers over the rest in this order.
  const ordered = [...tensors].sort((a, b) => layerOrder(a.name, b.name));
  const chosen = presetTypes(model, ordered, name);
  const types = new Map(ordered.map((tensor, index) => [tensor.name, chosen[index] ?? tensor.type]));
  return { fileType: known.ftype, types };
}
