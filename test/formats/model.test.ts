import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkModel, type GgufEntry, type GgufFile, ggmlType, ggmlTypeName, type HeaderEntry, readGguf, tensorBytes } from '../../src/formats/index.js';
import { codeOf, gguf, messageOf, scratch, type Shapes, sharedFixture, TINY_SHAPES, tinyMetadata } from './helpers.js';

const files = scratch();

const u32 = (key: string, value: number): HeaderEntry => ({ key, type: 'uint32', value });
const f32 = (key: string, value: number): HeaderEntry => ({ key, type: 'float32', value });
const text = (key: string, value: string): HeaderEntry => ({ key, type: 'string', value });
const flag = (key: string, value: boolean): HeaderEntry => ({ key, type: 'bool', value });
const list = (key: string, of: string, items: (number | string)[]): HeaderEntry => ({ key, type: 'array', value: { of, items } });

/** checkModel's message on the tiny model with entries changed or (by name) removed and other tensors. */
async function check(changes: (HeaderEntry | string)[], shapes: Shapes = TINY_SHAPES): Promise<string> {
  const metadata = tinyMetadata();
  for (const change of changes) {
    if (typeof change === 'string') metadata.delete(change);
    else metadata.set(change.key, change);
  }
  const file = await readGguf(await files.write('model.gguf', gguf([...metadata.values()], shapes)));
  return messageOf(() => checkModel(file));
}

const FINE = 'nothing was thrown';
const without = (name: string): Shapes => TINY_SHAPES.filter(([other]) => other !== name);
const replaced = (...shape: Shapes[number]): Shapes => TINY_SHAPES.map((other) => (other[0] === shape[0] ? shape : other));

describe('checkModel', () => {
  it('takes the tiny model as it is', async () => {
    expect(await check([])).toBe(FINE);
  });

  const refused: [string, (HeaderEntry | string)[], string, Shapes?][] = [
    ['an unknown architecture', [text('general.architecture', 'lama')], 'the architecture lama is unknown'],
    ['an adapter', [text('general.type', 'adapter')], 'LoRA adapter'],
    ['part of a split model', [{ key: 'split.count', type: 'uint16', value: 3 }], 'split model'],
    ['no layers', [u32('llama.block_count', 0)], 'block_count is 0'],
    ['600 layers', [u32('llama.block_count', 600)], 'block_count is 600'],
    ['layers as text', [text('llama.block_count', '1')], 'block_count is 1'],
    ['no context', [u32('llama.context_length', 0)], 'context_length is 0'],
    ['a missing context', ['llama.context_length'], 'context_length is missing'],
    ['no heads', [u32('llama.attention.head_count', 0)], 'no attention heads'],
    ['no heads of keys', [u32('llama.attention.head_count_kv', 0)], 'no attention heads'],
    ['heads that keys do not divide', [u32('llama.attention.head_count_kv', 3)], '4 attention heads for 3'],
    ['heads that do not divide the embedding', [u32('llama.attention.head_count', 6), u32('llama.attention.head_count_kv', 6)], 'do not divide'],
    ['a list of heads of the wrong length', [list('llama.attention.head_count', 'uint32', [4, 4])], '2 items for 1 layers'],
    ['experts used beyond those there', [u32('llama.expert_used_count', 2)], '2 of 0 experts'],
    ['experts of which none is used', [u32('llama.expert_count', 4)], '0 of 4 experts'],
    ['too many experts', [u32('llama.expert_count', 1025)], 'expert_count is 1025'],
    ['groups that do not divide the experts', [u32('llama.expert_count', 4), u32('llama.expert_used_count', 2), u32('llama.expert_group_count', 3)], 'groups of 4 experts'],
    ['more extra layers than layers', [u32('llama.nextn_predict_layers', 1)], 'nextn_predict_layers is 1'],
    ['an unknown rope scaling', [text('llama.rope.scaling.type', 'spiral')], 'rope.scaling.type'],
    ['partly rotated heads', [u32('llama.rope.dimension_count', 4)], 'heads are 8 wide'],
    ['an infinite epsilon', [f32('llama.attention.layer_norm_rms_epsilon', Infinity)], 'epsilon is Infinity'],
    ['a negative epsilon', [f32('llama.attention.layer_norm_rms_epsilon', -1)], 'epsilon is -1'],
    ['a missing epsilon', ['llama.attention.layer_norm_rms_epsilon'], 'epsilon is missing'],
    ['an unknown pooling', [u32('llama.pooling_type', 9)], 'pooling_type is 9'],
    ['no tokenizer', ['tokenizer.ggml.model'], 'tokenizer.ggml.model is missing'],
    ['an unknown tokenizer', [text('tokenizer.ggml.model', 'constructor')], 'tokenizer constructor is unknown'],
    ['no tokens', ['tokenizer.ggml.tokens'], 'no tokenizer.ggml.tokens'],
    ['tokens that are numbers', [list('tokenizer.ggml.tokens', 'int32', [1])], 'no array of string'],
    ['a token twice', [list('tokenizer.ggml.tokens', 'string', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'b'])], 'token 7 stands in the vocabulary before'],
    ['short scores', [list('tokenizer.ggml.scores', 'float32', [0])], '1 items for 8 tokens'],
    ['token types of another type', [list('tokenizer.ggml.token_type', 'uint8', [1, 1, 1, 1, 1, 1, 1, 1])], 'no array of int32'],
    ['a bos token out of range', [u32('tokenizer.ggml.bos_token_id', 8)], 'bos_token_id is 8'],
    ['BPE without merges', [text('tokenizer.ggml.model', 'gpt2')], 'no tokenizer.ggml.merges'],
    ['a bos token to add that is not there', [text('tokenizer.ggml.model', 'gpt2'), list('tokenizer.ggml.merges', 'string', []), flag('tokenizer.ggml.add_bos_token', true)], 'begin with a bos token'],
    ['an eos token to add that is not there', [text('tokenizer.ggml.model', 'gpt2'), list('tokenizer.ggml.merges', 'string', []), flag('tokenizer.ggml.add_eos_token', true)], 'end with an eos token'],
    ['WordPiece without a separator', [text('tokenizer.ggml.model', 'bert'), u32('tokenizer.ggml.bos_token_id', 1)], 'end with a separator'],
    ['WordPiece with byte tokens', [text('tokenizer.ggml.model', 'bert'), u32('tokenizer.ggml.bos_token_id', 1), u32('tokenizer.ggml.seperator_token_id', 2), list('tokenizer.ggml.token_type', 'int32', [1, 1, 1, 1, 1, 1, 1, 6])], 'token 7 is a byte token'],
    ['an endless chat template', [text('tokenizer.chat_template', 'x'.repeat(2 ** 20 + 1))], 'chat template has 1048577'],
    ['another vocabulary than the embedding', [text('tokenizer.ggml.model', 'none'), u32('llama.vocab_size', 9)], 'expected [32, 9]'],
    ['a missing embedding', [], 'token_embd.weight is missing', without('token_embd.weight')],
    ['a missing projection', [], 'blk.0.attn_k.weight is missing', without('blk.0.attn_k.weight')],
    ['a projection of another shape', [], 'shape [32, 32], expected [32, 16]', replaced('blk.0.attn_v.weight', 'f16', 32, 32)],
    ['a feed-forward of another width', [u32('llama.feed_forward_length', 96)], 'expected [32, 96]'],
    ['a norm in half precision', [], 'vectors must be f32', replaced('output_norm.weight', 'f16', 32)],
    ['a weight of integers', [], 'ggml cannot multiply', replaced('blk.0.ffn_up.weight', 'i32', 32, 64)],
  ];
  it.each(refused)('refuses %s', async (_, changes, reason, shapes) => {
    expect(await check(changes, shapes)).toContain(reason);
  });

  const accepted: [string, (HeaderEntry | string)[], Shapes?][] = [
    ['a head count for each layer', [list('llama.attention.head_count', 'uint32', [4]), list('llama.attention.head_count_kv', 'uint32', [2])]],
    ['a missing id written as -1', [u32('tokenizer.ggml.padding_token_id', 2 ** 32 - 1)]],
    ['BPE with merges and no added tokens', [text('tokenizer.ggml.model', 'gpt2'), list('tokenizer.ggml.merges', 'string', ['c d'])]],
    ['a model without a vocabulary', [text('tokenizer.ggml.model', 'none'), 'tokenizer.ggml.tokens', 'tokenizer.ggml.scores', 'tokenizer.ggml.token_type', u32('llama.vocab_size', 8)]],
    ['an output of its own', [], [...TINY_SHAPES, ['output.weight', 'q8_0', 32, 8]]],
    ['fused projections', [], [...TINY_SHAPES.filter(([name]) => !/attn_[qkv]/.test(name)), ['blk.0.attn_qkv.weight', 'f16', 32, 64]]],
  ];
  it.each(accepted)('takes %s', async (_, changes, shapes) => {
    expect(await check(changes, shapes)).toBe(FINE);
  });

  it('refuses tensors that llama.cpp would not find one behind the other', async () => {
    const file = await readGguf(await files.write('order.gguf', gguf([...tinyMetadata().values()], TINY_SHAPES)));
    const swapped: GgufFile = { ...file, tensors: [...file.tensors.slice(1), ...file.tensors.slice(0, 1)] };
    expect(await codeOf(() => checkModel(file))).toBe('none');
    expect(await messageOf(() => checkModel(swapped))).toContain('does not follow');
  });
});

const listed = z.union([z.number(), z.string(), z.boolean(), z.array(z.union([z.number(), z.string()])), z.object({ len: z.number() })]);
const reference = z.object({
  kv: z.record(z.string(), z.object({ type: z.array(z.string()), value: listed })),
  tensors: z.array(z.object({ name: z.string(), ne: z.array(z.number()), type: z.string() })),
});

/** A file as the reference manifest describes it; long arrays have a length and no items. */
function described(path: string): GgufFile {
  const { kv, tensors } = reference.parse(JSON.parse(readFileSync(path, 'utf8')));
  const metadata = Object.entries(kv).map(([key, { type, value }]): GgufEntry => {
    if (typeof value !== 'object') return { key, type: typeof value === 'string' ? 'string' : 'uint32', value };
    const of = (type[1] ?? '').toLowerCase();
    const length = Array.isArray(value) ? value.length : value.len;
    const items = Array.isArray(value) ? value : new Array<number>(length).fill(1);
    return { key, type: 'array', value: { of: of as 'int32', length, items: () => items, bytes: new Uint8Array(length * 4) } };
  });
  let offset = 0;
  const laid = tensors.map(({ name, ne, type }) => {
    const known = Array.from({ length: 64 }, (_, id) => ggmlTypeName(id)).find((candidate) => candidate !== undefined && ggmlType(candidate) && candidate === type.toLowerCase());
    if (known === undefined) throw new Error(`unknown type ${type}`);
    const tensor = { name, ne, type: known, offset, bytes: tensorBytes(known, ne) };
    offset += Math.ceil(tensor.bytes / 32) * 32;
    return tensor;
  });
  return { path, size: offset, mtimeMs: 0, headerHash: '', version: 3, alignment: 32, dataOffset: 0, metadata, tensors: laid };
}

const manifests = sharedFixture('reference');
describe('models that the reference converter writes', () => {
  const names = manifests === undefined ? [] : readdirSync(manifests).filter((name) => !name.startsWith('lora-'));
  it.each(names)('%s is taken', async (name) => {
    const file = described(join(manifests ?? '', name));
    expect(await messageOf(() => checkModel(file))).toBe(FINE);
  });
  it.skipIf(manifests === undefined)('are there', () => {
    expect(names.length).toBeGreaterThan(15);
  });
});
