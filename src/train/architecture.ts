/** Which models have a training graph, and how theirs is laid out: Llama's family of decoders. */
import { TaraError } from '../errors.js';
import { ggmlType, metadataOf, readGguf, type GgufFile, type GgufTensor } from '../formats/index.js';

/** A tensor as the addon reads it. */
export interface StoredTensor {
  readonly name: string;
  /** ggml's number of the type. */
  readonly type: number;
  readonly ne: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

export type LayerTensors = Readonly<Record<string, StoredTensor>>;

/** What train.open takes of a file. */
export interface Layout {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly shape: {
    readonly width: number;
    readonly heads: number;
    readonly kvHeads: number;
    readonly head: number;
    readonly epsilon: number;
    readonly ropeBase: number;
    readonly ropeDims: number;
    readonly ropeHalves: boolean;
  };
  readonly layers: readonly LayerTensors[];
  readonly embedding: StoredTensor;
  readonly head?: StoredTensor;
  readonly outputNorm: StoredTensor;
  readonly ropeFactors?: StoredTensor;
}

interface Graph {
  /** Rotary pairs are halves of a head apart, not neighbours. */
  readonly ropeHalves: boolean;
  /** Tensors that its layers have besides the common ones. */
  readonly more: readonly string[];
}

const BIASES = ['attn_q.bias', 'attn_k.bias', 'attn_v.bias', 'attn_output.bias'];
const GRAPHS: Readonly<Record<string, Graph>> = {
  llama: { ropeHalves: false, more: BIASES },
  qwen2: { ropeHalves: true, more: BIASES },
  qwen3: { ropeHalves: true, more: ['attn_q_norm.weight', 'attn_k_norm.weight'] },
};

/** By the names in general.architecture. Mistral's files say llama. */
export const TRAINABLE_ARCHITECTURES: readonly string[] = Object.keys(GRAPHS);

/** The addon's names of a layer's tensors. */
const ROLES: Readonly<Record<string, string>> = {
  'attn_norm.weight': 'attnNorm', 'attn_q.weight': 'q', 'attn_k.weight': 'k', 'attn_v.weight': 'v', 'attn_output.weight': 'o',
  'ffn_norm.weight': 'ffnNorm', 'ffn_gate.weight': 'gate', 'ffn_up.weight': 'up', 'ffn_down.weight': 'down',
  'attn_q.bias': 'qBias', 'attn_k.bias': 'kBias', 'attn_v.bias': 'vBias', 'attn_output.bias': 'oBias',
  'attn_q_norm.weight': 'qNorm', 'attn_k_norm.weight': 'kNorm',
};
const COMMON = Object.keys(ROLES).slice(0, 9);
/** Numbers under the architecture's prefix that change what is computed, and that the graph does not know. */
const UNKNOWN_KEYS = ['expert_count', 'attention.scale', 'attention.clamp_kqv', 'attention.causal', 'logit_scale', 'residual_scale', 'embedding_scale', 'final_logit_softcapping'];
const NO_EFFECT: readonly unknown[] = [undefined, 0, true];

const stored = ({ name, type, ne, offset, bytes }: GgufTensor): StoredTensor => ({ name, type: ggmlType(type).id, ne: [...ne], offset, bytes });

/** Throws TARA_TRAINING_UNSUPPORTED where the file has no training graph. */
export function layoutOf(file: GgufFile): Layout {
  const metadata = metadataOf(file);
  const architecture = metadata.string('general.architecture') ?? 'none';
  const refuse = (reason: string): TaraError => new TaraError('TARA_TRAINING_UNSUPPORTED', { path: file.path, reason, available: TRAINABLE_ARCHITECTURES.join(', ') });
  const graph = Object.hasOwn(GRAPHS, architecture) ? GRAPHS[architecture] : undefined;
  if (graph === undefined) throw refuse(`the architecture ${architecture} has no training graph`);
  const key = (name: string): string => `${architecture}.${name}`;
  for (const name of UNKNOWN_KEYS) if (!NO_EFFECT.includes(metadata.get(key(name)))) throw refuse(`${key(name)} is ${String(metadata.get(key(name)))}`);
  const scaling = metadata.string(key('rope.scaling.type')) ?? 'none';
  if (scaling !== 'none') throw refuse(`its rotary embeddings are scaled (${scaling})`);
  const number = (name: string, fallback?: number): number => {
    const value = metadata.number(key(name)) ?? fallback;
    if (value === undefined) throw refuse(`${key(name)} is no number, the same for every layer`);
    return value;
  };
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const take = (name: string): StoredTensor | undefined => {
    const tensor = tensors.get(name);
    tensors.delete(name);
    return tensor && stored(tensor);
  };
  const needed = (name: string): StoredTensor => {
    const tensor = take(name);
    if (tensor === undefined) throw refuse(`the tensor ${name} is missing`);
    return tensor;
  };
  const layers = Array.from({ length: number('block_count') }, (_, index): LayerTensors => Object.fromEntries([
    ...COMMON.map((name) => [ROLES[name], needed(`blk.${index}.${name}`)] as const),
    ...graph.more.flatMap((name) => {
      const tensor = take(`blk.${index}.${name}`);
      return tensor ? [[ROLES[name], tensor] as const] : [];
    }),
  ]) as LayerTensors);
  const [width, heads] = [number('embedding_length'), number('attention.head_count')];
  const head = number('attention.key_length', width / heads);
  if (number('attention.value_length', head) !== head) throw refuse('keys and values differ in length');
  const [output, factors] = [take('output.weight'), take('rope_freqs.weight')];
  const layout: Layout = {
    path: file.path, size: file.size, mtimeMs: file.mtimeMs,
    shape: {
      width, heads, kvHeads: number('attention.head_count_kv', heads), head,
      epsilon: number('attention.layer_norm_rms_epsilon'), ropeBase: number('rope.freq_base', 10000), ropeDims: number('rope.dimension_count', head), ropeHalves: graph.ropeHalves,
    },
    layers,
    embedding: needed('token_embd.weight'),
    ...(output && { head: output }),
    outputNorm: needed('output_norm.weight'),
    ...(factors && { ropeFactors: factors }),
  };
  const [left] = tensors.keys();
  if (left !== undefined) throw refuse(`it has a tensor that the graph does not know, ${left}`);
  return layout;
}

/** Throws TARA_TRAINING_UNSUPPORTED where the file has no training graph, and as readGguf does. */
export async function checkTrainable(path: string, signal?: AbortSignal): Promise<void> {
  layoutOf(await readGguf(path, { signal }));
}
