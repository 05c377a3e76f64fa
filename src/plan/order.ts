/** The order in which llama.cpp walks tensors, and in which presets count layers (llama_model_loader::weight_name_comparer). */

const layerOf = (name: string): number => {
  const match = /^blk\.\s*([+-]?\d+)/.exec(name);
  return match === null ? -1 : Number(match[1]);
};

/** Compares two tensor names: by layer, those outside a layer first, then by bytes. */
export function layerOrder(a: string, b: string): number {
  return layerOf(a) - layerOf(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
}
