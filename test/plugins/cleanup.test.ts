import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CleanReport, PhaseCleanValue } from 'tara-gguf/plugin';
import { describe, expect, test } from 'vitest';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { parseBytes } from '../../plugins/cleanup/sizes.js';
import { isGarbageFile, isGarbageFolder } from '../../plugins/cleanup/garbage.js';
import { cleanDomain } from '../../plugins/cleanup/hook.js';
import { setFields } from '../../plugins/cleanup/json-text.js';
import { startsAsPickle } from '../../plugins/cleanup/pickle.js';
import { undo } from '../../plugins/cleanup/undo.js';
import { exactTree } from './cleanup-cases.js';
import { makeAdapter, makeModel, readJson, readTensors, shard, temporary, write, writeTensors } from './cleanup-model.js';

if (process.platform !== 'linux') console.log('test/plugins/cleanup: names in bytes (and pipes on Windows) are skipped, this system has none');

const errors = (report: CleanReport): string[] => report.issues.filter(({ severity }) => severity === 'error').map(({ code, path }) => `${code} ${path}`);
const check = (path: string): Promise<CleanReport> => clean(path);
const copyOf = (path: string): Promise<CleanReport> => clean(path, { outputPath: `${path}-out` });

describe('names', () => {
  test.each(['a.tmp', 'B.TEMP', 'x.Bak', 'a.log', '.log', 'x.lock', 'x.swp', 'x.pyc', 'notes~', '#a#', '._x', '.DS_Store', 'THUMBS.DB', 'desktop.ini'])('%s is garbage', (name) => expect(isGarbageFile(name)).toBe(true));
  test.each(['tmp', 'logs.md', 'catalog.json', 'template', 'a.tmp.md', '#a', 'x.locks', 'cache'])('%s stays', (name) => expect(isGarbageFile(name)).toBe(false));
  test('folders must match whole', () => {
    expect(['checkpoint-12', 'runs', '.git', 'logs'].every(isGarbageFolder)).toBe(true);
    expect(['checkpoint-notes', 'checkpoint-', 'checkpoint-1a', 'run', 'my-logs', 'logs.md'].some(isGarbageFolder)).toBe(false);
  });
});

describe('setFields', () => {
  test('leaves every other value to the byte', () => {
    const text = '{\n  "eps": 1e-06,\n  "max": 1000000000000000019884624838656,\n  "pad": null, "a": [1, {"pad": 2}, "}"]\n}\n';
    expect(setFields(text, { pad: 2, added: 'x' })).toBe('{\n  "eps": 1e-06,\n  "max": 1000000000000000019884624838656,\n  "pad": 2, "a": [1, {"pad": 2}, "}"],\n  "added": "x"\n}\n');
  });
  test('one line, and an empty object', () => {
    expect(setFields('{"a": "\\"}"}', { b: true })).toBe('{"a": "\\"}", "b": true}');
    expect(JSON.parse(setFields('{ }', { b: [1] }))).toEqual({ b: [1] });
  });
});

describe('pickles', () => {
  test.each([['\x80\x02}q', true], ['\x80\x04\x95', true], ['PK\x03\x04data.pkl', true], ['cbuiltins\nopen\n(', true], ['cos\nsystem\n', true], ['(dp0\n', true], ['}q\x00(X', true], ['', false], ['GGUF\x03', false], ['hello world', false], ['{"a": 1}', false], ['(a note)', false], ['\x00\x00\x00', false]])('%j: %s', (text, wanted) => {
    expect(startsAsPickle(Buffer.from(text, 'latin1'))).toBe(wanted);
  });

  test('content decides, not the name', async () => {
    const root = makeModel();
    write(root, 'table.bin', 'plain text');
    write(root, 'other.BIN', Buffer.from('\x80\x02}q\x00.', 'latin1'));
    const report = await copyOf(root);
    expect(report.valid).toBe(true);
    expect(report.removed).toEqual(['other.BIN']);
    expect(report.issues).toMatchObject([{ code: 'PICKLE_FILE', path: 'other.BIN', severity: 'warning' }]);
  });

  test('the only weights of a model are an error, the training state beside them is not', async () => {
    const root = makeModel();
    rmSync(join(root, 'model.safetensors'));
    for (const name of ['pytorch_model.bin', 'optimizer.pt']) write(root, name, Buffer.from('\x80\x02}q\x00.', 'latin1'));
    const report = await check(root);
    expect(errors(report)).toEqual(['PICKLE_FILE pytorch_model.bin']);
  });
});

describe('weights', () => {
  test('a file cut short is told apart from nonsense', async () => {
    const root = makeModel();
    truncateSync(join(root, 'model.safetensors'), 5000);
    write(root, 'extra.safetensors', '\xff\xff\xff\xff\xff\xff\xff\x7fgarbage');
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['TRUNCATED_SAFETENSORS model.safetensors']);
    expect(report.issues).toContainEqual(expect.objectContaining({ code: 'BAD_SAFETENSORS', path: 'extra.safetensors', severity: 'warning' }));
    expect(report.removed).toEqual(['extra.safetensors', 'model.safetensors']);
  });

  test.each([['F32', Buffer.from(new Float32Array([1, NaN]).buffer)], ['F64', Buffer.from(new Float64Array([1, -Infinity]).buffer)], ['F16', Buffer.from(new Uint16Array([0x3c00, 0x7c00]).buffer)], ['BF16', Buffer.from(new Uint16Array([0x3f80, 0xffc0]).buffer)]])('a %s that is not finite', async (dtype, data) => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { sound: { dtype, shape: [1], data: data.subarray(0, data.length / 2) }, 'wrong.one': { dtype, shape: [2], data } });
    const report = await check(root);
    expect(errors(report)).toEqual(['NAN_TENSOR extra.safetensors']);
    expect(report.issues[0]?.message).toContain('wrong.one');
    expect(report.removed).toEqual([]);
  });

  test('a type that nobody here reads is an error, and the file stays', async () => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { a: { dtype: 'F4', shape: [2], data: Buffer.alloc(1) } });
    const report = await check(root);
    expect(errors(report)).toEqual(['UNSUPPORTED_DTYPE extra.safetensors']);
    expect(report.removed).toEqual([]);
  });

  test('a type that is read but not converted is a warning, and its numbers are looked at', async () => {
    const root = makeModel();
    writeTensors(root, 'extra.safetensors', { a: { dtype: 'F8_E4M3', shape: [2], data: Buffer.from([0x7e, 0xff]) } });
    const report = await check(root);
    expect(report.issues.map(({ code, severity }) => [code, severity])).toEqual([['NAN_TENSOR', 'error'], ['UNSUPPORTED_DTYPE', 'warning']]);
  });

  test('a missing tensor, a wrong shape, a layer too many', async () => {
    const root = makeModel();
    const tensors = readTensors(join(root, 'model.safetensors'));
    const { 'model.layers.1.mlp.up_proj.weight': up, 'model.norm.weight': norm, ...rest } = tensors;
    writeTensors(root, 'model.safetensors', { ...rest, 'model.norm.weight': { ...norm!, shape: [8], data: norm!.data.subarray(0, norm!.data.length / 2) } });
    const report = await check(root);
    expect(errors(report).sort()).toEqual(['MISSING_TENSOR model.safetensors', 'SHAPE_MISMATCH model.safetensors']);
    expect(report.issues.find(({ code }) => code === 'SHAPE_MISMATCH')?.message).toContain('model.norm.weight');
    writeTensors(root, 'model.safetensors', { ...tensors, 'model.layers.2.mlp.up_proj.weight': up! });
    expect(errors(await check(root))).toEqual(['SHAPE_MISMATCH config.json']);
  });

  test('a configuration that contradicts the tensors is named, not overwritten', async () => {
    const root = makeModel({ hidden_size: 32, head_dim: 8 });
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['SHAPE_MISMATCH config.json']);
    expect(report.issues[0]?.message).toContain('hidden_size');
    expect(readJson(join(`${root}-out`, 'config.json')).hidden_size).toBe(32);
  });
});

describe('shards', () => {
  test('one inside a garbage folder stays, its neighbours go', async () => {
    const root = makeModel();
    shard(root, (name) => (name.includes('layers.1') ? 'checkpoint-7/part.tmp' : 'model-1.safetensors'));
    write(root, 'checkpoint-7/optimizer.json', '{}');
    write(root, 'checkpoint-7/deep/x.txt', 'x');
    const report = await copyOf(root);
    expect(errors(report)).toEqual([]);
    expect(report.removed).toEqual(['checkpoint-7/deep/', 'checkpoint-7/optimizer.json']);
    expect(readdirSync(join(`${root}-out`, 'checkpoint-7'))).toEqual(['part.tmp']);
  });

  test('an index that names a file outside is refused and the file not read', async () => {
    const root = makeModel();
    const map = shard(root, () => 'model-1.safetensors');
    write(root, '../outside.safetensors', 'nothing');
    for (const name of ['../outside.safetensors', '/etc/hostname', 'a/../../outside.safetensors']) {
      write(root, 'model.safetensors.index.json', { weight_map: { ...map, 'model.norm.weight': name } });
      const report = await check(root);
      expect(errors(report)).toEqual(['MISSING_FILE model.safetensors.index.json']);
      expect(report.issues[0]?.message).toContain(name);
    }
  });

  test('a tensor in two shards', async () => {
    const root = makeModel();
    const norm = readTensors(join(root, 'model.safetensors'))['model.norm.weight'];
    shard(root, (name) => (name.includes('layers') ? 'b.safetensors' : 'a.safetensors'));
    const layers = readTensors(join(root, 'b.safetensors'));
    writeTensors(root, 'b.safetensors', { ...layers, 'model.norm.weight': norm! });
    expect(errors(await check(root))).toEqual(['DUPLICATE_TENSOR b.safetensors']);
  });

  test('a shard above the limit is needed, a file beside it is not', async () => {
    const root = makeModel();
    shard(root, (name) => (name.includes('embed') ? 'a.safetensors' : 'b.safetensors'));
    write(root, 'dump.dat', Buffer.alloc(70_000));
    const limit = lstatSync(join(root, 'a.safetensors')).size;
    expect((await clean(root, { maxFileBytes: limit })).issues).toMatchObject([{ code: 'OVERSIZED_FILE', path: 'dump.dat', severity: 'warning' }]);
    expect(errors(await clean(root, { maxFileBytes: limit - 1 }))).toEqual(['OVERSIZED_FILE a.safetensors']);
  });
});

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

describe('adapters', () => {
  test('rank and modules of the old form come from the tensors where they are wrong', async () => {
    const root = makeAdapter();
    write(root, 'adapter_config.json', { domain: 'x', base_model: 'b', lora_r: 64, lora_alpha: 8, target_modules: ['all'] });
    const report = await copyOf(root);
    expect(report).toMatchObject({ kind: 'peft-adapter', valid: true, fixes: [{ code: 'ADAPTER_CONFIG', file: 'adapter_config.json' }] });
    expect(readJson(join(`${root}-out`, 'adapter_config.json'))).toMatchObject({ r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'], peft_type: 'LORA' });
  });

  test('the PEFT form is not repaired against its tensors', async () => {
    const root = makeAdapter();
    write(root, 'adapter_config.json', { peft_type: 'LORA', r: 8, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] });
    const report = await check(root);
    expect(errors(report)).toEqual(['SHAPE_MISMATCH adapter_model.safetensors']);
    expect(report.fixes).toEqual([]);
  });

  test('half a pair', async () => {
    const root = makeAdapter();
    const [[name] = ['']] = Object.entries(readTensors(join(root, 'adapter_model.safetensors')));
    const tensors = readTensors(join(root, 'adapter_model.safetensors'));
    writeTensors(root, 'adapter_model.safetensors', Object.fromEntries(Object.entries(tensors).filter(([other]) => other !== name)));
    expect(errors(await check(root))).toContain('MISSING_TENSOR adapter_model.safetensors');
  });

  test('a base of the same name and other shapes does not fit; the right one does', async () => {
    const root = makeAdapter();
    const base = makeModel();
    expect(errors(await clean(root, { baseDir: base }))).toEqual([]);
    expect(errors(await clean(root, { baseDir: makeModel({ hidden_size: 24, head_dim: 8 }) }))).toEqual(['INCOMPATIBLE_ADAPTER adapter_config.json']);
    expect(errors(await clean(root, { baseDir: makeModel({ num_hidden_layers: 1 }) }))).toEqual(['INCOMPATIBLE_ADAPTER adapter_config.json']);
  });

  test('an empty folder is neither kind', async () => {
    expect(await check(temporary())).toMatchObject({ kind: 'unknown', valid: false, score: 0 });
  });
});

describe('links and odd files', () => {
  test('links inside stay and lead into the copy', async () => {
    const root = makeModel();
    mkdirSync(join(root, 'real'));
    renameSync(join(root, 'model.safetensors'), join(root, 'real', 'weights.tmp'));
    symlinkSync(join('real', 'weights.tmp'), join(root, 'model.safetensors'));
    symlinkSync(join(root, 'config.json'), join(root, 'real', 'absolute.json'));
    symlinkSync(join('..', basename(root), 'real'), join(root, 'round'));
    const report = await copyOf(root);
    expect(errors(report)).toEqual([]);
    const out = realpathSync(`${root}-out`);
    for (const path of ['model.safetensors', 'real/absolute.json', 'round']) {
      expect(lstatSync(join(out, path)).isSymbolicLink()).toBe(true);
      expect(realpathSync(join(out, path)).startsWith(`${out}/`)).toBe(true);
    }
    expect(readlinkSync(join(out, 'real', 'absolute.json'))).toBe(join('..', 'config.json'));
  });

  test('a needed file that is a link to the outside makes the model invalid, a circle too', async () => {
    const root = makeModel();
    renameSync(join(root, 'model.safetensors'), join(root, '..', 'elsewhere.safetensors'));
    symlinkSync('../elsewhere.safetensors', join(root, 'model.safetensors'));
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    symlinkSync('../nowhere', join(root, 'dangling'));
    const report = await copyOf(root);
    expect(errors(report)).toEqual(['SYMLINK_ESCAPE model.safetensors']);
    expect(report.removed).toEqual(['a', 'b', 'dangling', 'model.safetensors']);
    expect(existsSync(join(root, '..', 'elsewhere.safetensors'))).toBe(true);
  });

  test('a link to what goes goes too', async () => {
    const root = makeModel();
    write(root, 'a.tmp', 'x');
    symlinkSync('a.tmp', join(root, 'latest'));
    expect((await check(root)).removed).toEqual(['a.tmp', 'latest']);
  });

  test.skipIf(process.platform === 'win32')('a pipe is not opened', async () => {
    const root = makeModel();
    execFileSync('mkfifo', [join(root, 'pipe.bin')]);
    const report = await copyOf(root);
    expect(report.removed).toEqual(['pipe.bin']);
    expect(report.valid).toBe(true);
  });

  test.skipIf(process.platform !== 'linux')('names with newlines and names that are no UTF-8', async () => {
    const root = makeModel();
    write(root, 'two\nlines.md', 'a');
    write(root, 'two\nlines.tmp', 'b');
    const raw = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]);
    mkdirSync(raw);
    writeFileSync(Buffer.concat([raw, Buffer.from('/in.md')]), 'c');
    writeFileSync(Buffer.concat([raw, Buffer.from('/in.tmp')]), 'd');
    const report = await copyOf(root);
    expect(report.removed).toEqual(['f\\xff/in.tmp', 'two\nlines.tmp']);
    expect(readFileSync(join(`${root}-out`, 'two\nlines.md'), 'utf8')).toBe('a');
    expect(readFileSync(Buffer.concat([Buffer.from(`${root}-out/`), Buffer.from([0x66, 0xff]), Buffer.from('/in.md')]), 'utf8')).toBe('c');
  });
});

describe('the copy', () => {
  test('nothing is left of one that fails, and nothing is overwritten', async () => {
    const root = makeModel();
    const siblings = () => readdirSync(dirname(root)).sort();
    const before = siblings();
    await expect(clean(root, { outputPath: join(root, 'inside') })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(clean(root, { outputPath: root })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    const controller = new AbortController();
    const aborted = clean(root, { outputPath: `${root}-out`, signal: controller.signal, onProgress: () => controller.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(siblings()).toEqual(before);
    write(root, '../taken/file', 'mine');
    await expect(clean(root, { outputPath: join(dirname(root), 'taken') })).rejects.toMatchObject({ code: 'TARA_FILE_EXISTS' });
    expect(siblings()).toEqual([...before, 'taken'].sort());
    await expect(clean(join(root, 'nothing'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });

  test('a file that changes meanwhile is noticed', async () => {
    const root = makeModel();
    let changed = false;
    const work = clean(root, { outputPath: `${root}-out`, onProgress: (fraction) => {
      if (fraction !== null && !changed) writeFileSync(join(root, 'tokenizer_config.json'), '{}');
      changed ||= fraction !== null;
    } });
    await expect(work).rejects.toMatchObject({ code: 'TARA_FILE_CHANGED' });
    expect(existsSync(`${root}-out`)).toBe(false);
  });

  test('thousands of files are copied whole, and made durable together', async () => {
    const root = makeModel();
    for (let index = 0; index < 3000; index++) write(root, `docs/${index % 7}/${index}.md`, `file ${index}`);
    const report = await copyOf(root);
    expect(report.valid).toBe(true);
    const lines = execFileSync('sha256sum', ['-c', '--quiet', `${basename(root)}-out.sha256`], { cwd: dirname(root), encoding: 'utf8' });
    expect(lines).toBe('');
    expect(Object.keys(exactTree(`${root}-out`)).length).toBe(Object.keys(exactTree(root)).length);
  });

  test('the report file holds the report', async () => {
    const root = makeModel();
    const reportPath = join(dirname(root), 'report.json');
    const report = await clean(root, { outputPath: `${root}-out`, reportPath });
    expect(readJson(reportPath)).toMatchObject({ kind: report.kind, valid: true, score: 1, output: `${root}-out` });
    await expect(clean(root, { reportPath: join(root, 'report.json') })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });
});

describe('in place', () => {
  test('everything removed or rewritten can be brought back to the byte', async () => {
    const root = makeModel({ pad_token_id: undefined });
    write(root, 'a.tmp', 'a');
    write(root, 'docs/deep/b.log', 'b');
    write(root, 'docs/keep.md', 'c');
    write(root, 'runs/x/y.txt', 'd');
    rmSync(join(root, 'tokenizer_config.json'));
    const before = exactTree(dirname(root));
    const report = await clean(root, { inPlace: true });
    expect(report.valid).toBe(true);
    expect(report.removed).toEqual(['a.tmp', 'docs/deep/', 'runs/']);
    expect(report.output).toBe(root);
    expect(Object.entries(exactTree(root)).filter(([path]) => lstatSync(join(root, path)).isFile()).map(([path]) => path.slice(1)).sort()).toEqual(['config.json', 'docs/keep.md', 'generation_config.json', 'model.safetensors', 'tokenizer.model', 'tokenizer_config.json']);
    expect(readJson(join(root, 'config.json')).pad_token_id).toBe(2);
    expect(report.trash).toMatch(/model\.trash-\d{8}T\d{6}Z$/);
    expect((await undo(root)).restored).toEqual(['a.tmp', 'config.json', 'docs/deep', 'runs']);
    expect(exactTree(dirname(root))).toEqual(before);
    await expect(undo(root)).rejects.toMatchObject({ code: 'TARA_UNDO_NOTHING' });
  });

  test('folders that may not be written keep their permissions', async () => {
    const root = makeModel();
    write(root, 'docs/a.tmp', 'a');
    write(root, 'docs/keep.md', 'b');
    write(root, 'runs/x.txt', 'c');
    for (const path of ['docs', 'runs', 'docs/keep.md', '']) chmodSync(join(root, path), path.endsWith('.md') ? 0o444 : 0o555);
    const report = await clean(root, { inPlace: true });
    const modes = ['docs', ''].map((path) => lstatSync(join(root, path)).mode & 0o777);
    const trashed = lstatSync(join(report.trash ?? '', 'removed', 'runs')).mode & 0o777;
    expect(report.removed).toEqual(['docs/a.tmp', 'runs/']);
    expect(modes).toEqual([0o555, 0o555]);
    expect(trashed).toBe(0o555);
    await undo(root);
    expect(['docs', 'runs', ''].map((path) => lstatSync(join(root, path)).mode & 0o777)).toEqual([0o555, 0o555, 0o555]);
    for (const path of ['docs', 'runs', '']) chmodSync(join(root, path), 0o755);
  });

  test('a clean model gets no trash', async () => {
    const root = makeModel();
    expect(await clean(root, { inPlace: true })).toMatchObject({ valid: true, removed: [], trash: null });
    expect(readdirSync(dirname(root)).sort()).toEqual(['model', 'model.manifest.json', 'model.sha256']);
  });
});

describe('phase:clean', () => {
  const value = (path: string): PhaseCleanValue => ({ phase: 1, domain: 'health', path, baseDir: makeModel(), workDir: temporary(), reports: [] });
  const { signal } = new AbortController();

  test('gives the cleaned copy with its report', async () => {
    const given = value(makeAdapter());
    const result = await cleanDomain(given, signal);
    expect(result.path).toBe(join(given.workDir, 'health-cleaned'));
    expect(readJson(join(result.path, 'adapter_config.json')).peft_type).toBe('LORA');
    expect(result.reports).toHaveLength(1);
  });

  test('names the first issue of an adapter that cannot be used', async () => {
    const root = makeAdapter();
    truncateSync(join(root, 'adapter_model.safetensors'), 2000);
    await expect(cleanDomain(value(root), signal)).rejects.toMatchObject({ code: 'TARA_CLEANUP_INVALID', message: expect.stringContaining('TRUNCATED_SAFETENSORS') as string });
    await expect(cleanDomain(value(makeModel()), signal)).rejects.toMatchObject({ code: 'TARA_CLEANUP_INVALID' });
  });
});

test('sizes', () => {
  expect(['80000', '2GB', '1.5 GiB', '10k'].map((text) => parseBytes('--x', text))).toEqual([80000, 2e9, 1.5 * 1024 ** 3, 10_000]);
  for (const text of ['', 'many', '-1', '2XB']) expect(() => parseBytes('--x', text)).toThrow(/no size/);
});
