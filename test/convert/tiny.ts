/** Writes tiny checkpoints, adapters and tokenizers into a temporary folder: everything the converter's tests need beside ../shared. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floatToHalf } from './executor.js';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'tara-convert-'));

/** A float32 tensor by name: shape and values. */
export type Tensors = Record<string, { shape: number[]; values: Float32Array }>;

/** Values that bfloat16 and float16 hold exactly, from a small deterministic generator. */
export function exactValues(count: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >> 24) % 100) / 64;
  });
}

export type TinyDtype = 'F32' | 'F16' | 'BF16';

export function writeSafetensors(path: string, tensors: Tensors, dtype: TinyDtype = 'F32'): void {
  const size = dtype === 'F32' ? 4 : 2;
  let offset = 0;
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += values.length * size)] };
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    if (dtype === 'F32') parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    else parts.push(new Uint8Array((dtype === 'BF16' ? Uint16Array.from(bits, (word) => word >>> 16) : Uint16Array.from(values, floatToHalf)).buffer));
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([length, padded, ...parts]));
}

export const writeJson = (dir: string, name: string, value: unknown): void => writeFileSync(join(dir, name), JSON.stringify(value));

/** Hidden 64, 4 heads of 16, 2 key-value heads, inner 96, 2 layers, 320 tokens. */
export const TINY_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  dtype: 'bfloat16',
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_type: 'default', rope_theta: 50000 },
  vocab_size: 320,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
};

export function tinyTensors(untied = false): Tensors {
  const shapes: Record<string, number[]> = { 'model.embed_tokens.weight': [320, 64] };
  if (untied) shapes['lm_head.weight'] = [320, 64];
  for (let layer = 0; layer < 2; layer++) {
    const at = `model.layers.${layer}.`;
    Object.assign(shapes, {
      [`${at}input_layernorm.weight`]: [64],
      [`${at}mlp.down_proj.weight`]: [64, 96],
      [`${at}mlp.gate_proj.weight`]: [96, 64],
      [`${at}mlp.up_proj.weight`]: [96, 64],
      [`${at}post_attention_layernorm.weight`]: [64],
      [`${at}self_attn.k_proj.weight`]: [32, 64],
      [`${at}self_attn.o_proj.weight`]: [64, 64],
      [`${at}self_attn.q_proj.weight`]: [64, 64],
      [`${at}self_attn.v_proj.weight`]: [32, 64],
    });
  }
  shapes['model.norm.weight'] = [64];
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], index) => [name, { shape, values: exactValues(shape.reduce((product, n) => product * n, 1), index + 1) }]),
  );
}

/** A byte-level BPE tokenizer.json: three special tokens, the 256 bytes, a few merges. */
export function tinyTokenizer(): Record<string, unknown> {
  const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  const alphabet = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
  const merges = [['t', 'h'], ['th', 'e'], ['Ġ', 'the'], ['Ġ', 'a']];
  const tokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...alphabet, ...merges.map((pair) => pair.join(''))];
  const added = [...tokens.slice(0, 3).map((content, id) => ({ content, id, special: true })), { content: '<note>', id: tokens.length, special: false }];
  return {
    version: '1.0',
    added_tokens: added.map((token) => ({ ...token, lstrip: false, rstrip: false, normalized: false, single_word: false })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  };
}

export interface TinyOptions {
  config?: Record<string, unknown>;
  tensors?: Tensors;
  dtype?: 'F32' | 'BF16';
  tokenizer?: Record<string, unknown>;
  tokenizerConfig?: Record<string, unknown>;
}

/** A checkpoint folder below `parent`. */
export function tinyCheckpoint(parent: string, name: string, options: TinyOptions = {}): string {
  const dir = join(parent, name);
  mkdirSync(dir, { recursive: true });
  writeJson(dir, 'config.json', { ...TINY_CONFIG, ...options.config });
  writeSafetensors(join(dir, 'model.safetensors'), options.tensors ?? tinyTensors(), options.dtype ?? 'BF16');
  writeJson(dir, 'tokenizer.json', options.tokenizer ?? tinyTokenizer());
  writeJson(dir, 'tokenizer_config.json', options.tokenizerConfig ?? { bos_token: '<|im_start|>', eos_token: '<|im_end|>', unk_token: '<|endoftext|>', pad_token: { content: '<|im_end|>' } });
  return dir;
}

/** A LoRA adapter of rank 2, alpha 4, for modules given with their [out, in] shape. */
export function tinyAdapter(parent: string, name: string, modules: Record<string, [number, number]>, seed = 7): string {
  const dir = join(parent, name);
  mkdirSync(dir, { recursive: true });
  writeJson(dir, 'adapter_config.json', { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj'], base_model_name_or_path: null });
  const tensors: Tensors = {};
  for (const [module, [out, inner]] of Object.entries(modules)) {
    tensors[`base_model.model.${module}.lora_A.weight`] = { shape: [2, inner], values: exactValues(2 * inner, seed++) };
    tensors[`base_model.model.${module}.lora_B.weight`] = { shape: [out, 2], values: exactValues(2 * out, seed++) };
  }
  writeSafetensors(join(dir, 'adapter_model.safetensors'), tensors);
  return dir;
}
