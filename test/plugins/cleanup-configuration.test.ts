import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check, copyOf, errors, makeModel, readJson, write } from './cleanup-model.js';

describe('configuration', () => {
  test('the pad token: -1 counts as missing, a list of eos gives its first', async () => {
    const root = makeModel({ pad_token_id: -1, eos_token_id: [5, 2] });
    const tokenizer = readJson(join(root, 'tokenizer_config.json'));
    delete tokenizer.pad_token;
    write(root, 'tokenizer_config.json', tokenizer);
    write(root, 'generation_config.json', {});
    const report = await copyOf(root);
    expect(report.fixes).toEqual([{ code: 'PAD_TOKEN', file: 'config.json' }, { code: 'PAD_TOKEN', file: 'tokenizer_config.json' }]);
    expect(readJson(join(`${root}-out`, 'config.json')).pad_token_id).toBe(5);
    expect(readJson(join(`${root}-out`, 'tokenizer_config.json')).pad_token).toBe('<0x02>');
  });

  test.each([
    [{ num_attention_heads: undefined, head_dim: undefined }, { num_attention_heads: 2 }],
    [{ num_hidden_layers: undefined, intermediate_size: undefined }, { num_hidden_layers: 2, intermediate_size: 32 }],
    [{ num_key_value_heads: undefined }, { num_key_value_heads: 1 }],
    [{ model_type: undefined }, { model_type: 'llama' }],
    [{ architectures: undefined }, { architectures: ['LlamaForCausalLM'] }],
    [{ tie_word_embeddings: undefined }, { tie_word_embeddings: true }],
    [{ eos_token_id: undefined }, { eos_token_id: 2 }],
  ])('%j is restored', async (changes, wanted) => {
    const root = makeModel(changes);
    const report = await copyOf(root);
    expect(errors(report)).toEqual([]);
    expect(report.fixes).toEqual([{ code: 'CONFIG_FIELDS', file: 'config.json' }]);
    expect(readJson(join(`${root}-out`, 'config.json'))).toMatchObject(wanted);
  });

  test('what has no single answer is an error', async () => {
    const root = makeModel({ num_attention_heads: undefined, head_dim: undefined, num_key_value_heads: undefined });
    expect(errors(await check(root))).toEqual(['MISSING_CONFIG_FIELD config.json']);
  });

  test('JSON that does not parse is reported and left alone', async () => {
    const root = makeModel();
    write(root, 'config.json', '{"model_type": ');
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['BAD_JSON config.json']);
    expect(readFileSync(join(`${root}-out`, 'config.json'), 'utf8')).toBe('{"model_type": ');
  });
});

describe('vocabulary', () => {
  test('a class that the files cannot serve is corrected', async () => {
    const root = makeModel();
    write(root, 'tokenizer_config.json', { ...readJson(join(root, 'tokenizer_config.json')), tokenizer_class: 'GPT2Tokenizer' });
    const report = await copyOf(root);
    expect(report.valid).toBe(true);
    expect(report.fixes).toEqual([{ code: 'TOKENIZER_CONFIG', file: 'tokenizer_config.json' }]);
    expect(readJson(join(`${root}-out`, 'tokenizer_config.json')).tokenizer_class).toBe('LlamaTokenizer');
  });

  test('one that does not parse is no vocabulary', async () => {
    const root = makeModel();
    write(root, 'tokenizer.model', 'version https://git-lfs.github.com/spec/v1\n');
    expect(errors(await check(root))).toEqual(['TOKENIZER_INVALID tokenizer.model']);
    write(root, 'tokenizer.json', { model: { type: 'BPE', vocab: { '</s>': 2, a: 1 } } });
    expect(errors(await check(root))).toEqual([]);
  });

  test('ids beyond the embedding', async () => {
    const root = makeModel();
    rmSync(join(root, 'tokenizer.model'));
    write(root, 'tokenizer.json', { model: { type: 'BPE', vocab: { '</s>': 2, a: 2000 } } });
    expect(errors(await check(root))).toEqual(['TOKENIZER_INVALID tokenizer.json']);
  });

  test('none at all', async () => {
    const root = makeModel();
    rmSync(join(root, 'tokenizer.model'));
    write(root, 'vocab.json', { a: 1 });
    expect(errors(await check(root))).toEqual(['MISSING_FILE merges.txt']);
  });
});
