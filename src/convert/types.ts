/** Which type each tensor of an output gets: llama.cpp's converter for plain types, llama-quantize for presets. */
import { ggmlType } from '../formats/gguf/types.js';
import { layerOrder } from '../plan/order.js';
import type { OwnTypes } from './input.js';
import type { PresetModel, PresetTensor } from '../plan/presets.js';
import type { TensorType } from '../plan/schema.js';

export type { PresetModel, PresetTensor } from '../plan/presets.js';

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

/** What a tensor becomes, and what was asked for where its row length forbids that. */
export interface ChosenType {
  readonly type: TensorType;
  readonly wanted?: TensorType | undefined;
}

export interface PresetChoice {
  readonly fileType: number;
  readonly types: ReadonlyMap<string, ChosenType>;
}

export const hasOwnTypes = ({ types = {}, tensorTypes = [] }: OwnTypes): boolean => Object.keys(types).length > 0 || tensorTypes.length > 0;

/** No type forbids rows that this divides. */
const EVERY_BLOCK = 256;
const widened = (tensor: PresetTensor): PresetTensor => ({ ...tensor, ne: [Math.ceil((tensor.ne[0] ?? 1) / EVERY_BLOCK) * EVERY_BLOCK, ...tensor.ne.slice(1)] });

/**
 * The types of a preset such as Q4_K_M for all tensors, with an output's own in their place. Throws TARA_TYPE_UNKNOWN,
 * TARA_TYPE_NEEDS_IMATRIX, TARA_OPTION_INVALID.
 */
export async function presetChoice(model: PresetModel, tensors: readonly PresetTensor[], { type: name, ...own }: { readonly type: string } & OwnTypes, hasImatrix = false): Promise<PresetChoice> {
  // The rules are llama.cpp's own, in the addon: loaded only by those who ask for a preset.
  const [{ preset, presetTypes }, { ownTypes }] = await Promise.all([import('../plan/presets.js'), import('./own-types.js')]);
  const { ftype } = preset(name, hasImatrix);
  // All tensors go in: llama.cpp itself knows which it leaves alone, and counts layers in this order.
  const ordered = [...tensors].sort((a, b) => layerOrder(a.name, b.name));
  const settings = { types: ownTypes(model, ordered, own), hasImatrix };
  const chosen = presetTypes(model, ordered, name, settings);
  const isNarrow = ordered.some(({ ne }) => ne.length > 1 && (ne[0] ?? 1) % EVERY_BLOCK !== 0);
  const wanted = isNarrow ? presetTypes(model, ordered.map(widened), name, settings) : chosen;
  return {
    fileType: ftype,
    types: new Map(ordered.map((tensor, index) => {
      const type = chosen[index] ?? tensor.type;
      return [tensor.name, { type, ...(wanted[index] !== type && { wanted: wanted[index] }) }];
    })),
  };
}
