/** Narrower feed-forward networks: which tensors lose rows, which columns, and what the keys say of it. */
import { isGgufArray } from '../../formats/gguf/array.js';
import { uint32Array } from '../../formats/gguf/array.js';
import { metadataOf, type GgufEntry, type GgufFile } from '../../formats/gguf/file.js';
import type { PlanStep } from '../../plan/schema.js';
import { layerCount } from './layers.js';
import { refusePruning } from './vocabulary.js';

/** Those of which llama.cpp reads a width for each layer. */
const BY_LAYER = new Set(['deci', 'openelm']);

/** Channels of each layer as the file has them. */
export function widthsOf(file: GgufFile): number[] {
  const metadata = metadataOf(file);
  const value = metadata.get(`${metadata.string('general.architecture') ?? ''}.feed_forward_length`);
  return isGgufArray(value) ? value.items().map(Number) : new Array<number>(layerCount(file)).fill(Number(value ?? 0));
}

/** What a tensor of a layer loses with the channels: `side` says along which dimension, `parts` how often they lie there. */
export interface ChannelSide {
  readonly side: 'rows' | 'cols';
  readonly parts: number;
}

/** Null for a tensor that has nothing to do with the channels. Throws TARA_PRUNING_REFUSED for one that nobody knows how to cut. */
export function channelSide(path: string, part: string, ne: readonly number[], width: number): ChannelSide | null {
  const [name = ''] = part.split('.');
  const [cols = 0, rows = 1] = ne;
  if (!name.startsWith('ffn_')) return null;
  const isVector = ne.length === 1;
  const side: ChannelSide | null =
    part === 'ffn_down.weight' ? { side: 'cols', parts: 1 }
    : name === 'ffn_gate' || name === 'ffn_up' ? { side: isVector ? 'cols' : 'rows', parts: (isVector ? cols : rows) / width }
    : null;
  if (side && (side.parts === 1 || side.parts === 2) && (side.side === 'rows' ? rows : cols) === side.parts * width) return side;
  if (name === 'ffn_norm' || part === 'ffn_down.bias' || name.startsWith('ffn_post')) return null;
  throw refusePruning(path, `the width of ${part} cannot be cut`);
}

/** The step that leaves these channels, with its table among `tables`. */
export function channelStep({ side, parts }: ChannelSide, layer: number, width: number, kept: readonly number[], tables: Record<string, number[]>, runs: (indices: readonly number[]) => number[]): PlanStep {
  const table = `channels-${layer}${parts > 1 ? '-twice' : ''}`;
  tables[table] ??= runs(Array.from({ length: parts }, (_, part) => kept.map((channel) => part * width + channel)).flat());
  return { op: side, take: { table } };
}

/** The metadata with widths of the layers that stay. Throws TARA_PRUNING_REFUSED. */
export function keepWidths(file: GgufFile, entries: readonly GgufEntry[], widths: readonly number[]): GgufEntry[] {
  const architecture = metadataOf(file).string('general.architecture') ?? '';
  const [first = 0] = widths;
  const uniform = widths.every((width) => width === first);
  if (!uniform && !BY_LAYER.has(architecture)) throw refusePruning(file.path, `llama.cpp reads one width for all layers of ${architecture}`);
  return entries.map((entry) => (entry.key === `${architecture}.feed_forward_length` ? (uniform ? { ...entry, type: 'uint32', value: first } : { ...entry, type: 'array', value: uint32Array(widths) }) : entry));
}
