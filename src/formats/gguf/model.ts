/**
 * What llama.cpp v0.5.0 assumes of a model and aborts, hangs or computes nonsense without:
 * checked here, because a failed assertion there ends the process (llama-model.cpp, load_hparams).
 */
import { TaraError } from '../../errors.js';
import { type GgufFile, type GgufMetadata, type GgufTensor, metadataOf } from './file.js';
import { ARCHITECTURES } from './architectures.js';
import { isGgufArray } from './array.js';
import { checkVocab, type Refuse } from './vocab.js';
import type { GgmlTypeName } from './types.js';
import { oneLine } from '../one-line.js';

export { ARCHITECTURES } from './architectures.js';

/** LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS. */
const MOST_LAYERS = 512;
const MOST_EXPERTS = 1024;
/** gguf.cpp compares each name with all before it. */
const MOST_TENSORS = 1 << 14;
const MOST_KEYS = 1 << 13;
const LARGEST_INT = 2 ** 31 - 1;

const RECURRENT = new Set(['mamba', 'mamba2', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7', 'wavtokenizer-dec']);
const ROTATES_WHOLE_HEADS = new Set(['llama', 'deci', 'falcon', 'llama-embed']);
/** Drafters and speech models whose embedding is another model's or has another shape. */
const FOREIGN_EMBEDDING = new Set(['eagle3', 'dflash', 'gemma4-assistant', 'wavtokenizer-dec', 'qwen3tts', 'pockettts']);
const DROPS_SINGLE_EXPERT = new Set(['hunyuan_vl', 'hunyuan-dense']);
const ROPE_SCALING = ['none', 'linear', 'yarn', 'longrope'];
const MOST_POOLING = 4;

/** ggml has no product with these. */
const NO_MATMUL: ReadonlySet<GgmlTypeName> = new Set<GgmlTypeName>(['i8', 'i16', 'i32', 'i64', 'f64', 'q8_1', 'q8_k']);
/** DeepSeek's table of experts by token: indices, not weights. */
const INDEX_TENSOR = /\.ffn_gate_tid2eid\.weight$/;

/** A model's hyperparameters under its architecture's prefix. */
class Hyperparameters {
  constructor(readonly arch: string, readonly metadata: GgufMetadata, readonly refuse: Refuse) {}

  get(name: string): ReturnType<GgufMetadata['get']> {
    return this.metadata.get(`${this.arch}.${name}`);
  }

  /** An unsigned number within bounds, or the fallback where the key is missing; no fallback means it is required. */
  count(name: string, low: number, high: number, fallback?: number): number {
    const value = this.get(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (value === undefined) throw this.refuse(`${this.arch}.${name} is missing`);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
      throw this.refuse(`${this.arch}.${name} is ${isGgufArray(value) ? 'an array' : value}; a whole number from ${low} to ${high} is needed`);
    }
    return value;
  }

  /** A number for each layer, from one number or an array of them. */
  perLayer(name: string, layers: number, fallback?: readonly number[]): readonly number[] {
    const value = this.get(name);
    if (isGgufArray(value)) {
      if (value.length !== layers) throw this.refuse(`${this.arch}.${name} has ${value.length} items for ${layers} layers`);
      return value.items().map((item) => {
        if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item > LARGEST_INT) throw this.refuse(`${this.arch}.${name} holds ${String(item)}`);
        return item;
      });
    }
    if (value === undefined && fallback !== undefined) return fallback;
    return new Array<number>(layers).fill(this.count(name, 0, LARGEST_INT));
  }

  /** A finite number from `low`, if the key is there. */
  float(name: string, low: number): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < low) throw this.refuse(`${this.arch}.${name} is ${isGgufArray(value) ? 'an array' : value}`);
    return value;
  }
}

interface Shape {
  readonly embedding: number;
  readonly layers: number;
  readonly heads: readonly number[];
  readonly kvHeads: readonly number[];
  readonly keyLength: number;
  readonly valueLength: number;
  readonly feedForward: readonly number[];
  readonly experts: number;
  readonly rotated: number;
}

function checkExperts(h: Hyperparameters, layers: number): number {
  const experts = h.count('expert_count', 0, MOST_EXPERTS, 0);
  const dropped = DROPS_SINGLE_EXPERT.has(h.arch) && experts <= 1;
  const used = Math.max(...h.perLayer('expert_used_count', layers, [0]));
  const groups = h.count('expert_group_count', 0, MOST_EXPERTS, 0);
  const groupsUsed = h.count('expert_group_used_count', 0, MOST_EXPERTS, 0);
  if (dropped) return 0;
  if (used > experts || (experts > 0 && used === 0)) throw h.refuse(`${used} of ${experts} experts are used`);
  const groupsFit = experts === 0 ? groups === 0 : groups < experts && (groups <= 1 || (experts % groups === 0 && groupsUsed > 0 && groupsUsed < groups));
  if (!groupsFit) throw h.refuse(`${groupsUsed} of ${groups} groups of ${experts} experts are used`);
  return experts;
}

function checkHeads(h: Hyperparameters, layers: number): { heads: readonly number[]; kvHeads: readonly number[] } {
  const recurrent = RECURRENT.has(h.arch);
  const heads = h.perLayer('attention.head_count', layers, recurrent ? new Array<number>(layers).fill(0) : undefined);
  const kvHeads = h.perLayer('attention.head_count_kv', layers, heads);
  const attends = heads.some((count, layer) => count > 0 && (kvHeads[layer] ?? 0) > 0);
  if (!recurrent && !attends) throw h.refuse('the model has no attention heads');
  heads.forEach((count, layer) => {
    const kv = kvHeads[layer] ?? 0;
    // Hybrids mark layers without attention by zeros; llama has none.
    if (h.arch === 'llama' && (count === 0 || kv === 0)) throw h.refuse(`layer ${layer} has no attention heads`);
    if (kv > 0 && count % kv !== 0) throw h.refuse(`layer ${layer} has ${count} attention heads for ${kv} of keys and values`);
  });
  return { heads, kvHeads };
}

function checkRope(h: Hyperparameters, keyLength: number): number {
  const type = h.get('rope.scaling.type');
  if (type !== undefined && (typeof type !== 'string' || !ROPE_SCALING.includes(type))) throw h.refuse(`${h.arch}.rope.scaling.type is none of ${ROPE_SCALING.join(', ')}`);
  for (const name of ['rope.freq_base', 'rope.freq_base_swa']) {
    if (h.float(name, 0) === 0) throw h.refuse(`${h.arch}.${name} is 0`);
  }
  for (const name of ['rope.scaling.factor', 'rope.scale_linear', 'rope.scaling.attn_factor']) h.float(name, 0);
  const rotated = h.count('rope.dimension_count', 0, LARGEST_INT, keyLength);
  const fits = ROTATES_WHOLE_HEADS.has(h.arch) ? rotated === keyLength : keyLength === 0 || rotated <= keyLength;
  if (!fits || (h.get('rope.dimension_count') !== undefined && rotated % 2 !== 0)) throw h.refuse(`${h.arch}.rope.dimension_count is ${rotated}, heads are ${keyLength} wide`);
  return rotated;
}

function checkShape(h: Hyperparameters): Shape {
  const layers = h.count('block_count', 1, MOST_LAYERS);
  h.count('context_length', 1, LARGEST_INT);
  const embedding = h.count('embedding_length', 1, LARGEST_INT);
  h.count('nextn_predict_layers', 0, layers - 1, 0);
  h.count('pooling_type', 0, MOST_POOLING, 0);
  for (const name of ['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon', 'attention.group_norm_epsilon']) h.float(name, 0);
  const experts = checkExperts(h, layers);
  const { heads, kvHeads } = checkHeads(h, layers);
  const first = heads[0] ?? 0;
  const ownWidth = first > 0 && h.get('attention.key_length') === undefined;
  if (ownWidth && embedding % first !== 0) throw h.refuse(`${first} attention heads do not divide the embedding of ${embedding}`);
  const width = first > 0 ? Math.floor(embedding / first) : 0;
  const keyLength = first > 0 ? h.count('attention.key_length', 1, LARGEST_INT, width) : 0;
  const valueLength = first > 0 ? h.count('attention.value_length', 1, LARGEST_INT, width) : 0;
  const feedForward = h.perLayer('feed_forward_length', layers, new Array<number>(layers).fill(0));
  return { embedding, layers, heads, kvHeads, keyLength, valueLength, feedForward, experts, rotated: checkRope(h, keyLength) };
}

/** gguf.cpp takes tensors only back to back, in the order of the header. */
function checkLayout(file: GgufFile, refuse: Refuse): void {
  let expected = file.dataOffset;
  for (const tensor of file.tensors) {
    if (tensor.offset !== expected) throw refuse(`tensor ${tensor.name} does not follow the one before it, which llama.cpp asks for`);
    expected += Math.ceil(tensor.bytes / file.alignment) * file.alignment;
  }
}

function checkTypes(tensors: readonly GgufTensor[], refuse: Refuse): void {
  for (const { name, ne, type } of tensors) {
    // A classifier with one class is a matrix of one row.
    const single = (ne.slice(1).every((n) => n === 1) && name !== 'cls.output.weight') || name.endsWith('_norm.weight');
    if (single && type !== 'f32' && /\.(weight|bias)$/.test(name)) throw refuse(`tensor ${name} is of type ${type}; vectors must be f32`);
    if (NO_MATMUL.has(type) && name.endsWith('.weight') && !INDEX_TENSOR.test(name)) throw refuse(`tensor ${name} is of type ${type}, which ggml cannot multiply with`);
  }
}

type Expected = readonly [name: string, ...ne: number[]];

/** The tensors that the llama architecture cannot do without, and their shapes (models/llama.cpp). */
function llamaTensors(shape: Shape, has: (name: string) => boolean): Expected[] {
  const { embedding, keyLength, valueLength, experts } = shape;
  const expected: Expected[] = [['output_norm.weight', embedding]];
  for (let layer = 0; layer < shape.layers; layer++) {
    const [q, k, v] = [keyLength * (shape.heads[layer] ?? 0), keyLength * (shape.kvHeads[layer] ?? 0), valueLength * (shape.kvHeads[layer] ?? 0)];
    const ff = shape.feedForward[layer] ?? 0;
    const at = (name: string) => `blk.${layer}.${name}.weight`;
    expected.push([at('attn_norm'), embedding], [at('ffn_norm'), embedding], [at('attn_output'), q, embedding]);
    if (has(at('attn_qkv'))) expected.push([at('attn_qkv'), embedding, q + k + v]);
    else expected.push([at('attn_q'), embedding, q], [at('attn_k'), embedding, k], [at('attn_v'), embedding, v]);
    if (experts === 0) expected.push([at('ffn_gate'), embedding, ff], [at('ffn_up'), embedding, ff], [at('ffn_down'), ff, embedding]);
    else expected.push([at('ffn_gate_inp'), embedding, experts], [at('ffn_up_exps'), embedding, ff, experts], [at('ffn_down_exps'), ff, embedding, experts]);
  }
  return expected;
}

/** Trailing ones do not count. */
const sameShape = (actual: readonly number[], expected: readonly number[]): boolean =>
  [0, 1, 2, 3].every((at) => (actual[at] ?? 1) === (expected[at] ?? 1));

function checkTensors(file: GgufFile, h: Hyperparameters, shape: Shape, vocabulary: number | undefined): void {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const expect = ([name, ...ne]: Expected): void => {
    const tensor = byName.get(name);
    if (tensor === undefined) throw h.refuse(`tensor ${name} is missing`);
    if (!sameShape(tensor.ne, ne)) throw h.refuse(`tensor ${name} has shape [${tensor.ne.join(', ')}], expected [${ne.join(', ')}]`);
  };
  const tokens = vocabulary ?? h.count('vocab_size', 1, LARGEST_INT, byName.get('token_embd.weight')?.ne[1] ?? 1);
  if (!FOREIGN_EMBEDDING.has(h.arch)) expect(['token_embd.weight', shape.embedding, tokens]);
  if (h.arch !== 'llama') return;
  if (shape.keyLength !== shape.valueLength) throw h.refuse(`keys are ${shape.keyLength} wide, values ${shape.valueLength}`);
  if (h.float('attention.layer_norm_rms_epsilon', 0) === undefined) throw h.refuse('llama.attention.layer_norm_rms_epsilon is missing');
  for (const tensor of llamaTensors(shape, (name) => byName.has(name))) expect(tensor);
  if (byName.has('output.weight')) expect(['output.weight', shape.embedding, tokens]);
}

/**
 * Refuses a well-formed file that is no usable model, before llama.cpp sees it.
 * Throws TARA_GGUF_INVALID.
 */
export function checkModel(file: GgufFile): void {
  const refuse: Refuse = (reason) => new TaraError('TARA_GGUF_INVALID', { path: file.path, reason: oneLine(reason) });
  const metadata = metadataOf(file);
  const arch = metadata.string('general.architecture');
  if (arch === undefined) throw refuse('general.architecture is missing');
  const type = metadata.string('general.type') ?? 'model';
  if (type === 'adapter') throw refuse('it is a LoRA adapter, no model');
  if (!ARCHITECTURES.has(arch)) throw refuse(`the architecture ${arch.slice(0, 40)} is unknown`);
  if ((metadata.number('split.count') ?? 0) > 1) throw refuse('it is one part of a split model; merge the parts with llama-gguf-split --merge');
  if (file.metadata.length > MOST_KEYS || file.tensors.length > MOST_TENSORS) throw refuse(`it has ${file.metadata.length} keys and ${file.tensors.length} tensors`);

  const h = new Hyperparameters(arch, metadata, refuse);
  const shape = checkShape(h);
  const vocabulary = checkVocab(metadata, refuse);
  checkLayout(file, refuse);
  checkTypes(file.tensors, refuse);
  checkTensors(file, h, shape, vocabulary);
}
