/**
 * Cases of our own, each one rule of cleaning in an unusual combination. Every case is checked whole: the verdict, the issues that
 * count, what was removed, what was fixed, that all else is the same to the byte, and that the source is as it was.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import type { CleanOptions } from '../../src/plugin.js';
import { exactTree, snapshot } from './cleanup-cases.js';
import { makeAdapter, makeModel, readJson, readTensors, shard, write, writeTensors, type RawTensor } from './cleanup-model.js';

interface Case {
  readonly kind?: string;
  readonly options?: CleanOptions;
  /** `CODE path`, all of them. */
  readonly errors?: readonly string[];
  /** `CODE path`, at least these. */
  readonly warnings?: readonly string[];
  readonly removed?: readonly string[];
  /** File to fields that it holds afterwards; the file is rewritten or made. */
  readonly fixed?: Readonly<Record<string, object>>;
  /** Files and links that the copy must have, beside those that are not named at all. */
  readonly kept?: readonly string[];
}

const PICKLE = Buffer.from('\x80\x02}q\x00.', 'latin1');
const f32 = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);

/** config.json with these fields, undefined taking one out. */
function configure(root: string, changes: Record<string, unknown>, file = 'config.json'): void {
  write(root, file, Object.fromEntries(Object.entries({ ...readJson(join(root, file)), ...changes }).filter(([, value]) => value !== undefined)));
}

function tensorsOf(root: string, change: (tensors: Record<string, RawTensor>) => Record<string, RawTensor>, file = 'model.safetensors'): void {
  writeTensors(root, file, change(readTensors(join(root, file))));
}

/** A copy of the first number of a tensor replaced by bytes. */
const poisoned = (tensor: RawTensor, bytes: readonly number[]): RawTensor => ({ ...tensor, data: Buffer.concat([Buffer.from(bytes), tensor.data.subarray(bytes.length)]) });

const MODELS: Readonly<Record<string, (root: string) => Case>> = {
  'garbage of every letter case in folders whose names are unusual'(root) {
    for (const path of ['a b/ü/ /X.TMP', 'a b/ü/ /x.tmp.md', 'line\nbreak/y.LoG', 'line\nbreak/keep\n.txt', '#not garbage/#a#', '#not garbage/#a', 'é/e\u0301/~', 'é/e\u0301/z~', 'é/e\u0301/~z']) write(root, path, 'x');
    return { removed: ['#not garbage/#a#', 'a b/ü/ /X.TMP', 'line\nbreak/y.LoG', 'é/'].toSorted().map((path) => (path === 'é/' ? 'é/e\u0301/z~' : path)).concat('é/e\u0301/~').toSorted() };
  },
  'garbage folders must match whole and may lie anywhere'(root) {
    for (const path of ['x/checkpoint-0012/deep/keep.md', 'x/checkpoint-1a/keep.md', 'x/checkpoint-/keep.md', 'x/xcheckpoint-1/keep.md', 'x/wandb/y', 'x/wandb2/y', 'x/.cache/huggingface/z', 'x/my runs/y', 'x/y/runs/runs/runs/z']) write(root, path, 'x');
    write(root, 'logs', 'a file');
    write(root, 'y/.git', 'gitdir: ../elsewhere');
    return { removed: ['x/.cache/', 'x/checkpoint-0012/', 'x/wandb/', 'x/y/'] };
  },
  'folders that hold nothing but empty folders go'(root) {
    mkdirSync(join(root, 'a/b/c/d'), { recursive: true });
    mkdirSync(join(root, 'e/kept'), { recursive: true });
    write(root, 'e/file.md', 'x');
    return { removed: ['a/', 'e/kept/'] };
  },
  'a shard in a garbage folder under a garbage name, reached by a path with dots'(root) {
    const map = shard(root, (name) => (name.includes('layers.0') ? 'logs/checkpoint-3/part.bak' : 'b.safetensors'));
    write(root, 'model.safetensors.index.json', { weight_map: Object.fromEntries(Object.entries(map).map(([name, file]) => [name, file.startsWith('logs') ? './logs/../logs/checkpoint-3/part.bak' : file])) });
    write(root, 'logs/checkpoint-3/trainer.log', 'x');
    write(root, 'logs/train.md', 'x');
    return { removed: ['logs/checkpoint-3/trainer.log', 'logs/train.md'] };
  },
  'an index that puts a tensor in the wrong shard'(root) {
    const map = shard(root, (name) => (name.includes('layers.0') ? 'a.safetensors' : 'b.safetensors'));
    write(root, 'model.safetensors.index.json', { weight_map: { ...map, 'model.norm.weight': 'a.safetensors' } });
    return { warnings: ['MISSING_TENSOR a.safetensors'] };
  },
  'an index that names a tensor no shard has'(root) {
    const map = shard(root, (name) => (name.includes('layers.0') ? 'a.safetensors' : 'b.safetensors'));
    write(root, 'model.safetensors.index.json', { weight_map: { ...map, 'model.layers.0.self_attn.rotary_emb.inv_freq': 'a.safetensors' } });
    return { errors: ['MISSING_TENSOR a.safetensors'] };
  },
  'a truncated shard is the fault, not each of its tensors'(root) {
    shard(root, (name) => (name.includes('layers.0') ? 'a.safetensors' : 'b.safetensors'));
    writeFileSync(join(root, 'a.safetensors'), readFileSync(join(root, 'a.safetensors')).subarray(0, -1));
    return { errors: ['TRUNCATED_SAFETENSORS a.safetensors'], removed: ['a.safetensors'] };
  },
  'a shard that is a link to the outside, and a whole folder that is one'(root) {
    shard(root, (name) => (name.includes('layers.0') ? 'a.safetensors' : 'b.safetensors'));
    mkdirSync(join(dirname(root), 'outside'));
    renameSync(join(root, 'a.safetensors'), join(dirname(root), 'outside', 'a.safetensors'));
    symlinkSync('../outside/a.safetensors', join(root, 'a.safetensors'));
    symlinkSync('../outside', join(root, 'docs'));
    return { errors: ['SYMLINK_ESCAPE a.safetensors'], warnings: ['SYMLINK_ESCAPE docs'], removed: ['a.safetensors', 'docs'] };
  },
  'links in circles, to themselves and through each other'(root) {
    symlinkSync('self', join(root, 'self'));
    symlinkSync('pong', join(root, 'ping'));
    symlinkSync('ping', join(root, 'pong'));
    symlinkSync('.', join(root, 'here'));
    return { warnings: ['SYMLINK_ESCAPE ping', 'SYMLINK_ESCAPE pong', 'SYMLINK_ESCAPE self'], removed: ['ping', 'pong', 'self'], kept: ['here'] };
  },
  'a link to a folder that goes, goes too'(root) {
    write(root, 'checkpoint-20/optimizer.md', 'x');
    mkdirSync(join(root, 'empty'));
    symlinkSync('checkpoint-20', join(root, 'latest'));
    symlinkSync('latest', join(root, 'best'));
    symlinkSync('empty', join(root, 'nothing'));
    return { removed: ['best', 'checkpoint-20/', 'empty/', 'latest', 'nothing'] };
  },
  'a chain of links that ends outside is cut at every link'(root) {
    write(dirname(root), 'secret.txt', 'x');
    symlinkSync('../secret.txt', join(root, 'one'));
    symlinkSync('one', join(root, 'two'));
    symlinkSync(join(root, 'two'), join(root, 'three'));
    return { warnings: ['SYMLINK_ESCAPE one', 'SYMLINK_ESCAPE three', 'SYMLINK_ESCAPE two'], removed: ['one', 'three', 'two'] };
  },
  'pickles under any letter case, and in garbage; texts with such endings stay'(root) {
    write(root, 'PyTorch_Model.BIN', PICKLE);
    write(root, 'x/state.PKL', Buffer.from('cposix\nsystem\n(S"id"\ntR.'));
    write(root, 'runs/optimizer.pt', PICKLE);
    write(root, 'x/readme.bin', 'just text');
    write(root, 'x/empty.pt', '');
    return { warnings: ['PICKLE_FILE PyTorch_Model.BIN', 'PICKLE_FILE x/state.PKL', 'PICKLE_FILE runs/optimizer.pt'], removed: ['PyTorch_Model.BIN', 'runs/', 'x/state.PKL'] };
  },
  'a limit that the weights meet exactly and the vocabulary exceeds'(root) {
    const bytes = readFileSync(join(root, 'model.safetensors')).length;
    write(root, 'tokenizer.model', Buffer.concat([readFileSync(join(root, 'tokenizer.model')), Buffer.alloc(bytes)]));
    return { options: { maxFileBytes: bytes }, errors: ['OVERSIZED_FILE tokenizer.model'], removed: ['tokenizer.model'] };
  },
  'infinities in BF16 of a layer, NaN in an extra file'(root) {
    tensorsOf(root, (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, name === 'model.layers.1.mlp.down_proj.weight' ? { ...tensor, dtype: 'BF16', data: Buffer.concat([Buffer.from([0x80, 0xff]), Buffer.alloc(tensor.shape.reduce((a, b) => a * b) * 2 - 2)]) } : tensor])));
    writeTensors(root, 'extra/values.safetensors', { x: { dtype: 'F32', shape: [], data: f32(NaN) } });
    return { errors: ['NAN_TENSOR extra/values.safetensors', 'NAN_TENSOR model.safetensors'] };
  },
  'whole numbers and booleans of any bytes are no NaN, empty tensors and scalars are sound'(root) {
    tensorsOf(root, (tensors) => ({
      ...tensors, 'model.position_ids': { dtype: 'I64', shape: [1, 1], data: Buffer.alloc(8, 0xff) }, 'model.mask': { dtype: 'BOOL', shape: [2], data: Buffer.from([1, 0]) },
      'model.none': { dtype: 'F32', shape: [0, 4], data: Buffer.alloc(0) }, 'model.scale': { dtype: 'F64', shape: [], data: Buffer.alloc(8) },
    }));
    return {};
  },
  'the same tensors in F64 are a sound model'(root) {
    tensorsOf(root, (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, { dtype: 'F64', shape, data: Buffer.alloc(shape.reduce((a, b) => a * b, 1) * 8) }])));
    return {};
  },
  'a tensor twice in one file'(root) {
    const bytes = readFileSync(join(root, 'model.safetensors'));
    const start = 8 + Number(bytes.readBigUInt64LE());
    const text = bytes.subarray(8, start).toString();
    const entry = /"model\.norm\.weight"\s*:\s*\{[^}]*\}/.exec(text)?.[0] ?? '';
    const header = Buffer.from(text.replace(/\}\s*$/, `,${entry}}`));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    write(root, 'model.safetensors', Buffer.concat([length, header, bytes.subarray(start)]));
    return { errors: ['BAD_SAFETENSORS model.safetensors'], removed: ['model.safetensors'] };
  },
  'a configuration with line ends of Windows is fixed in its own manner'(root) {
    configure(root, { pad_token_id: undefined, vocab_size: undefined });
    write(root, 'config.json', JSON.stringify(readJson(join(root, 'config.json')), null, 2).replaceAll('\n', '\r\n'));
    return { fixed: { 'config.json': { vocab_size: 2000, pad_token_id: 2 } }, warnings: ['MISSING_CONFIG_FIELD config.json'] };
  },
  'a byte order mark before JSON is no JSON, and stays'(root) {
    write(root, 'config.json', `\uFEFF${readFileSync(join(root, 'config.json'), 'utf8')}`);
    return { errors: ['BAD_JSON config.json'] };
  },
  'a key given twice counts as its last value, and is named'(root) {
    const text = readFileSync(join(root, 'config.json'), 'utf8').replace('{', '{"vocab_size": 7, "pad_token_id": null,');
    write(root, 'config.json', text);
    return { warnings: ['BAD_JSON config.json'] };
  },
  'numbers beyond what a double holds stay as they are written'(root) {
    const text = JSON.stringify({ ...readJson(join(root, 'config.json')), rope_theta: 0, pad_token_id: undefined }).replace('"rope_theta":0', '"rope_theta":1e4000,"seed":123456789012345678901234567890');
    write(root, 'config.json', text);
    return { fixed: { 'config.json': { pad_token_id: 2, seed: 1.2345678901234568e29 } } };
  },
  'sizes that are no sizes'(root) {
    configure(root, { hidden_size: '16', vocab_size: 2 ** 60, num_attention_heads: 2.5, intermediate_size: -32 });
    return { errors: ['SHAPE_MISMATCH config.json'] };
  },
  'a special token beyond the embedding'(root) {
    configure(root, { eos_token_id: [2, 2000] });
    return { errors: ['SHAPE_MISMATCH config.json'] };
  },
  'an added token beyond the embedding'(root) {
    configure(root, { added_tokens_decoder: { 2000: { content: '<extra>', special: true } } }, 'tokenizer_config.json');
    return { errors: ['TOKENIZER_INVALID tokenizer_config.json'] };
  },
  'eos as a list in one file, a pad token stated in another'(root) {
    configure(root, { pad_token_id: null, eos_token_id: [5, 2] });
    configure(root, { pad_token: undefined }, 'tokenizer_config.json');
    write(root, 'special_tokens_map.json', { pad_token: { content: '<unk>', lstrip: false } });
    return { fixed: { 'config.json': { pad_token_id: 0 }, 'tokenizer_config.json': { pad_token: '<unk>' } } };
  },
  'byte pairs with line ends of Windows under a class that wants SentencePiece'(root) {
    rmSync(join(root, 'tokenizer.model'));
    write(root, 'vocab.json', { '<unk>': 0, '<s>': 1, '</s>': 2, a: 3, b: 4, ab: 5 });
    write(root, 'merges.txt', '#version: 0.2\r\na b\r\n');
    return { warnings: ['TOKENIZER_INVALID tokenizer_config.json'], fixed: { 'tokenizer_config.json': { tokenizer_class: 'GPT2Tokenizer' } } };
  },
  'one vocabulary that does not parse beside one that does'(root) {
    write(root, 'tokenizer.json', '{"model": {"vocab": ');
    return { warnings: ['TOKENIZER_INVALID tokenizer.json'] };
  },
  'other JSON that does not parse is named, and the model can be used'(root) {
    write(root, 'notes/results.json', '{"accuracy": NaN}');
    return { warnings: ['BAD_JSON notes/results.json'] };
  },
  'secrets under unusual keys, in lists, beside numbers that must not change'(root) {
    write(root, 'training.json', `{"eps": 1e-08, "requests": [{"headers": {"X-Api-Key": "q1w2e3r4t5y6", "Authorization": "Bearer abcdefghijklmnop"}}], "steps": 10}`);
    write(root, 'deploy.yaml', 'region: eu\naws_secret_access_key: "abcd1234abcd1234"\npass_phrase: hunter2hunter2\n');
    return { warnings: ['SECRET_FOUND training.json', 'SECRET_FOUND deploy.yaml'], fixed: { 'training.json': { eps: 1e-8, steps: 10, requests: [{ headers: { 'X-Api-Key': '', Authorization: '' } }] }, 'deploy.yaml': {} } };
  },
  'chat templates that do not end, in each of their places'(root) {
    configure(root, { chat_template: [{ name: 'default', template: '{{ messages }}' }, { name: 'tool_use', template: '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}' }] }, 'tokenizer_config.json');
    write(root, 'templates/loop.jinja', '{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}');
    return { warnings: ['CHAT_TEMPLATE tokenizer_config.json', 'CHAT_TEMPLATE templates/loop.jinja'] };
  },
  'weights in packed form are not compared with the plain shapes'(root) {
    configure(root, { quantization_config: { quant_method: 'gptq', bits: 4 } });
    tensorsOf(root, (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => (name.includes('proj') ? [name.replace(/weight$/, 'qweight'), { dtype: 'I32', shape: [2, 2], data: Buffer.alloc(16) }] : [name, tensor]))));
    return { warnings: ['UNSUPPORTED_DTYPE config.json'] };
  },
  'nothing may be written anywhere'(root) {
    write(root, 'docs/a.tmp', 'x');
    write(root, 'docs/b.md', 'x');
    for (const path of ['docs/b.md', 'model.safetensors', 'docs', '']) chmodSync(join(root, path), path === 'docs' || path === '' ? 0o555 : 0o444);
    return { removed: ['docs/a.tmp'] };
  },
  'layers that the configuration does not count, and a rank too many'(root) {
    tensorsOf(root, (tensors) => ({ ...tensors, 'model.norm.weight': { ...tensors['model.norm.weight']!, shape: [1, 16] } }));
    configure(root, { num_hidden_layers: 1 });
    return { errors: ['SHAPE_MISMATCH config.json', 'SHAPE_MISMATCH model.safetensors'] };
  },
};

const ADAPTERS: Readonly<Record<string, (root: string) => Case>> = {
  'the old form with modules of another model and no rank'(root) {
    write(root, 'adapter_config.json', { domain: 'ü', base_model: 'b', lora_alpha: 16, target_modules: ['c_attn'], created_at: 'now' });
    return { warnings: ['BAD_ADAPTER_CONFIG adapter_config.json'], fixed: { 'adapter_config.json': { r: 4, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'], peft_type: 'LORA', base_model_name_or_path: 'b' } } };
  },
  'the old form without alpha has no single answer'(root) {
    write(root, 'adapter_config.json', { domain: 'x', base_model: 'b', lora_r: 4 });
    return { errors: ['BAD_ADAPTER_CONFIG adapter_config.json'] };
  },
  "PEFT's form keeps modules that the tensors do not have, and a rank of its own by pattern"(root) {
    write(root, 'adapter_config.json', { peft_type: 'LORA', r: 64, lora_alpha: 1, target_modules: 'all-linear', rank_pattern: { q_proj: 4, v_proj: 4 } });
    return {};
  },
  'a rank that is no whole number'(root) {
    write(root, 'adapter_config.json', { peft_type: 'LORA', r: '4', lora_alpha: [8], target_modules: 7 });
    return { errors: ['BAD_ADAPTER_CONFIG adapter_config.json'] };
  },
  'factors of an embedding, and modules saved whole'(root) {
    const config = { peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['embed_tokens', 'q_proj', 'v_proj'], modules_to_save: ['lm_head'] };
    write(root, 'adapter_config.json', config);
    const zeros = (rows: number, columns: number): RawTensor => ({ dtype: 'F32', shape: [rows, columns], data: Buffer.alloc(rows * columns * 4) });
    tensorsOf(root, (tensors) => ({ ...tensors, 'base_model.model.model.embed_tokens.lora_embedding_A': zeros(4, 2000), 'base_model.model.model.embed_tokens.lora_embedding_B': zeros(16, 4), 'base_model.model.lm_head.weight': zeros(2000, 16) }), 'adapter_model.safetensors');
    return { options: { baseDir: makeModel() } };
  },
  'NaN in a factor, garbage and a pickle of the same weights beside it'(root) {
    tensorsOf(root, (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, tensor], index) => [name, index === 0 ? poisoned({ ...tensor, dtype: 'F32' }, [0, 0, 0xc0, 0x7f]) : tensor])), 'adapter_model.safetensors');
    write(root, 'adapter_model.bin', PICKLE);
    write(root, 'checkpoint-5/adapter_model.safetensors', 'x');
    return { errors: ['NAN_TENSOR adapter_model.safetensors'], warnings: ['PICKLE_FILE adapter_model.bin', 'BAD_ADAPTER_CONFIG adapter_config.json'], removed: ['adapter_model.bin', 'checkpoint-5/'], fixed: { 'adapter_config.json': { peft_type: 'LORA' } } };
  },
  'one factor transposed'(root) {
    tensorsOf(root, (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, tensor], index) => [name, index === 0 ? { ...tensor, shape: tensor.shape.toReversed() } : tensor])), 'adapter_model.safetensors');
    return { errors: ['SHAPE_MISMATCH adapter_model.safetensors'], warnings: ['BAD_ADAPTER_CONFIG adapter_config.json'], fixed: { 'adapter_config.json': { peft_type: 'LORA' } } };
  },
};

const hashOf = (entry = ''): string => entry.split(' ', 1)[0] ?? '';

async function check(root: string, wanted: Case, kind: string): Promise<void> {
  const before = exactTree(dirname(root));
  const source = snapshot(root);
  const output = join(dirname(root), 'out');
  const report = await clean(root, { ...wanted.options, outputPath: output });
  const named = (severity: string): string[] => [...new Set(report.issues.filter((issue) => issue.severity === severity).map(({ code, path }) => `${code} ${path}`))].sort();
  expect({ kind: report.kind, valid: report.valid, errors: named('error'), removed: report.removed }).toEqual({ kind: wanted.kind ?? kind, valid: (wanted.errors ?? []).length === 0, errors: [...wanted.errors ?? []].sort(), removed: [...wanted.removed ?? []].sort() });
  expect(named('warning')).toEqual(expect.arrayContaining([...wanted.warnings ?? []]));
  expect([...new Set(report.fixes.map(({ file }) => file))].sort()).toEqual(Object.keys(wanted.fixed ?? {}).sort());
  const got = snapshot(output);
  const stays = [...source.keys()].filter((path) => !report.removed.some((gone) => path === gone || (gone.endsWith('/') && path.startsWith(gone))));
  expect([...got.keys()].sort()).toEqual([...new Set([...stays, ...Object.keys(wanted.fixed ?? {})])].sort());
  for (const path of wanted.kept ?? []) expect(got.has(path)).toBe(true);
  for (const path of stays) if (wanted.fixed?.[path] === undefined) expect([path, hashOf(got.get(path))]).toEqual([path, hashOf(source.get(path))]);
  for (const [path, fields] of Object.entries(wanted.fixed ?? {})) if (path.endsWith('.json')) expect(readJson(join(output, path))).toMatchObject(fields);
  for (const name of ['out', 'out.manifest.json', 'out.sha256']) rmSync(join(dirname(root), name), { recursive: true, force: true });
  expect(exactTree(dirname(root))).toEqual(before);
}

test.each(Object.entries(MODELS))('a model: %s', async (_, make) => {
  const root = makeModel();
  await check(root, make(root), 'hf-model');
});

test.each(Object.entries(ADAPTERS))('an adapter: %s', async (_, make) => {
  const root = makeAdapter();
  await check(root, make(root), 'peft-adapter');
});

test('line ends of Windows are not mixed with others', async () => {
  const root = makeModel({ pad_token_id: undefined });
  write(root, 'config.json', JSON.stringify(readJson(join(root, 'config.json')), null, 2).replaceAll('\n', '\r\n'));
  await clean(root, { outputPath: `${root}-out` });
  expect(readFileSync(join(`${root}-out`, 'config.json'), 'utf8')).not.toMatch(/[^\r]\n/);
});
