/** A GGUF file with parts left out: its header as it will be, and the steps that make each of its tensors. */
import type { GgufFile, GgufTensor } from '../../formats/gguf/file.js';
import { readSafetensors, type SafetensorsFile } from '../../formats/safetensors.js';
import type { Plan, PlanStep } from '../../plan/schema.js';
import { runs } from '../rope.js';
import { pinned } from '../source.js';
import { channelSide, channelStep, keepWidths, widthsOf } from './channels.js';
import { keepLayers, layerCount, layerPart } from './layers.js';
import type { Pruning } from './pruning.js';
import { keepTokens } from './tokens.js';
import { refusePruning } from './vocabulary.js';

export interface Pruned {
  /** Its tensors' places and sizes are still those of the file. */
  readonly file: GgufFile;
  readonly steps: ReadonlyMap<string, PlanStep[]>;
}

/** Where weights in the place of the model's own are read from. */
const WEIGHTS = 'pruned';
const TOKEN_TABLE = 'tokens';

const EMBEDDING = 'token_embd.weight';
/** Beside the embedding: what has a row, or a value, for each token. */
const HEADS = new Set(['output.weight', 'output.bias']);

/** The steps and shape of one tensor; null for one that goes. */
function pruneTensor(file: GgufFile, tensor: GgufTensor, pruning: Pruning, places: ReadonlyMap<number, number>, weights: SafetensorsFile | undefined, tables: Record<string, number[]>): { tensor: GgufTensor; steps: PlanStep[] } | null {
  const { name, ne } = tensor;
  const read: PlanStep = { op: 'read', src: 'base', tensor: name };
  const inLayer = layerPart(name);
  if (!inLayer) {
    const { tokens } = pruning;
    if (!tokens || (name !== EMBEDDING && !HEADS.has(name))) {
      if (tokens && name.includes('token_embd')) throw refusePruning(file.path, `${name} has a row for each token, and nobody knows how to cut it`);
      return { tensor, steps: [read] };
    }
    const isVector = ne.length === 1;
    const cut = { ...tensor, ne: isVector ? [tokens.length] : [ne[0] ?? 0, tokens.length] };
    if (weights?.tensors.some((one) => one.name === name)) return { tensor: cut, steps: [{ op: 'read', src: WEIGHTS, tensor: name }] };
    tables[TOKEN_TABLE] ??= runs(tokens);
    return { tensor: cut, steps: [read, { op: isVector ? 'cols' : 'rows', take: { table: TOKEN_TABLE } }] };
  }
  const { layer, part } = inLayer;
  const place = places.get(layer);
  if (place === undefined) return null;
  const renamed = `blk.${place}.${part}`;
  const kept = pruning.channels?.[layer];
  const width = widthsOf(file)[layer] ?? 0;
  const side = kept && channelSide(file.path, part, ne, width);
  const length = kept && side ? kept.length * side.parts : 0;
  const shape = !side ? ne : side.side === 'cols' ? [length, ...ne.slice(1)] : [ne[0] ?? 0, length];
  const other = weights?.tensors.find((one) => one.name === name);
  if (other) return { tensor: { ...tensor, name: renamed, ne: shape }, steps: [{ op: 'read', src: WEIGHTS, tensor: name }] };
  return { tensor: { ...tensor, name: renamed, ne: shape }, steps: side && kept ? [read, channelStep(side, layer, width, kept, tables, runs)] : [read] };
}

/**
 * Adds to the plan's sources and tables what the steps name. Throws TARA_PRUNING_REFUSED for parts that the model cannot lose, and
 * what reading the weights throws.
 */
export async function prune(file: GgufFile, pruning: Pruning, sources: Plan['sources'], tables: Record<string, number[]>): Promise<Pruned> {
  const layers = pruning.layers ?? Array.from({ length: layerCount(file) }, (_, layer) => layer);
  const places = new Map(layers.map((layer, place) => [layer, place]));
  const weights = pruning.weights === undefined ? undefined : await readSafetensors(pruning.weights);
  if (weights) sources[WEIGHTS] = pinned('safetensors', weights);
  const made = file.tensors.flatMap((tensor) => pruneTensor(file, tensor, pruning, places, weights, tables) ?? []);
  let { metadata } = file;
  if (pruning.tokens) metadata = keepTokens(file, pruning.tokens);
  if (pruning.layers) metadata = keepLayers(file, metadata, layers);
  if (pruning.channels) metadata = keepWidths(file, metadata, layers.map((layer) => pruning.channels?.[layer]?.length ?? widthsOf(file)[layer] ?? 0));
  return { file: { ...file, metadata, tensors: made.map(({ tensor }) => tensor) }, steps: new Map(made.map(({ tensor, steps }) => [tensor.name, steps])) };
}
