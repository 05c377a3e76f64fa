/** Tokenizers of tiny folders: SentencePiece, byte-level BPE, Llama's tokenizer.json, special tokens and chat templates. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bpeEntries } from '../../src/convert/tokenizers/bpe.js';
import { decodeByteLevel } from '../../src/convert/tokenizers/byte-level.js';
import { llamaEntries } from '../../src/convert/tokenizers/llama.js';
import { pretokenizerHash } from '../../src/convert/tokenizers/pretokenizer.js';
import type { TokenizerRequest } from '../../src/convert/tokenizers/request.js';
import { tokenizerFiles } from '../../src/convert/tokenizers/source.js';
import { specialEntries } from '../../src/convert/tokenizers/special.js';
import { gemmaEntries, parseSentencePiece, phi3Entries, sentencePieceEntries } from '../../src/convert/tokenizers/spm.js';
import { wordPieceEntries } from '../../src/convert/tokenizers/wordpiece.js';
import { modelConfig } from '../../src/convert/checkpoint/config.js';
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
type Reader = (request: TokenizerRequest) => Promise<MetadataEntry[] | undefined>;
const read = async (dir: string, reader: Reader, vocabSize: number, pre?: string, modelType = 'llama'): Promise<Record<string, unknown>> => {
  const blobs: Blobs = new Map();
  const config = modelConfig('config.json', { model_type: modelType, vocab_size: vocabSize }, () => ({}));
  return values(await reader({ files: await tokenizerFiles(dir), config, vocabSize, blobs, pre }), blobs);
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
    expect(await read(dir, sentencePieceEntries, 12)).toEqual({
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
  const bpe = (dir: string, modelType?: string) => read(dir, bpeEntries, 300, 'gpt-2', modelType);

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
    const got = await bpe(dirWith({ ...files, 'added_tokens.json': { '<new>': 270, '<|pad|>': 271 }, 'config.json': { bos_token_id: 0 } }), 'gpt2');
    expect(got['tokenizer.ggml.merges']).toEqual(['t h', 'th e', 'Ġ the', 'Ġ a']);
    const types = got['tokenizer.ggml.token_type'] as { head: number[] };
    expect(types.head.slice(0, 2)).toEqual([3, 1]);
    // Ids come from tokenizer.json or config.json alone, as the reference reads them.
    expect([got['tokenizer.ggml.bos_token_id'], got['tokenizer.ggml.eos_token_id']]).toEqual([0, undefined]);
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
    const dir = dirWith({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { tokenizer_class: 'LlamaTokenizerFast', bos_token: '<s>' }, 'config.json': { eos_token_id: 2, pad_token_id: 6 } });
    expect(await read(dir, llamaEntries, 8)).toEqual({
      'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.pre': 'default',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<0x0A>', '▁a', '<|note|>'],
      'tokenizer.ggml.scores': new Array(6).fill(-1000),
      'tokenizer.ggml.token_type': [3, 3, 3, 6, 1, 4],
      'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2,
    });
  });
  it('is not for byte-level tokenizers', async () => {
    expect((await read(dirWith({ 'tokenizer.json': tinyTokenizer() }), llamaEntries, 300, 'gpt-2'))['tokenizer.ggml.model']).toBe('gpt2');
  });
});

describe('special tokens', () => {
  const special = (files: Record<string, unknown>) => read(dirWith(files), ({ files: found, blobs }) => specialEntries(found, { blobs }), 100);
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

describe('Gemma, Phi-3 and BERT', () => {
  const spm = { 'tokenizer.model': MODEL };
  it('Gemma puts no space in front', async () => {
    expect((await read(dirWith(spm), gemmaEntries, 9))['tokenizer.ggml.add_space_prefix']).toBe(false);
    expect(await read(dirWith({}), gemmaEntries, 9)).toEqual({});
  });

  it('Phi-3 takes tokens of tokenizer.json, spelled and flagged as they are', async () => {
    const dir = dirWith({
      ...spm,
      'tokenizer.json': { added_tokens: [{ id: 8, content: '<|x|>', special: false }, { id: 2, content: '</s>', special: true }] },
      'tokenizer_config.json': { added_tokens_decoder: { 7: { content: '▁y', special: false } } },
    });
    const got = await read(dir, phi3Entries, 10);
    expect(got['tokenizer.ggml.tokens']).toEqual(['<unk>', '<s>', '</s>', '<0x0A>', '▁the', 'user', 'gone', '▁y', '<|x|>', '[PAD9]']);
    expect(got['tokenizer.ggml.token_type']).toEqual([2, 3, 3, 6, 1, 1, 5, 4, 4, 5]);
  });

  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', '##ing', '!'];
  it('BERT marks the start of words, from vocab.txt as from tokenizer.json', async () => {
    const slow = await read(dirWith({ 'vocab.txt': `${words.join('\r\n')}\r\n`, 'config.json': { pad_token_id: 0 } }), wordPieceEntries, 9, undefined, 'bert');
    expect(slow).toEqual({
      'tokenizer.ggml.token_type_count': 2,
      'tokenizer.ggml.model': 'bert',
      'tokenizer.ggml.pre': 'default',
      'tokenizer.ggml.tokens': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '▁the', 'ing', '▁!', '▁[PAD8]'],
      'tokenizer.ggml.token_type': [3, 3, 3, 3, 3, 1, 1, 1, 5],
      'tokenizer.ggml.padding_token_id': 0,
    });
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const tokenizer = {
      added_tokens: words.slice(0, 5).map((content, id) => ({ id, content, special: true, normalized: false })),
      normalizer: { type: 'BertNormalizer', lowercase: true, strip_accents: null },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: { type: 'TemplateProcessing', single: [special('[CLS]'), { Sequence: { id: 'A' } }, special('[SEP]')], pair: [] },
      model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(words.map((word, id) => [word, id])) },
    };
    const fast = await read(dirWith({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { cls_token: '[CLS]', sep_token: '[SEP]', unk_token: '[UNK]' } }), wordPieceEntries, 9, undefined, 'bert');
    expect(fast['tokenizer.ggml.tokens']).toEqual(slow['tokenizer.ggml.tokens']);
    expect(fast).toMatchObject({
      'tokenizer.ggml.bos_token_id': 2, 'tokenizer.ggml.eos_token_id': 3, 'tokenizer.ggml.seperator_token_id': 3, 'tokenizer.ggml.unknown_token_id': 1,
      'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.add_eos_token': true, 'tokenizer.ggml.normalizer.lowercase': true,
    });
    expect(fast).not.toHaveProperty(['tokenizer.ggml.normalizer.strip_accents']);
  });
});

describe('the pre-tokenizer', () => {
  const bpe = (tokenizer: Record<string, unknown>, pre?: string) => read(dirWith({ 'tokenizer.json': tokenizer }), bpeEntries, 300, pre);

  it('is refused with its hash and what it splits like, or taken by name', async () => {
    const hash = pretokenizerHash(tinyTokenizer());
    await expect(bpe(tinyTokenizer())).rejects.toMatchObject({ code: 'TARA_PRETOKENIZER_UNKNOWN', fields: { hash, advice: expect.stringContaining('gpt-2') as unknown } });
    expect((await bpe(tinyTokenizer(), 'llama-bpe'))['tokenizer.ggml.pre']).toBe('llama-bpe');
    await expect(bpe(tinyTokenizer(), 'novel')).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('ends a pattern that backtracks without end', async () => {
    const endless = { type: 'Split', pattern: { Regex: '(?:(?:\\p{L}|\\p{N}|\\s|\\S)+)+\\d{99}' }, behavior: 'Isolated', invert: false };
    await expect(bpe({ ...tinyTokenizer(), pre_tokenizer: endless })).rejects.toMatchObject({ code: 'TARA_TOKENIZER_INVALID' });
  }, 30_000);
});

describe('malformed tokenizers', () => {
  const json = tinyTokenizer();
  const model = json['model'] as { vocab: Record<string, number>; merges: unknown[] };
  const withModel = (change: Record<string, unknown>) => ({ ...json, model: { ...model, ...change } });
  const added = (...tokens: unknown[]) => ({ ...json, added_tokens: tokens });
  const nested = `${'{"type":"Sequence","normalizers":['.repeat(5000)}{"type":"NFC"}${']}'.repeat(5000)}`;
  const fault = async (files: Record<string, unknown>, reader: Reader = bpeEntries, size = 300): Promise<string> => {
    const thrown: unknown = await read(dirWith(files), reader, size, 'gpt-2').then(() => 'no error', (error: unknown) => error);
    if (!(thrown instanceof TaraError)) return String(thrown);
    expect(thrown.message).not.toContain('\n');
    return `${thrown.code} ${String(thrown.fields['path']).split('/').at(-1)}`;
  };

  it.each<[string, unknown]>([
    ['no JSON', '{"model":'],
    ['no object', [1]],
    ['no UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['no model', { added_tokens: [] }],
    ['another model', withModel({ type: 'Unigram' })],
    ['a list of tokens', withModel({ vocab: [['a', 0]] })],
    ['an id that is text', withModel({ vocab: { a: '0' } })],
    ['an id that is no integer', withModel({ vocab: { a: 0.5 } })],
    ['a negative id', withModel({ vocab: { a: -1 } })],
    ['a huge id', withModel({ vocab: { a: 2 ** 53 } })],
    ['an id past the embedding', withModel({ vocab: { a: 300 } })],
    ['more tokens than the embedding has rows', withModel({ vocab: Object.fromEntries(Array.from({ length: 301 }, (_, id) => [`t${id}`, id])) })],
    ['two tokens of one id', withModel({ vocab: { a: 1, b: 1 } })],
    ['half a character', withModel({ vocab: { '\ud83d': 1 } })],
    ['merges that are text', withModel({ merges: 'a b' })],
    ['a merge of three', withModel({ merges: [['a', 'b', 'c']] })],
    ['a merge of numbers', withModel({ merges: [[1, 2]] })],
    ['added tokens that are no list', { ...json, added_tokens: { a: 1 } }],
    ['an added token that is text', added('a')],
    ['an added token without content', added({ id: 270 })],
    ['an added token without id', added({ content: '<new>' })],
    ['an added token past the embedding', added({ id: 4e9, content: '<new>' })],
    ['two added tokens of one id', added({ id: 280, content: '<a>' }, { id: 280, content: '<b>' })],
    ['normalizers without end', JSON.stringify(json).replace('"normalizer":null', `"normalizer":${nested}`)],
  ])('%s', async (_, tokenizer) => {
    expect(await fault({ 'tokenizer.json': tokenizer })).toBe('TARA_TOKENIZER_INVALID tokenizer.json');
  });

  it('names the other files', async () => {
    expect(await fault({ 'tokenizer.json': json, 'tokenizer_config.json': { added_tokens_decoder: { x: { content: '<new>' } } } })).toBe('TARA_TOKENIZER_INVALID tokenizer_config.json');
    expect(await fault({ 'tokenizer.json': json, 'tokenizer_config.json': { added_tokens_decoder: [] } })).toBe('TARA_TOKENIZER_INVALID tokenizer_config.json');
    expect(await fault({ 'tokenizer.model': MODEL, 'added_tokens.json': { '<x>': 'y' } }, sentencePieceEntries)).toBe('TARA_TOKENIZER_INVALID added_tokens.json');
    expect(await fault({ 'tokenizer.model': MODEL }, sentencePieceEntries, 6)).toBe('TARA_TOKENIZER_INVALID tokenizer.model');
    expect(await fault({ 'tokenizer.model': MODEL, 'tokenizer.json': { added_tokens: [{ id: 12, content: 'x' }] } }, phi3Entries, 12)).toBe('TARA_TOKENIZER_INVALID tokenizer.json');
    expect(await fault({ 'vocab.json': { a: 1, b: 1 }, 'merges.txt': '' })).toBe('TARA_TOKENIZER_INVALID vocab.json');
    expect(await fault({ 'vocab.txt': 'a\nb\nc' }, wordPieceEntries, 2)).toBe('TARA_TOKENIZER_INVALID vocab.txt');
  });

  it('ends in keys or an error that says which, whatever stands in the JSON', async () => {
    const value = fc.oneof({ maxDepth: 2 }, fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, -1, 1e99, '', [], {}, true, 'a b', 300, 2 ** 40));
    const paths = [
      ['model'], ['model', 'vocab'], ['model', 'merges'], ['model', 'type'], ['model', 'vocab', 'a'], ['model', 'merges', '0'], ['model', 'unk_token'], ['model', 'ignore_merges'],
      ['added_tokens'], ['added_tokens', '0'], ['added_tokens', '0', 'id'], ['added_tokens', '0', 'content'], ['added_tokens', '0', 'special'],
      ['normalizer'], ['pre_tokenizer'], ['pre_tokenizer', 'type'], ['post_processor'], ['decoder'],
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), value, fc.boolean(), async (path, replacement, named) => {
        const tokenizer = structuredClone(json);
        const parent = path.slice(0, -1).reduce<Record<string, unknown>>((part, key) => part[key] as Record<string, unknown>, tokenizer);
        parent[path.at(-1) ?? ''] = replacement;
        await read(dirWith({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': named ? { bos_token: replacement, additional_special_tokens: replacement } : {} }), bpeEntries, 300, named ? 'gpt-2' : undefined).catch((thrown: unknown) => {
          expect(thrown).toBeInstanceOf(TaraError);
          expect((thrown as TaraError).code).toMatch(/^TARA_(TOKENIZER_INVALID|PRETOKENIZER_UNKNOWN)$/);
        });
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
