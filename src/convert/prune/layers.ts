/** Fewer layers: which keys change, and what the layers that stay are called. */
import { isGgufArray, itemsAt } from '../../formats/gguf/array.js';
import { metadataOf, type GgufEntry, type GgufFile } from '../../formats/gguf/file.js';
import { refusePruning } from './vocabulary.js';

const LAYER = /^blk\.(\d+)\.(.+)$/;

/** Those whose layers llama.cpp computes all alike, or as an array in the file says. */
const ALIKE = new Set(['llama', 'deci', 'qwen2', 'qwen3', 'gpt2', 'gemma', 'phi2', 'phi3', 'olmo2', 'starcoder2', 'stablelm']);

export const layerCount = (file: GgufFile): number => {
  const metadata = metadataOf(file);
  return metadata.number(`${metadata.string('general.architecture') ?? ''}.block_count`) ?? 0;
};

/** Null outside the layers. */
export function layerPart(name: string): { readonly layer: number; readonly part: string } | null {
  const [, layer, part] = LAYER.exec(name) ?? [];
  return layer === undefined || part === undefined ? null : { layer: Number(layer), part };
}

/** The metadata with these layers. Throws TARA_PRUNING_REFUSED. */
export function keepLayers(file: GgufFile, entries: readonly GgufEntry[], layers: readonly number[]): GgufEntry[] {
  const architecture = metadataOf(file).string('general.architecture') ?? '';
  const count = layerCount(file);
  if (!ALIKE.has(architecture)) throw refusePruning(file.path, `llama.cpp gives layers of ${architecture} their kind by their number`);
  layers.forEach((layer, at) => {
    if (!Number.isInteger(layer) || layer < 0 || layer >= count || (at > 0 && layer <= (layers[at - 1] ?? 0))) throw refusePruning(file.path, `the layers that stay are no ascending numbers below ${count}`);
  });
  if (layers.length === 0) throw refusePruning(file.path, 'no layer would stay');
  return entries.map((entry) => {
    const { key, value } = entry;
    if (key === `${architecture}.block_count`) return { ...entry, value: layers.length };
    if (key.startsWith(`${architecture}.`) && isGgufArray(value) && value.length === count) return { ...entry, value: itemsAt(value, layers) };
    return entry;
  });
}
