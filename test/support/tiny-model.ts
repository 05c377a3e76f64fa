/** Models small enough to write in a test: one with random weights, and one whose next token is known for every token. */
import { writeFile } from 'node:fs/promises';
import { encodeHeader, type HeaderEntry } from '../../src/formats/index.js';

export const END_OF_TEXT = 0;
export const IM_START = 1;
export const IM_END = 2;
const FIRST_BYTE = 3;
const MERGES = ['h e', 'l l', 'he ll'] as const;

/** The token id of a byte. */
export const byteToken = (byte: number): number => FIRST_BYTE + byte;

export const TINY_TEMPLATE =
  "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

export interface TinyOptions {
  readonly seed?: number;
  readonly layers?: number;
  readonly contextLength?: number;
  readonly template?: string | null;
  /** No head of its own. */
  readonly tied?: boolean;
  /** Whether texts begin with a start token. */
  readonly addBos?: boolean;
  /** False makes it an encoder. */
  readonly causal?: boolean;
  /** Qwen 2 has biases, Qwen 3 norms of queries and keys. */
  readonly architecture?: 'llama' | 'qwen2' | 'qwen3';
  /** Another vocabulary than the one of bytes. */
  readonly vocabulary?: TinyVocabulary;
  /** Has the last word on the weights, which it is given in ggml order. */
  readonly change?: (name: string, values: Float32Array, ne: readonly number[]) => void;
}

export interface TinyVocabulary {
  readonly tokens: readonly string[];
  /** Its keys, the tokens themselves left out. */
  readonly entries: readonly HeaderEntry[];
}

/** The vocabulary of bytes with further merges. */
export const bytePairs = (merges: readonly string[]): TinyVocabulary => {
  const tokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...byteNames(), ...new Set(merges.map((pair) => pair.replace(' ', '')))];
  return {
    tokens,
    entries: [
      { key: 'tokenizer.ggml.model', type: 'string', value: 'gpt2' },
      { key: 'tokenizer.ggml.pre', type: 'string', value: 'gpt-2' },
      { key: 'tokenizer.ggml.token_type', type: 'array', value: { of: 'int32', items: tokens.map((_, id) => (id < FIRST_BYTE ? 3 : 1)) } },
      { key: 'tokenizer.ggml.merges', type: 'array', value: { of: 'string', items: [...merges] } },
      { key: 'tokenizer.ggml.bos_token_id', type: 'uint32', value: IM_START },
      { key: 'tokenizer.ggml.eos_token_id', type: 'uint32', value: IM_END },
    ],
  };
};

interface Tensor {
  readonly name: string;
  /** ggml order. */
  readonly ne: readonly number[];
  readonly values: Float32Array;
}

/** GPT-2's bytes as printable characters. */
export function byteNames(): string[] {
  const plain = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(plain(byte) ? byte : next++));
}

export const VOCABULARY_SIZE = FIRST_BYTE + 256 + MERGES.length;
/** Embedding length of a chain model. */
export const CHAIN_WIDTH = Math.ceil(VOCABULARY_SIZE / 32) * 32;

/** A repeatable stream of numbers in -1..1 (mulberry32). */
function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

interface Shape {
  readonly width: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly layers: number;
  readonly contextLength: number;
}

const BYTES = bytePairs(MERGES);

const metadataFor = (shape: Shape, template: string | null, addBos = false, architecture = 'llama', { tokens, entries }: TinyVocabulary = BYTES): HeaderEntry[] => {
  const u32 = (key: string, value: number): HeaderEntry => ({ key: `${architecture}.${key}`, type: 'uint32', value });
  return [
    { key: 'general.architecture', type: 'string', value: architecture },
    { key: 'general.name', type: 'string', value: 'tiny' },
    u32('context_length', shape.contextLength), u32('embedding_length', shape.width), u32('block_count', shape.layers),
    u32('feed_forward_length', shape.inner), u32('attention.head_count', shape.heads), u32('attention.head_count_kv', shape.kvHeads),
    u32('rope.dimension_count', shape.width / shape.heads), u32('vocab_size', tokens.length),
    { key: `${architecture}.attention.layer_norm_rms_epsilon`, type: 'float32', value: 1e-5 },
    ...entries.slice(0, 2),
    { key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: [...tokens] } },
    ...entries.slice(2),
    { key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: addBos },
    ...(template === null ? [] : [{ key: 'tokenizer.chat_template', type: 'string', value: template } as const]),
  ];
};

type Fill = (name: string, ne: readonly number[], values: Float32Array) => void;

function tensorsFor({ width, inner, heads, kvHeads, layers }: Shape, fill: Fill, architecture = 'llama', tokens = VOCABULARY_SIZE): Tensor[] {
  const kv = (width / heads) * kvHeads;
  const tensor = (name: string, ...ne: number[]): Tensor => {
    const values = new Float32Array(ne.reduce((product, n) => product * n, 1));
    if (name.endsWith('norm.weight')) values.fill(1);
    else fill(name, ne, values);
    return { name, ne, values };
  };
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const at = (part: string, ...ne: number[]): Tensor => tensor(`blk.${layer}.${part}.weight`, ...ne);
    const biases = architecture === 'qwen2' ? [tensor(`blk.${layer}.attn_q.bias`, width), tensor(`blk.${layer}.attn_k.bias`, kv), tensor(`blk.${layer}.attn_v.bias`, kv)] : [];
    const norms = architecture === 'qwen3' ? [at('attn_q_norm', width / heads), at('attn_k_norm', width / heads)] : [];
    return [
      ...biases, ...norms,
      at('attn_norm', width), at('attn_q', width, width), at('attn_k', width, kv), at('attn_v', width, kv), at('attn_output', width, width),
      at('ffn_norm', width), at('ffn_gate', width, inner), at('ffn_up', width, inner), at('ffn_down', inner, width),
    ];
  });
  return [
    tensor('token_embd.weight', width, tokens), ...blocks.flat(),
    tensor('output_norm.weight', width), tensor('output.weight', width, tokens),
  ];
}

async function write(path: string, metadata: readonly HeaderEntry[], tensors: readonly Tensor[]): Promise<string> {
  let offset = 0;
  const infos = tensors.map(({ name, ne, values }) => {
    const info = { name, ne, type: 'f32' as const, offset };
    offset += Math.ceil(values.byteLength / 32) * 32;
    return info;
  });
  const data = Buffer.alloc(offset);
  tensors.forEach(({ values }, index) => data.set(new Uint8Array(values.buffer), infos[index]?.offset ?? 0));
  await writeFile(path, Buffer.concat([encodeHeader({ metadata, tensors: infos, alignment: 32 }), data]));
  return path;
}

/** A Llama with random weights: 64 wide, a byte-level vocabulary of 262 tokens. The same seed gives the same bytes. */
export function writeTinyModel(path: string, { seed = 1, layers = 2, contextLength = 2048, template = TINY_TEMPLATE, tied = false, addBos = false, causal = true, architecture = 'llama', vocabulary = BYTES, change }: TinyOptions = {}): Promise<string> {
  const shape: Shape = { width: 64, inner: 128, heads: 4, kvHeads: 2, layers, contextLength };
  const next = noise(seed);
  const tensors = tensorsFor(shape, (_, ne, values) => {
    const scale = Math.sqrt(3 / (ne[0] ?? 1));
    for (let i = 0; i < values.length; i++) values[i] = next() * scale;
  }, architecture, vocabulary.tokens.length);
  for (const { name, ne, values } of tensors) change?.(name, values, ne);
  const encoder: HeaderEntry[] = causal ? [] : [{ key: 'llama.attention.causal', type: 'bool', value: false }];
  return write(path, [...metadataFor(shape, template, addBos, architecture, vocabulary), ...encoder], tied ? tensors.filter(({ name }) => name !== 'output.weight') : tensors);
}

/**
 * A Llama that says `text` whatever comes before: after each byte of it the next one has by far the largest logit, and
 * after the last one its end token (or the first byte again, with `loop`). Every other token leads to the first byte.
 * The bytes of `text` must differ. One-hot embeddings and empty layers make it so.
 */
export function writeChainModel(path: string, text: string, { loop = false, template = TINY_TEMPLATE }: { loop?: boolean; template?: string | null } = {}): Promise<string> {
  const bytes = [...Buffer.from(text)];
  if (new Set(bytes).size !== bytes.length) throw new Error('the bytes of a chain must differ');
  const width = CHAIN_WIDTH;
  const shape: Shape = { width, inner: 32, heads: 4, kvHeads: 4, layers: 1, contextLength: 2048 };
  const first = byteToken(bytes[0] ?? 0);
  const follower = new Map(bytes.map((byte, index) => {
    const after = bytes[index + 1];
    return [byteToken(byte), after === undefined ? (loop ? first : IM_END) : byteToken(after)];
  }));
  const tensors = tensorsFor(shape, (name, _, values) => {
    if (name === 'token_embd.weight') BYTES.tokens.forEach((_token, id) => (values[id * width + id] = 1));
    if (name === 'output.weight') BYTES.tokens.forEach((_token, id) => (values[(follower.get(id) ?? first) * width + id] = 1));
  });
  return write(path, metadataFor(shape, template), tensors);
}

/** A Llama for which the logits after token `before` are `logit(before, after)`, whatever came earlier. One-hot embeddings and empty layers make it so. */
export function writeBigramModel(path: string, logit: (before: number, after: number) => number): Promise<string> {
  const width = CHAIN_WIDTH;
  const shape: Shape = { width, inner: 32, heads: 4, kvHeads: 4, layers: 1, contextLength: 2048 };
  // What the last norm makes of a one-hot vector's one.
  const gain = 1 / Math.sqrt(1 / width + 1e-5);
  const tensors = tensorsFor(shape, (name, _, values) => {
    if (name === 'token_embd.weight') BYTES.tokens.forEach((_token, id) => (values[id * width + id] = 1));
    if (name === 'output.weight') BYTES.tokens.forEach((_after, after) => BYTES.tokens.forEach((_before, before) => (values[after * width + before] = logit(before, after) / gain)));
  });
  return write(path, metadataFor(shape, null), tensors);
}
