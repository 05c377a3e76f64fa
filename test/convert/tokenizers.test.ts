/** Tokenizers of tiny folders: SentencePiece, byte-level BPE, Llama's tokenizer.json, special tokens and chat templates. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bpeEntries } from '../../src/convert/tokenizers/bpe.js';
import { decodeByteLevel } from '../../src/convert/tokenizers/byte-level.js';
import { llamaHfEntries } from '../../src/convert/tokenizers/llama-hf.js';
import { pretokenizerHash } from '../../src/convert/tokenizers/pretokenizer.js';
import { tokenizerFiles } from '../../src/convert/tokenizers/source.js';
import { specialEntries } from '../../src/convert/tokenizers/special.js';
import { parseSentencePiece, sentencePieceEntries } from '../../src/convert/tokenizers/spm.js';
import type { Blobs, MetadataEntry } from '../../src/plan/schema.js';
import { TaraError } from '../../src/errors.js';
import { manifestKv } from './manifest.js';
import { temporaryFolder, tinyTokenizer, writeJson } from './tiny.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const dirWith = (files: Record<string, unknown>): string => {
  const dir = join(folder, `tokenizer-${++count}`);
  mkdirSync(dir);
  for (const [name, value] of Object.entries(files)) {
    if (typeof value === 'string' || value instanceof Uint8Array) writeFileSync(join(dir, name), value);
    else writeJson(dir, name, value);
  }
  return dir;
};

/** Key to value; arrays of up to 64 items in full. */
const values = (entries: readonly MetadataEntry[] | undefined, blobs: Blobs): Record<string, unknown> => {
  const plan = { format: 1 as const, sources: {}, tables: {}, metadata: [...(entries ?? [])], outputs: {}, tensors: [] };
  return Object.fromEntries(Object.entries(manifestKv({ plan, blobs }, 'out')).map(([key, { value }]) => [key, value]));
};
const read = async (dir: string, with_: (files: Awaited<ReturnType<typeof tokenizerFiles>>, blobs: Blobs) => Promise<MetadataEntry[] | undefined>): Promise<Record<string, unknown>> => {
  const blobs: Blobs = new Map();
  return values(await with_(await tokenizerFiles(dir), blobs), blobs);
};

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const field = (number: number, payload: Uint8Array | readonly number[]): number[] => [...varint(number * 8 + 2), ...varint(payload.length), ...payload];
const piece = (text: string, score: number, type?: number): number[] =>
  field(1, [...field(1, Buffer.from(text)), 0x15, ...new Uint8Array(Float32Array.of(score).buffer), ...(type === undefined ? [] : [0x18, type])]);
const MODEL = Uint8Array.from([
  ...piece('<unk>', 0, 2), ...piece('<s>', 0, 3), ...piece('</s>', 0, 3), ...piece('<0x0A>', 0, 6), ...piece('▁the', -1.5), ...piece('user', -2, 4), ...piece('gone', -3, 5),
  ...field(2, [0x18, 2, ...varint(35 * 8), 1]), ...field(3, [0x18, 0]),
]);

describe('SentencePiece', () => {
  it('reads pieces, scores, types and settings of a ModelProto', () => {
    const model = parseSentencePiece('m', MODEL);
    expect(model).toEqual({
      tokens: ['<unk>', '<s>', '</s>', '<0x0A>', '▁the', 'user', 'gone'],
      scores: [0, 0, 0, 0, -1.5, -2, -3],
      types: [2, 3, 3, 6, 1, 1, 5],
      modelType: 'bpe', addDummyPrefix: false, removeExtraWhitespaces: true, byteFallback: true,
    });
  });

  it('pads to the vocabulary size and adds tokens at their ids', async () => {
    const dir = dirWith({
      'tokenizer.model': MODEL,
      'added_tokens.json': { '<more>': 7, '<beyond>': 99 },
      'tokenizer_config.json': { add_bos_token: true, chat_template: 'x', added_tokens_decoder: { 8: { content: '▁note', special: false }, 9: { content: '<|end|>', special: false }, 2: { content: '</s>', special: true } } },
      'config.json': { bos_token_id: 1, eos_token_id: [2, 9], pad_token_id: 1000 },
    });
    expect(await read(dir, (files, blobs) => sentencePieceEntries(files, 12, blobs))).toEqual({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.pre': 'default',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<0x0A>', '▁the', 'user', 'gone', '<more>', ' note', '<|end|>', '[PAD10]', '[PAD11]'],
      'tokenizer.ggml.scores': [0, 0, -1000, 0, -1.5, -2, -3, -1000, -1000, -1000, -10000, -10000],
      'tokenizer.ggml.token_type': [2, 3, 3, 6, 1, 1, 5, 4, 4, 3, 5, 5],
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.chat_template': 'x',
    });
  });

  it('ends in an error or a vocabulary, whatever the bytes', () => {
    const tries = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.tuple(fc.nat(MODEL.length - 1), fc.nat(255)).map(([at, byte]) => MODEL.with(at, byte)), fc.nat(MODEL.length).map((end) => MODEL.slice(0, end)));
    fc.assert(fc.property(tries, (bytes) => {
      try {
        const { tokens, scores, types } = parseSentencePiece('m', bytes);
        expect(tokens.length > 0 && scores.length === tokens.length && types.length === tokens.length).toBe(true);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(TaraError);
        expect((thrown as TaraError).code).toBe('TARA_TOKENIZER_INVALID');
      }
    }), { numRuns: 500 });
  });
});

describe('byte-level BPE', () => {
  const bpe = (dir: string) => read(dir, (files, blobs) => bpeEntries(files, 300, blobs, 'gpt-2'));

  it('writes merges alike in both spellings', async () => {
    const tokenizer = tinyTokenizer();
    const model = tokenizer['model'] as { merges: string[][] };
    const pairs = await bpe(dirWith({ 'tokenizer.json': tokenizer }));
    const strings = await bpe(dirWith({ 'tokenizer.json': { ...tokenizer, model: { ...model, merges: model.merges.map((pair) => pair.join(' ')) } } }));
    expect(strings).toEqual(pairs);
    const spaced = await bpe(dirWith({ 'tokenizer.json': { ...tokenizer, model: { ...model, merges: [['a b', 'c']] } } }));
    expect(spaced['tokenizer.ggml.merges']).toEqual(['aĠb c']);
  });

  it('reads vocab.json and merges.txt where tokenizer.json is missing', async () => {
    const { model } = tinyTokenizer() as { model: { vocab: Record<string, number>; merges: string[][] } };
    const files = { 'vocab.json': model.vocab, 'merges.txt': `#version: 0.2\n${model.merges.map((pair) => pair.join(' ')).join('\n')}\n`, 'tokenizer_config.json': { eos_token: '<|endoftext|>' } };
    const got = await bpe(dirWith(files));
    expect(got['tokenizer.ggml.merges']).toEqual(['t h', 'th e', 'Ġ the', 'Ġ a']);
    expect(got['tokenizer.ggml.eos_token_id']).toBe(0);
  });

  it('decodes added tokens as a byte-level decoder would', () => {
    expect(['<|im_end|>', '  ', 'Ġx', 'Ã©', '<｜end▁of｜>'].map(decodeByteLevel)).toEqual(['<|im_end|>', '  ', ' x', 'é', '<｜end▁of｜>']);
  });

  it('hashes the part of a vocabulary that matters like the whole', () => {
    const tokenizer = tinyTokenizer();
    expect(pretokenizerHash(tokenizer)).toBe(pretokenizerHash(tokenizer, true));
    const prefixed = { ...tokenizer, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, use_regex: true }, normalizer: { type: 'NFC' } };
    expect(pretokenizerHash(prefixed)).toBe(pretokenizerHash(prefixed, true));
    expect(pretokenizerHash(prefixed)).not.toBe(pretokenizerHash(tokenizer));
  });
});

describe('Llama\'s tokenizer.json with byte fallback', () => {
  const tokenizer = {
    added_tokens: [{ id: 0, content: '<unk>', special: true }, { id: 1, content: '<s>', special: true }, { id: 5, content: '<|note|>', special: false }],
    decoder: { type: 'Sequence', decoders: [] },
    model: { type: 'BPE', byte_fallback: true, vocab: { '<unk>': 0, '<s>': 1, '</s>': 2, '<0x0A>': 3, '▁a': 4 }, merges: [] },
  };
  it('gives every token the same score, and no padding', async () => {
    const dir = dirWith({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { bos_token: '<s>' }, 'config.json': { eos_token_id: 2, pad_token_id: 6 } });
    expect(await read(dir, (files, blobs) => llamaHfEntries(files, 8, blobs))).toEqual({
      'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.pre': 'default',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<0x0A>', '▁a', '<|note|>'],
      'tokenizer.ggml.scores': new Array(6).fill(-1000),
      'tokenizer.ggml.token_type': [3, 3, 3, 6, 1, 4],
      'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2,
    });
  });
  it('is not for byte-level tokenizers', async () => {
    expect(await read(dirWith({ 'tokenizer.json': tinyTokenizer() }), (files, blobs) => llamaHfEntries(files, 300, blobs))).toEqual({});
  });
});

describe('special tokens', () => {
  const special = (files: Record<string, unknown>) => read(dirWith(files), (found, blobs) => specialEntries(found, { blobs }));
  const added = [{ id: 0, content: '<a>' }, { id: 1, content: '<b>' }, { id: 2, content: '<c>' }];
  const template = (...ids: string[]) => ids.map((id) => (id === 'A' || id === 'B' ? { Sequence: { id } } : { SpecialToken: { id } }));

  it('sees what a template adds', async () => {
    const tokenizer = { added_tokens: added, post_processor: { type: 'Sequence', processors: [{ type: 'ByteLevel' }, { type: 'TemplateProcessing', single: template('<a>', 'A'), pair: template('<a>', 'A', '<a>', 'B') }] } };
    expect(await special({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { bos_token: '<a>', eos_token: '<b>' } })).toEqual({
      'tokenizer.ggml.bos_token_id': 0, 'tokenizer.ggml.eos_token_id': 1, 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.add_sep_token': false,
    });
  });

  it('lets tokenizer_config.json overrule the template', async () => {
    const tokenizer = { added_tokens: added, post_processor: { type: 'TemplateProcessing', single: template('<a>', 'A'), pair: [] } };
    expect((await special({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { bos_token: '<a>', add_bos_token: false } }))['tokenizer.ggml.add_bos_token']).toBe(false);
  });

  it('keeps the end token that a template replaces as end of turn', async () => {
    const tokenizer = { added_tokens: added, post_processor: { type: 'TemplateProcessing', single: template('A', '<c>'), pair: [] } };
    expect(await special({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { eos_token: '<b>' } })).toEqual({
      'tokenizer.ggml.eos_token_id': 2, 'tokenizer.ggml.eot_token_id': 1, 'tokenizer.ggml.add_eos_token': true,
    });
  });

  it('takes ids from config.json only where the tokenizer names none', async () => {
    const files = { 'tokenizer.json': { added_tokens: added }, 'tokenizer_config.json': { bos_token: { content: '<b>' } }, 'config.json': { bos_token_id: 7, eos_token_id: 8, text_config: { pad_token_id: 9 } } };
    expect(await special(files)).toEqual({ 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 8, 'tokenizer.ggml.padding_token_id': 9 });
  });

  it('finds a chat template in each place, in order of precedence', async () => {
    const config = { 'tokenizer_config.json': { bos_token: '<a>' } };
    const key = 'tokenizer.chat_template';
    expect((await special({ ...config, 'chat_template.json': { chat_template: 'json' } }))[key]).toBe('json');
    expect((await special({ ...config, 'chat_template.json': { chat_template: 'json' }, 'chat_template.jinja': 'jinja' }))[key]).toBe('jinja');
    expect((await special({ 'chat_template.jinja': 'jinja', 'tokenizer_config.json': { chat_template: 'config' } }))[key]).toBe('config');
    expect(await special({ 'tokenizer_config.json': { chat_template: [{ name: 'default', template: 'd' }, { name: 'tool-use', template: 't' }] } })).toEqual({
      'tokenizer.chat_template.tool_use': 't', 'tokenizer.chat_templates': ['tool_use'], [key]: 'd',
    });
  });

  it('refuses a negative id', async () => {
    await expect(special({ 'config.json': { bos_token_id: -5 } })).rejects.toMatchObject({ code: 'TARA_TOKENIZER_INVALID' });
  });
});
