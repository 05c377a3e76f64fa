/** Model files for the tests of the command line: the tiny llama of the fixtures with other keys, one that quantizes for seconds, an encoder. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodeHeader, headerEntry, readGguf, type HeaderEntry } from '../../src/formats/index.js';
import { gguf } from '../formats/helpers.js';
import { bytesOf, random, weights, writeGguf } from '../plan/synthetic.js';
import { bytePairs } from '../support/tiny-model.js';

export const MALFORMED = fileURLToPath(new URL('../fixtures/malformed/', import.meta.url));
/** Q8_0, 32 wide, one layer, 260 tokens, a chat template. */
export const TINY = `${MALFORMED}valid-llama-q8_0.gguf`;

const u32 = (key: string, value: number): HeaderEntry => ({ key, type: 'uint32', value });
const text = (key: string, value: string): HeaderEntry => ({ key, type: 'string', value });

/** TINY with these keys added or replaced. */
export async function withKeys(path: string, keys: Readonly<Record<string, number | string>>): Promise<string> {
  const file = await readGguf(TINY);
  const blobs = new Map<string, Uint8Array>();
  const metadata = [
    ...file.metadata.filter(({ key }) => !(key in keys)).map((entry) => headerEntry(entry, blobs)),
    ...Object.entries(keys).map(([key, value]) => (typeof value === 'number' ? u32(key, value) : text(key, value))),
  ];
  const tensors = file.tensors.map(({ name, ne, type, offset }) => ({ name, ne, type, offset: offset - file.dataOffset }));
  writeFileSync(path, Buffer.concat([encodeHeader({ metadata, tensors, alignment: file.alignment }, blobs), readFileSync(TINY).subarray(file.dataOffset)]));
  return path;
}

/** 24 million weights in bf16 with a vocabulary of bytes: IQ3_S takes one thread many seconds. */
export async function slowModel(path: string): Promise<string> {
  const { tokens, entries } = bytePairs(['h e']);
  const [width, ff, layers, vocab] = [1024, 2816, 2, tokens.length];
  const tile = bytesOf(weights(width * 64, random(3)), 'bf16');
  const shapes: [string, ...number[]][] = [['token_embd.weight', width, vocab], ['output_norm.weight', width]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `blk.${layer}`;
    shapes.push(
      [`${at}.attn_norm.weight`, width], [`${at}.attn_q.weight`, width, width], [`${at}.attn_k.weight`, width, width / 2], [`${at}.attn_v.weight`, width, width / 2],
      [`${at}.attn_output.weight`, width, width], [`${at}.ffn_norm.weight`, width], [`${at}.ffn_gate.weight`, width, ff], [`${at}.ffn_up.weight`, width, ff], [`${at}.ffn_down.weight`, ff, width],
    );
  }
  return writeGguf(path, [
    text('general.architecture', 'llama'), u32('llama.block_count', layers), u32('llama.context_length', 128), u32('llama.embedding_length', width), u32('llama.feed_forward_length', ff),
    u32('llama.attention.head_count', 16), u32('llama.attention.head_count_kv', 8), u32('llama.vocab_size', vocab),
    { key: 'llama.attention.layer_norm_rms_epsilon', type: 'float32', value: 1e-5 },
    { key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: [...tokens] } }, ...entries,
  ], shapes.map(([name, ...ne]) => {
    if (ne.length === 1) return { name, ne, type: 'f32' as const, bytes: bytesOf(new Float32Array(width).fill(1), 'f32') };
    const bytes = new Uint8Array(2 * (ne[0] ?? 0) * (ne[1] ?? 0));
    for (let offset = 0; offset < bytes.length; offset += tile.length) bytes.set(tile.subarray(0, bytes.length - offset), offset);
    return { name, ne, type: 'bf16' as const, bytes };
  }));
}

/** A whole BERT of one layer: it embeds, it cannot generate. */
export function encoder(path: string): string {
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁a', '▁b', 'c', 'd'];
  const vector = (name: string, width = 32): [string, 'f32', number][] => [[`${name}.weight`, 'f32', width], [`${name}.bias`, 'f32', width]];
  const matrix = (name: string, inner: number, outer: number): [string, 'f32', ...number[]][] => [[`${name}.weight`, 'f32', inner, outer], [`${name}.bias`, 'f32', outer]];
  writeFileSync(path, gguf([
    text('general.architecture', 'bert'), u32('bert.block_count', 1), u32('bert.context_length', 32), u32('bert.embedding_length', 32), u32('bert.feed_forward_length', 64),
    u32('bert.attention.head_count', 2), { key: 'bert.attention.layer_norm_epsilon', type: 'float32', value: 1e-12 }, { key: 'bert.attention.causal', type: 'bool', value: false }, u32('bert.pooling_type', 1),
    text('tokenizer.ggml.model', 'bert'), u32('tokenizer.ggml.token_type_count', 2),
    { key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: tokens } },
    { key: 'tokenizer.ggml.token_type', type: 'array', value: { of: 'int32', items: tokens.map((_, id) => (id < 4 ? 3 : 1)) } },
    u32('tokenizer.ggml.padding_token_id', 0), u32('tokenizer.ggml.unknown_token_id', 1), u32('tokenizer.ggml.bos_token_id', 2), u32('tokenizer.ggml.cls_token_id', 2), u32('tokenizer.ggml.seperator_token_id', 3),
  ], [
    ['token_embd.weight', 'f32', 32, 8], ['position_embd.weight', 'f32', 32, 32], ['token_types.weight', 'f32', 32, 2], ...vector('token_embd_norm'),
    ...matrix('blk.0.attn_q', 32, 32), ...matrix('blk.0.attn_k', 32, 32), ...matrix('blk.0.attn_v', 32, 32), ...matrix('blk.0.attn_output', 32, 32), ...vector('blk.0.attn_output_norm'),
    ...matrix('blk.0.ffn_up', 32, 64), ...matrix('blk.0.ffn_down', 64, 32), ...vector('blk.0.layer_output_norm'),
  ]));
  return path;
}
