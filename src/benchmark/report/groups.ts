/** Tensors by what they do in the model. */
import type { BenchmarkTensor } from '../types.js';

const LAYER = /^(?:blk|enc\.blk|dec\.blk)\.(\d+)\.(.+?)\.(?:weight|bias)$/;

/** Its layer, null outside of them, and its name within the layer. */
export function placeOf(name: string): { readonly layer: number | null; readonly role: string } {
  const [, layer, role] = LAYER.exec(name) ?? [];
  return layer === undefined || role === undefined ? { layer: null, role: name.replace(/\.weight$/, '') } : { layer: Number(layer), role };
}

const elements = ({ ne }: BenchmarkTensor): number => ne.reduce((product, n) => product * n, 1);
export const bitsOf = (tensor: BenchmarkTensor): number => (tensor.bytes * 8) / elements(tensor);
/** Vectors are a fraction of a percent of any model, and stay float32. */
export const isMatrix = ({ ne }: BenchmarkTensor): boolean => ne.filter((n) => n > 1).length >= 2;

/** The parts of a file that a person thinks in, in this order. */
export const PARTS = ['token embedding', 'output head', 'attention', 'feed-forward', 'everything else'] as const;
export type Part = (typeof PARTS)[number];

export function partOf(tensor: BenchmarkTensor): Part {
  const { layer, role } = placeOf(tensor.name);
  if (role === 'token_embd') return 'token embedding';
  if (role === 'output') return 'output head';
  if (layer === null || !isMatrix(tensor)) return 'everything else';
  if (role.startsWith('attn')) return 'attention';
  return role.startsWith('ffn') ? 'feed-forward' : 'everything else';
}

export function bytesByPart(tensors: readonly BenchmarkTensor[]): Record<Part, number> {
  const bytes = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  for (const tensor of tensors) bytes[partOf(tensor)] += tensor.bytes;
  return bytes;
}
