/** Small deterministic models for plan tests, and plans that quantize a GGUF file as llama-quantize does. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import {
  encodeHeader, type GgmlTypeName, headerEntry, type HeaderEntry, metadataOf, readGguf, tensorBytes,
} from '../../src/formats/index.js';
import { layerOrder, type Plan, PLAN_FORMAT, type PlanWithBlobs, preset, presetTypes } from '../../src/plan/index.js';

/** A folder for each test file, removed at its end. */
export function scratch(): (name: string) => string {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tara-plan-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return (name) => join(dir, name);
}

/** Uniform numbers in [0, 1), the same everywhere (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Bell-shaped weights with some outliers, without functions whose last bit differs between machines. */
export function weights(count: number, next: () => number, scale = 0.05): Float32Array {
  return Float32Array.from({ length: count }, () => {
    const bell = next() + next() + next() + next() - 2;
    return bell * scale * (next() < 0.002 ? 12 : 1);
  });
}

/** Values in a type whose conversion is plain: f32, or bf16 by cutting. */
export function bytesOf(values: Float32Array, type: 'f32' | 'bf16'): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (type === 'f32') return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

export interface SyntheticTensor {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: GgmlTypeName;
  readonly bytes: Uint8Array;
}

export async function writeGguf(path: string, metadata: readonly HeaderEntry[], tensors: readonly SyntheticTensor[]): Promise<string> {
  let end = 0;
  const placed = tensors.map((tensor) => {
    const offset = end;
    end += Math.ceil(tensorBytes(tensor.type, tensor.ne) / 32) * 32;
    return { ...tensor, offset };
  });
  const data = new Uint8Array(end);
  for (const { bytes, offset } of placed) data.set(bytes, offset);
  await writeFile(path, Buffer.concat([encodeHeader({ metadata, tensors: placed, alignment: 32 }), data]));
  return path;
}

export interface ModelShape {
  readonly width: number;
  readonly ff: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocab: number;
  readonly tied: boolean;
}

export const K_QUANTABLE: ModelShape = { width: 256, ff: 512, layers: 3, heads: 8, kvHeads: 4, vocab: 96, tied: false };
/** Rows that 256 does not divide, so that k-quants fall back. */
export const NARROW: ModelShape = { width: 96, ff: 160, layers: 2, heads: 4, kvHeads: 1, vocab: 64, tied: true };

/** A llama with random weights: matrices in bf16 and f32 in turn, norms in f32. */
export async function writeLlama(path: string, shape: ModelShape, seed = 7): Promise<string> {
  const { width, ff, layers, heads, kvHeads, vocab, tied } = shape;
  const next = random(seed);
  const kv = (width / heads) * kvHeads;
  const shapes: [string, number[]][] = [['token_embd.weight', [width, vocab]], ['output_norm.weight', [width]]];
  if (!tied) shapes.push(['output.weight', [width, vocab]]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `blk.${layer}`;
    shapes.push(
      [`${at}.attn_norm.weight`, [width]], [`${at}.attn_q.weight`, [width, width]], [`${at}.attn_k.weight`, [width, kv]],
      [`${at}.attn_v.weight`, [width, kv]], [`${at}.attn_output.weight`, [width, width]], [`${at}.ffn_norm.weight`, [width]],
      [`${at}.ffn_gate.weight`, [width, ff]], [`${at}.ffn_up.weight`, [width, ff]], [`${at}.ffn_down.weight`, [ff, width]],
    );
  }
  const tensors = shapes.map(([name, ne], index): SyntheticTensor => {
    const type = ne.length > 1 && index % 2 === 0 ? 'bf16' : 'f32';
    return { name, ne, type, bytes: bytesOf(weights(ne.reduce((a, b) => a * b, 1), next), type) };
  });
  const u32 = (key: string, value: number): HeaderEntry => ({ key, type: 'uint32', value });
  return writeGguf(path, [
    { key: 'general.architecture', type: 'string', value: 'llama' }, u32('llama.block_count', layers), u32('llama.context_length', 128),
    u32('llama.embedding_length', width), u32('llama.feed_forward_length', ff), u32('llama.attention.head_count', heads),
    u32('llama.attention.head_count_kv', kvHeads), u32('llama.vocab_size', vocab), u32('general.file_type', 0),
    { key: 'llama.attention.layer_norm_rms_epsilon', type: 'float32', value: 1e-5 },
    { key: 'tokenizer.ggml.model', type: 'string', value: 'no_vocab' },
  ], tensors);
}

/** A plan that quantizes `path` to several presets, keys and order as llama-quantize writes them. */
export async function quantizePlan(path: string, outputs: Readonly<Record<string, string>>): Promise<PlanWithBlobs> {
  const file = await readGguf(path);
  const blobs = new Map<string, Uint8Array>();
  const number = (key: string): number => metadataOf(file).number(`llama.${key}`) ?? 0;
  const perHead = number('embedding_length') / number('attention.head_count');
  const model = {
    architecture: 'llama', n_embd: number('embedding_length'), n_ff: number('feed_forward_length'), n_layer: number('block_count'),
    n_head: number('attention.head_count'), n_head_kv: number('attention.head_count_kv'), n_expert: 0, n_embd_head_k: perHead, n_embd_head_v: perHead,
  };
  const tensors = [...file.tensors].sort((a, b) => layerOrder(a.name, b.name));
  const types = Object.fromEntries(Object.keys(outputs).map((name) => [name, presetTypes(model, tensors, name)]));
  const plan: Plan = {
    format: PLAN_FORMAT,
    sources: { base: { path, format: 'gguf', size: file.size, mtimeMs: file.mtimeMs, headerHash: file.headerHash } },
    tables: {},
    metadata: file.metadata.map((entry) => headerEntry(entry, blobs) as Plan['metadata'][number]),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, target]) => [name, {
      path: target, order: 'layer' as const, alignment: 32, remove: ['split.no', 'split.count', 'split.tensors.count'],
      set: [
        { key: 'general.quantization_version', type: 'uint32' as const, value: 2 },
        { key: 'general.file_type', type: 'uint32' as const, value: preset(name).ftype },
      ],
    }])),
    tensors: tensors.map(({ name, ne }, index) => ({
      name, ne: [...ne], steps: [{ op: 'read' as const, src: 'base', tensor: name }],
      to: Object.keys(outputs).map((out) => ({ out, type: types[out]?.[index] ?? 'f32' })),
    })),
  };
  return { plan, blobs };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const hashFile = async (path: string): Promise<string> => sha256(await readFile(path));

/** "type sha256" of every tensor of a GGUF file. */
export async function tensorHashes(path: string): Promise<Record<string, string>> {
  const bytes = await readFile(path);
  const { tensors } = await readGguf(path);
  return Object.fromEntries(tensors.map(({ name, type, offset, bytes: size }) => [name, `${type} ${sha256(bytes.subarray(offset, offset + size))}`]));
}

/** A tensor of a GGUF file that is stored as f32. */
export async function floatsOf(path: string, name: string): Promise<Float32Array> {
  const { tensors } = await readGguf(path);
  const tensor = tensors.find((one) => one.name === name);
  if (tensor?.type !== 'f32') throw new Error(`${name} is not f32`);
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + tensor.offset, bytes.byteOffset + tensor.offset + tensor.bytes));
}
