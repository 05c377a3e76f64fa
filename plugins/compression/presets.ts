/**
 * The presets that need no importance matrix, and how large their files get. `recommend` takes exact
 * sizes from the core (planSizes); a proposal knows tensors but no file, and uses the rules here, a short, generous
 * form of llama.cpp's: within 7 % above llama-quantize's files of SmolLM2-135M (a test). Data first, then functions.
 */

import type { CompressorTensor } from 'tara-gguf/plugin';

type BlockType = keyof typeof BLOCKS;

/** Elements and bytes of a block. */
const BLOCKS = {
  f16: [1, 2], q2_k: [256, 84], q3_k: [256, 110], q4_k: [256, 144], q5_k: [256, 176], q6_k: [256, 210], iq4_xs: [256, 136],
  q4_0: [32, 18], q5_0: [32, 22], q5_1: [32, 24], q8_0: [32, 34], iq4_nl: [32, 18],
} as const;

/** What llama.cpp takes where a row is no multiple of 256. */
const FALLBACK: Readonly<Partial<Record<BlockType, BlockType>>> = { q2_k: 'q4_0', q3_k: 'q4_0', q4_k: 'q5_0', q5_k: 'q5_1', q6_k: 'q8_0', iq4_xs: 'iq4_nl' };

export interface PresetRule {
  readonly name: string;
  /** Most tensors. */
  readonly base: BlockType;
  /** Largest type of attn_v and ffn_down. */
  readonly sensitive: BlockType;
  /** `some`: only in the layers that llama.cpp's use_more_bits picks, about half. */
  readonly layers?: 'some';
  /** Type of attn_output where it is not the base. */
  readonly attentionOutput?: BlockType;
  /** The output matrix, or the embedding where it is tied to it. */
  readonly output: BlockType;
  /** The original program's label for quality; a claim, not a measurement. */
  readonly label?: number;
}

export const PRESET_RULES: readonly PresetRule[] = [
  { name: 'Q2_K', base: 'q2_k', sensitive: 'q4_k', attentionOutput: 'q3_k', output: 'q6_k', label: 0.7 },
  { name: 'Q3_K_S', base: 'q3_k', sensitive: 'q3_k', output: 'q6_k' },
  { name: 'Q3_K_M', base: 'q3_k', sensitive: 'q5_k', attentionOutput: 'q4_k', output: 'q6_k' },
  { name: 'IQ4_XS', base: 'iq4_xs', sensitive: 'q5_k', output: 'q6_k' },
  { name: 'Q4_0', base: 'q4_0', sensitive: 'q4_0', output: 'q6_k' },
  { name: 'IQ4_NL', base: 'iq4_nl', sensitive: 'q5_k', output: 'q6_k' },
  { name: 'Q4_K_S', base: 'q4_k', sensitive: 'q5_k', output: 'q6_k' },
  { name: 'Q4_K_M', base: 'q4_k', sensitive: 'q6_k', layers: 'some', output: 'q6_k', label: 0.85 },
  { name: 'Q5_K_S', base: 'q5_k', sensitive: 'q5_k', output: 'q6_k' },
  { name: 'Q5_K_M', base: 'q5_k', sensitive: 'q6_k', layers: 'some', output: 'q6_k', label: 0.95 },
  { name: 'Q6_K', base: 'q6_k', sensitive: 'q6_k', output: 'q6_k' },
  { name: 'Q8_0', base: 'q8_0', sensitive: 'q8_0', output: 'q8_0', label: 1 },
  { name: 'F16', base: 'f16', sensitive: 'f16', output: 'f16' },
];

/** A preset on one model. */
export interface PresetSize {
  readonly preset: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Bits of the file for each weight of the model. */
  readonly bitsPerWeight: number;
  /** Tensors by their real type. */
  readonly types: Readonly<Record<string, number>>;
}

const LAYER = /^blk\.(\d+)\./;
const SENSITIVE = /\.(?:attn_v|attn_qkv|ffn_down)(?:_\w+)?\.weight$/;
/** Bytes of the vocabulary in the header, for each token. */
const TOKEN_BYTES = 48;
const TENSOR_HEADER_BYTES = 96;
const ALIGNMENT = 32;

const elements = ({ ne }: CompressorTensor): number => ne.reduce((product, n) => product * n, 1);

/** The real type of a row: falls back where the blocks do not divide it. */
export function realType(wanted: BlockType, rowLength: number): BlockType {
  const fits = (type: BlockType): boolean => rowLength % BLOCKS[type][0] === 0;
  if (fits(wanted)) return wanted;
  const other = FALLBACK[wanted];
  return other !== undefined && fits(other) ? other : 'f16';
}

/** Vectors and norms stay float32; matrices of two and more dimensions are quantized. */
const isMatrix = ({ name, ne }: CompressorTensor): boolean => ne.filter((n) => n > 1).length >= 2 && name.endsWith('.weight') && !name.includes('_norm') && !name.includes('ffn_gate_inp');

/** llama.cpp's choice of layers: the first and last eighth, and every third between. */
const moreBits = (layer: number, count: number): boolean =>
  layer < Math.floor(count / 8) || layer >= Math.floor((7 * count) / 8) || (layer - Math.floor(count / 8)) % 3 === 2;

function wantedType(rule: PresetRule, name: string, outputName: string, layers: number): BlockType {
  if (name === outputName) return rule.output;
  if (name.endsWith('.attn_output.weight')) return rule.attentionOutput ?? rule.base;
  if (!SENSITIVE.test(name)) return rule.base;
  return rule.layers === undefined || moreBits(Number(LAYER.exec(name)?.[1] ?? 0), layers) ? rule.sensitive : rule.base;
}

/** About, and not less than, what the preset's file will have (see above). */
export function estimateSize(rule: PresetRule, tensors: readonly CompressorTensor[]): PresetSize {
  const outputName = tensors.some(({ name }) => name === 'output.weight') ? 'output.weight' : 'token_embd.weight';
  const layers = tensors.reduce((most, { name }) => Math.max(most, Number(LAYER.exec(name)?.[1] ?? -1) + 1), 0);
  const types: Record<string, number> = {};
  let bytes = (tensors.find(({ name }) => name === 'token_embd.weight')?.ne[1] ?? 0) * TOKEN_BYTES + tensors.length * TENSOR_HEADER_BYTES;
  for (const tensor of tensors) {
    const type = isMatrix(tensor) ? realType(wantedType(rule, tensor.name, outputName, layers), tensor.ne[0] ?? 1) : null;
    const size = type === null ? elements(tensor) * 4 : (elements(tensor) / BLOCKS[type][0]) * BLOCKS[type][1];
    bytes += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    types[type ?? 'f32'] = (types[type ?? 'f32'] ?? 0) + 1;
  }
  const weights = tensors.reduce((sum, tensor) => sum + elements(tensor), 0);
  return { preset: rule.name, bytes, bitsPerWeight: weights === 0 ? 0 : (bytes * 8) / weights, types };
}

/** By bits per weight, best first. */
export const bySize = (sizes: readonly PresetSize[]): PresetSize[] => [...sizes].sort((a, b) => b.bitsPerWeight - a.bitsPerWeight || (a.preset < b.preset ? -1 : 1));

/** `q5_0 x 120, q8_0 x 31, f32 x 61` */
export const typesLine = (types: Readonly<Record<string, number>>): string =>
  Object.entries(types).sort((a, b) => b[1] - a[1]).map(([type, count]) => `${type} x ${count}`).join(', ');

/** A sentence on rows that k-quants cannot take; null where there are none. */
export function fallbackLine(tensors: readonly CompressorTensor[]): string | null {
  const matrices = tensors.filter(isMatrix);
  const odd = matrices.filter(({ ne }) => (ne[0] ?? 1) % 256 !== 0);
  if (odd.length === 0) return null;
  const share = odd.reduce((sum, tensor) => sum + elements(tensor), 0) / matrices.reduce((sum, tensor) => sum + elements(tensor), 0);
  return `${odd.length} of ${matrices.length} matrices (${(share * 100).toFixed(0)} % of their weights) have rows that are no multiple of 256: q2_k and q3_k become q4_0, q4_k q5_0, q5_k q5_1, q6_k q8_0 there`;
}
