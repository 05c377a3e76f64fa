/** Secrets, programs, archives and chat templates in model folders. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { kindOfContent } from '../../plugins/cleanup/programs.js';
import { findSecrets, mayHoldSecrets } from '../../plugins/cleanup/secrets.js';
import { checkChatTemplate } from '../../src/engine/index.js';
import { makeModel, readJson, write } from './cleanup-model.js';

// Put together here, so that no scanner takes this file for a leak.
const HF = `hf_${'aBcD1234'.repeat(5)}`;
const GITHUB = `ghp_${'a1B2'.repeat(10)}`;

describe('secrets', () => {
  test.each([
    ['config.json', `{"a": 1e-06, "hub_token": "${HF}", "b": [12345678901234567890]}`, '{"a": 1e-06, "hub_token": "", "b": [12345678901234567890]}'],
    ['config.json', '{"api_key":"0123456789abcdef","x":"0123456789abcdef"}', '{"api_key":"","x":"0123456789abcdef"}'],
    ['config.json', '{"training": {"wandb": [{"wandbApiKey" : "q/\\"w$1&erty12"}]}}', '{"training": {"wandb": [{"wandbApiKey" : ""}]}}'],
    ['config.json', `{"url": "https://ann:${GITHUB}@example.org/x"}`, '{"url": "https://ann:@example.org/x"}'],
    ['config.json', '{"url": "https://ann:s3cret@example.org/x"}', '{"url": "https://example.org/x"}'],
    ['.env', 'export HF_TOKEN="abcdefgh12"\r\nMODEL=llama\n', 'export HF_TOKEN=""\r\nMODEL=llama\n'],
    ['train.yaml', 'lr: 1e-4\npassword: hunter2hunter2 # old\n', 'lr: 1e-4\npassword:  # old\n'],
    ['key.pem', '-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n', '\n'],
  ])('%s: %s', (name, text, stripped) => {
    const result = findSecrets(name, text);
    expect(result.stripped).toBe(stripped);
    expect(result.found.length).toBeGreaterThan(0);
    // Once taken out, nothing is left to find.
    expect(findSecrets(name, stripped)).toEqual({ found: [], stripped });
  });

  test.each([
    ['config.json', '{"eos_token": "<|endoftext|>", "pad_token": "<pad_token_8>", "tokenizer_class": "LlamaTokenizer", "use_auth_token": true, "token": "abcdefgh"}'],
    ['config.json', '{"api_key": "<your-api-key>", "password": "", "hf_token": "${HF_TOKEN}", "secret": null}'],
    ['config.json', '{"api_key": "0123456789'],
    ['train.yaml', 'sk-learn: 1\ntokens: 12345678\n'],
  ])('%s holds none: %s', (name, text) => expect(findSecrets(name, text)).toEqual({ found: [], stripped: text }));

  test('vocabularies and indexes are left alone', () => {
    expect(['tokenizer.json', 'vocab.json', 'model.safetensors.index.json', 'merges.txt', 'README.md'].filter(mayHoldSecrets)).toEqual([]);
  });

  test('the copy has none, the source keeps its own, and the secret is in no report', async () => {
    const root = makeModel({ hub_token: HF, pad_token_id: undefined });
    const before = readFileSync(join(root, 'config.json'), 'utf8');
    const report = await clean(root, { outputPath: `${root}-out`, reportPath: `${root}-report.json` });
    expect(report).toMatchObject({ valid: true, issues: [{ code: 'SECRET_FOUND', path: 'config.json', severity: 'warning' }], fixes: [{ code: 'PAD_TOKEN' }, { code: 'SECRETS', file: 'config.json' }] });
    expect(readJson(join(`${root}-out`, 'config.json'))).toMatchObject({ hub_token: '', pad_token_id: 2 });
    expect(readFileSync(join(root, 'config.json'), 'utf8')).toBe(before);
    for (const ending of ['report.json', 'report.txt']) expect(readFileSync(`${root}-${ending}`, 'utf8')).not.toContain(HF);
    expect(readFileSync(`${root}-out.manifest.json`, 'utf8')).not.toContain(HF);
  });
});

describe('programs and archives', () => {
  test.each([
    ['run', '#!/bin/sh\n', 'program'], ['lib', '\x7fELF\x02', 'executable'], ['setup', 'MZ\x90\0', 'executable'], ['a', '\xcf\xfa\xed\xfe', 'executable'],
    ['data', 'PK\x03\x04', 'archive'], ['data', '\x1f\x8b\x08', 'archive'], ['data', '7z\xbc\xaf\x27\x1c', 'archive'], ['x.dll', 'text', 'executable'], ['x.zip', 'text', 'archive'], ['NOTICE', 'Made by', undefined],
  ])('%s %j', (name, head, kind) => expect(kindOfContent(name, Buffer.from(head, 'latin1'))).toBe(kind));

  test('are reported and stay', async () => {
    const root = makeModel();
    write(root, 'modeling_custom.py', 'import os');
    write(root, 'tool', '#!/usr/bin/env python\n');
    write(root, 'lib/native.so', '\x7fELF');
    write(root, 'old.zip', 'PK');
    const report = await clean(root, { outputPath: `${root}-out` });
    expect(report.issues.map(({ code, path }) => `${code} ${path}`).sort()).toEqual(['ARCHIVE_FILE old.zip', 'CODE_FILE modeling_custom.py', 'CODE_FILE tool', 'EXECUTABLE_FILE lib/native.so']);
    expect(report).toMatchObject({ valid: true, removed: [], scoreParts: { security: 0.5 } });
    expect(existsSync(join(`${root}-out`, 'lib/native.so'))).toBe(true);
  });
});

describe('chat templates', () => {
  test.each([
    ["{% for message in messages %}{{ message['role'] + ': ' + message.content }}{% endfor %}"],
    ["{{ raise_exception('no system role') }}"],
    ["{% macro item(x) %}{{ x }}{% endmacro %}{% for i in range(3) %}{{ item(i) }}{% endfor %}"],
    ["{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}"],
  ])('%s is fine', (source) => expect(checkChatTemplate(source)).toEqual([]));

  test.each([
    ["{{ ''.__class__.__mro__ }}", /__class__/],
    ["{{ messages['__init__'] }}", /__init__/],
    ['{{ messages.append(1) }}', /append/],
    ['{% for i in range(1000000000) %}x{% endfor %}', /range/],
    ['{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}', /calls itself/],
    ['{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}', /without end/],
    ['{% for message in messages %}', /does not parse/],
    ['{{'.repeat(50_000), /does not parse/],
  ])('%s', (source, fault) => expect(checkChatTemplate(source).join('\n')).toMatch(fault));

  test('are found wherever transformers keeps them, and are warnings', async () => {
    const root = makeModel();
    write(root, 'tokenizer_config.json', { ...readJson(join(root, 'tokenizer_config.json')), chat_template: [{ name: 'default', template: '{{ x.__class__ }}' }] });
    write(root, 'chat_template.jinja', '{% if %}');
    const report = await clean(root);
    expect(report.issues.map(({ code, path, severity }) => `${severity} ${code} ${path}`).sort()).toEqual(['warning CHAT_TEMPLATE chat_template.jinja', 'warning CHAT_TEMPLATE tokenizer_config.json']);
    expect(report.valid).toBe(true);
  });
});
