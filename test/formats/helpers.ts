/** Builders and paths that the tests of src/formats share. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { isErrorCode, TaraError } from '../../src/errors.js';
import { encodeHeader, type HeaderEntry, type HeaderTensor, tensorBytes } from '../../src/formats/index.js';

/** A file of the shared fixtures, or undefined (with the reason printed) where they are absent. */
export function sharedFixture(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../shared/fixtures/${name}`, import.meta.url));
  if (existsSync(path)) return path;
  console.log(`skipped: the shared fixtures (${name}) are not beside this checkout`);
  return undefined;
}

/** A folder for each test file, removed at its end. */
export function scratch(): { path: (name: string) => string; write: (name: string, bytes: Uint8Array | string) => Promise<string> } {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tara-formats-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  const path = (name: string) => join(dir, name);
  return {
    path,
    async write(name, bytes) {
      await writeFile(path(name), bytes);
      return path(name);
    },
  };
}

/** The code of the TaraError that `work` rejects with, or 'none'; anything else thrown fails the test. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (thrown) {
    if (thrown instanceof TaraError && isErrorCode(thrown.code)) return thrown.code;
    throw thrown;
  }
}

/** The message of the TaraError that `work` rejects with. */
export async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof TaraError) return thrown.message;
    throw thrown;
  }
  return 'nothing was thrown';
}

export type Shapes = readonly (readonly [name: string, type: HeaderTensor['type'], ...ne: number[]])[];

/** A GGUF file: header, then each tensor's bytes (their index, repeated) in order and aligned. */
export function gguf(metadata: readonly HeaderEntry[], shapes: Shapes, options: { alignment?: number; blobs?: Map<string, Uint8Array> } = {}): Buffer {
  const alignment = options.alignment ?? 32;
  let end = 0;
  const tensors = shapes.map(([name, type, ...ne]) => {
    const tensor = { name, type, ne, offset: end, bytes: tensorBytes(type, ne) };
    end += Math.ceil(tensor.bytes / alignment) * alignment;
    return tensor;
  });
  const data = Buffer.alloc(end);
  tensors.forEach((tensor, index) => data.fill(index + 1, tensor.offset, tensor.offset + tensor.bytes));
  return Buffer.concat([encodeHeader({ metadata, tensors, alignment }, options.blobs), data]);
}

const TOKENS = ['<unk>', '<s>', '</s>', '▁a', '▁b', 'c', 'd', 'e'];

/** The metadata of a one-layer llama with 8 tokens, by key. */
export function tinyMetadata(): Map<string, HeaderEntry> {
  const entries: HeaderEntry[] = [
    { key: 'general.architecture', type: 'string', value: 'llama' },
    { key: 'llama.block_count', type: 'uint32', value: 1 },
    { key: 'llama.context_length', type: 'uint32', value: 64 },
    { key: 'llama.embedding_length', type: 'uint32', value: 32 },
    { key: 'llama.feed_forward_length', type: 'uint32', value: 64 },
    { key: 'llama.attention.head_count', type: 'uint32', value: 4 },
    { key: 'llama.attention.head_count_kv', type: 'uint32', value: 2 },
    { key: 'llama.attention.layer_norm_rms_epsilon', type: 'float32', value: 1e-5 },
    { key: 'tokenizer.ggml.model', type: 'string', value: 'llama' },
    { key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: TOKENS } },
    { key: 'tokenizer.ggml.scores', type: 'array', value: { of: 'float32', items: TOKENS.map(() => 0) } },
    { key: 'tokenizer.ggml.token_type', type: 'array', value: { of: 'int32', items: TOKENS.map(() => 1) } },
  ];
  return new Map(entries.map((entry) => [entry.key, entry]));
}

export const TINY_SHAPES: Shapes = [
  ['token_embd.weight', 'q8_0', 32, 8], ['output_norm.weight', 'f32', 32],
  ['blk.0.attn_norm.weight', 'f32', 32], ['blk.0.ffn_norm.weight', 'f32', 32],
  ['blk.0.attn_q.weight', 'q8_0', 32, 32], ['blk.0.attn_k.weight', 'f16', 32, 16], ['blk.0.attn_v.weight', 'f16', 32, 16], ['blk.0.attn_output.weight', 'q4_0', 32, 32],
  ['blk.0.ffn_gate.weight', 'f32', 32, 64], ['blk.0.ffn_up.weight', 'f32', 32, 64], ['blk.0.ffn_down.weight', 'f32', 64, 32],
];

/** A safetensors file from its header value and data length. */
export function safetensors(header: unknown, dataBytes: number): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

/** A safetensors file of F32 tensors laid out back to back. */
export function floats(shapes: Readonly<Record<string, readonly number[]>>): Buffer {
  let end = 0;
  const header = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => {
    const start = end;
    end += shape.reduce((product, n) => product * n, 4);
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  }));
  return safetensors(header, end);
}
