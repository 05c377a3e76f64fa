/** What users get wrong, in this process: one line with a code and the way out, nothing half-written, and the next command works. */
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import { tinyAdapter, tinyCheckpoint, tinyTensors, writeSafetensors } from '../convert/tiny.js';
import { sharedFixture } from '../formats/helpers.js';
import { temporary } from '../phases/temporary.js';
import { encoder, MALFORMED, TINY, withKeys } from './bad-models.js';
import { tara, type Ran } from './run.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/cli/bad-input: skipped, the addon is not built');

const fresh = temporary();
const MODULE = { 'model.layers.0.self_attn.q_proj': [32, 32] } satisfies Record<string, [number, number]>;
let cwd = '';
let files: string[] = [];

beforeAll(async () => {
  cwd = fresh();
  for (const name of ['empty', 'dir']) mkdirSync(join(cwd, name));
  writeFileSync(join(cwd, 'text'), 'no model at all, but longer than a magic number');
  writeFileSync(join(cwd, 'nothing.gguf'), '');
  copyFileSync(TINY, join(cwd, 'in.gguf'));
  chmodSync(join(cwd, 'in.gguf'), 0o644);
  tinyAdapter(cwd, 'good', MODULE);
  tinyAdapter(cwd, 'other-shape', { 'model.layers.0.self_attn.q_proj': [64, 64] });
  tinyAdapter(cwd, 'other-architecture', { 'transformer.h.0.attn.c_attn': [96, 32] });
  tinyAdapter(cwd, 'nan', MODULE);
  writeSafetensors(join(cwd, 'nan/adapter_model.safetensors'), {
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight': { shape: [2, 32], values: new Float32Array(64).fill(Number.NaN) },
    'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight': { shape: [32, 2], values: new Float32Array(64).fill(1) },
  });
  tinyAdapter(cwd, 'cut', MODULE);
  const whole = readFileSync(join(cwd, 'cut/adapter_model.safetensors'));
  writeFileSync(join(cwd, 'cut/adapter_model.safetensors'), whole.subarray(0, whole.length - 9));
  encoder(join(cwd, 'bert.gguf'));
  await withKeys(join(cwd, 'layers-0.gguf'), { 'llama.block_count': 0 });
  await withKeys(join(cwd, 'layers-600.gguf'), { 'llama.block_count': 600 });
  await withKeys(join(cwd, 'bad-template.gguf'), { 'tokenizer.chat_template': '{% for m in messages %}{{ m.content' });
  await withKeys(join(cwd, 'angry-template.gguf'), { 'tokenizer.chat_template': "{{ raise_exception('roles must alternate') }}" });
  tinyCheckpoint(cwd, 'disagrees', { config: { hidden_size: 128 } });
  tinyCheckpoint(cwd, 'layers', { config: { num_hidden_layers: 3 } });
  tinyCheckpoint(cwd, 'no-tokenizer');
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) rmSync(join(cwd, 'no-tokenizer', name));
  tinyCheckpoint(cwd, 'broken-tokenizer');
  writeFileSync(join(cwd, 'broken-tokenizer/tokenizer.json'), '{"model": {"type": "BPE", "vocab": {"a": 0');
  tinyCheckpoint(cwd, 'odd-tokenizer', { tokenizer: { model: { type: 'BPE', vocab: [], merges: 7 } } });
  tinyCheckpoint(cwd, 'no-config');
  rmSync(join(cwd, 'no-config/config.json'));
  tinyCheckpoint(cwd, 'bad-config');
  writeFileSync(join(cwd, 'bad-config/config.json'), '[1, 2');
  tinyCheckpoint(cwd, 'cut-weights');
  writeFileSync(join(cwd, 'cut-weights/model.safetensors'), readFileSync(join(cwd, 'disagrees/model.safetensors')).subarray(0, 5000));
  tinyCheckpoint(cwd, 'other-model', { config: { architectures: ['FalconForCausalLM'], model_type: 'falcon' } });
  tinyCheckpoint(cwd, 'no-weights', { tensors: Object.fromEntries(Object.entries(tinyTensors()).slice(1)) });
  files = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).sort();
});

/** Exit code, and one line with this error code and a hint; the streams as they have to be. */
function expectError(ran: Ran, exit: number, code: string): void {
  expect([ran.code, ran.out, ran.err]).toEqual([exit, '', expect.stringMatching(new RegExp(`^error ${code}: [^\\n]+[.?!] [^\\n]+[.?!]\\n$`)) as string]);
  expect(ran.err).not.toMatch(/ at .*\.[jt]s|\[object|undefined/);
  expect(ran.err.length).toBeLessThan(2000);
}
const unchanged = () => expect(readdirSync(cwd, { recursive: true, encoding: 'utf8' }).sort()).toEqual(files);

describe.skipIf(!built)('bad input', () => {
  const generate = (model: string, ...more: string[]) => ['generate', model, '--prompt', 'a', ...more];
  const quantize = (model: string, output: string, type: string, ...more: string[]) => ['quantize', model, output, '--type', type, ...more];
  const convert = (base: string, ...more: string[]) => ['convert', base, '--output', 'out.gguf', ...more];
  const long = 'x'.repeat(1_000_000);

  type Case = readonly [argv: string[], exit: number, code: string];
  /** /proc has no space at all by statfs, and nothing can be made in it. */
  const PROC: readonly Case[] = [
    [quantize('in.gguf', '/proc/out.gguf', 'Q8_0'), 1, 'TARA_DISK_FULL'],
    [['create-phase', '1', '--home', '/proc/none/here'], 1, 'TARA_WRITE_FAILED'],
  ];
  const cases: readonly Case[] = [
    // paths
    [['inspect', 'nowhere'], 1, 'TARA_FILE_NOT_FOUND'],
    [['inspect', ''], 2, 'TARA_USAGE'],
    [['inspect', 'a\0b'], 2, 'TARA_USAGE'],
    [['inspect', 'a\nb'], 1, 'TARA_FILE_NOT_FOUND'],
    [['inspect', long], 1, 'TARA_FILE_NOT_FOUND'],
    [['inspect', 'empty'], 1, 'TARA_MODEL_NOT_RECOGNISED'],
    [['inspect', '/dev/null'], 1, 'TARA_FILE_UNREADABLE'],
    [['inspect', 'text'], 1, 'TARA_GGUF_INVALID'],
    [['inspect', 'nothing.gguf'], 1, 'TARA_GGUF_INVALID'],
    [['inspect', 'cut'], 1, 'TARA_SAFETENSORS_INVALID'],
    [[long], 2, 'TARA_USAGE'],
    [['create-phase', '1', '--home', 'text'], 2, 'TARA_OPTION_INVALID'],
    [['list-phases', '--home', 'text'], 2, 'TARA_OPTION_INVALID'],
    [['list-phases', '--home='], 2, 'TARA_USAGE'],
    // generate
    [generate('nowhere'), 1, 'TARA_FILE_NOT_FOUND'],
    [generate('empty'), 1, 'TARA_FILE_UNREADABLE'],
    [generate('text'), 1, 'TARA_GGUF_INVALID'],
    [generate('layers-0.gguf'), 1, 'TARA_GGUF_INVALID'],
    [generate('layers-600.gguf'), 1, 'TARA_GGUF_INVALID'],
    [generate('bert.gguf', '--raw'), 1, 'TARA_MODEL_UNSUPPORTED'],
    [generate('bad-template.gguf'), 1, 'TARA_CHAT_TEMPLATE'],
    [generate('angry-template.gguf'), 1, 'TARA_CHAT_TEMPLATE'],
    [generate('in.gguf', '--threads', '0'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--threads', '-1'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--threads', '1000000000'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--max-tokens', '0'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--context', '999999999999'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--context', '65'), 2, 'TARA_OPTION_INVALID'],
    [generate('in.gguf', '--temperature', 'warm'), 2, 'TARA_OPTION_INVALID'],
    [['generate', 'in.gguf', '--prompt', ''], 2, 'TARA_OPTION_INVALID'],
    [['generate', 'in.gguf'], 2, 'TARA_USAGE'],
    [['generate', 'in.gguf', '--raw', '--prompt', 'word '.repeat(500)], 1, 'TARA_CONTEXT_FULL'],
    [['chat', 'in.gguf'], 2, 'TARA_USAGE'],
    [['chat', 'nowhere', '--message', 'a'], 1, 'TARA_FILE_NOT_FOUND'],
    [['chat', 'dir', '--message', 'a'], 1, 'TARA_FILE_UNREADABLE'],
    // quantize
    [quantize('in.gguf', 'out.gguf', 'Q9_X'), 2, 'TARA_TYPE_UNKNOWN'],
    [quantize('in.gguf', 'out.gguf', 'constructor'), 2, 'TARA_TYPE_UNKNOWN'],
    [quantize('in.gguf', 'out.gguf', long), 2, 'TARA_TYPE_UNKNOWN'],
    [quantize('in.gguf', 'out.gguf', 'IQ2_XXS'), 2, 'TARA_TYPE_NEEDS_IMATRIX'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0,Q8_0'), 2, 'TARA_OPTION_INVALID'],
    [quantize('in.gguf', 'out.gguf', ','), 2, 'TARA_USAGE'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--threads', '1e9'), 2, 'TARA_OPTION_INVALID'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--tensor-type', 'attn_v'), 2, 'TARA_OPTION_INVALID'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--tensor-type', 'attn_v=q9_0'), 2, 'TARA_TYPE_UNKNOWN'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--tensor-type', 'no_such_tensor=q4_0'), 2, 'TARA_OPTION_INVALID'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--tensor-type', '(a*=q4_0'), 2, 'TARA_OPTION_INVALID'],
    [quantize('in.gguf', 'out.gguf', 'Q8_0', '--reuse', 'text'), 1, 'TARA_WRITE_FAILED'],
    [quantize('in.gguf', 'dir', 'Q8_0'), 1, 'TARA_WRITE_FAILED'],
    [quantize('in.gguf', '/dev/null', 'Q8_0'), 1, 'TARA_WRITE_FAILED'],
    [quantize('in.gguf', 'nowhere/out.gguf', 'Q8_0'), 1, 'TARA_WRITE_FAILED'],
    ...(existsSync('/proc/self') ? PROC : []),
    [quantize('in.gguf', 'text/out.gguf', 'Q8_0'), 1, 'TARA_WRITE_FAILED'],
    [quantize('in.gguf', 'in.gguf', 'Q4_0'), 2, 'TARA_OUTPUT_IS_INPUT'],
    [quantize('in.gguf', 'dir/../in.gguf', 'Q4_0'), 2, 'TARA_OUTPUT_IS_INPUT'],
    [quantize('layers-0.gguf', 'out.gguf', 'Q8_0'), 1, 'TARA_GGUF_INVALID'],
    [quantize('layers-600.gguf', 'out.gguf', 'Q8_0'), 1, 'TARA_GGUF_INVALID'],
    [quantize('text', 'out.gguf', 'Q8_0'), 1, 'TARA_GGUF_INVALID'],
    // convert
    [convert('empty'), 1, 'TARA_MODEL_NOT_RECOGNISED'],
    [convert('no-config'), 1, 'TARA_MODEL_NOT_RECOGNISED'],
    [convert('bad-config'), 1, 'TARA_CONFIG_INVALID'],
    [convert('disagrees'), 1, 'TARA_TENSOR_SHAPE'],
    [convert('layers'), 1, 'TARA_TENSOR_MISSING'],
    [convert('no-weights'), 1, 'TARA_TENSOR_MISSING'],
    [convert('cut-weights'), 1, 'TARA_SAFETENSORS_INVALID'],
    [convert('no-tokenizer'), 1, 'TARA_TOKENIZER_MISSING'],
    [convert('broken-tokenizer'), 1, 'TARA_TOKENIZER_INVALID'],
    [convert('odd-tokenizer'), 1, 'TARA_TOKENIZER_INVALID'],
    [convert('other-model'), 1, 'TARA_ARCHITECTURE_UNKNOWN'],
    [convert('in.gguf', '--adapter', 'nowhere'), 1, 'TARA_FILE_NOT_FOUND'],
    [convert('in.gguf', '--adapter', 'empty'), 1, 'TARA_ADAPTER_INVALID'],
    [convert('in.gguf', '--adapter', 'cut'), 1, 'TARA_SAFETENSORS_INVALID'],
    [convert('in.gguf', '--adapter', 'other-shape'), 1, 'TARA_ADAPTER_MISMATCH'],
    [convert('in.gguf', '--adapter', 'other-architecture'), 1, 'TARA_ADAPTER_MISMATCH'],
    [convert('bert.gguf', '--adapter', 'good'), 1, 'TARA_ADAPTER_MISMATCH'],
    [convert('in.gguf', '--adapter', 'nan', '--type', 'Q8_0'), 1, 'TARA_TENSOR_NOT_FINITE'],
    [convert('in.gguf', '--adapter', 'good=0'), 2, 'TARA_OPTION_INVALID'],
    [convert('in.gguf', '--adapter', 'good=heavy'), 2, 'TARA_OPTION_INVALID'],
    [['convert', 'in.gguf', '--adapter', 'good', '--output', 'good/adapter_config.json'], 2, 'TARA_OUTPUT_IS_INPUT'],
    [['convert', 'in.gguf', '--adapter', 'good', '--output', 'good/adapter_model.safetensors'], 2, 'TARA_OUTPUT_IS_INPUT'],
    [['convert', 'in.gguf', '--output', ''], 2, 'TARA_OPTION_INVALID'],
  ];
  it.each(cases.map(([argv, exit, code]) => ({ argv, exit, code, line: argv.map((part) => JSON.stringify(part.slice(0, 40))).join(' ') })))('$line: exit code $exit and $code', async ({ argv, exit, code }) => {
    expectError(await tara(cwd, argv), exit, code);
    unchanged();
  });

  it('puts the error on stdout with --json, the stack on stderr with --verbose', async () => {
    const ran = await tara(cwd, quantize('in.gguf', 'out.gguf', 'Q9_X', '--json', '--verbose'));
    expect(ran.code).toBe(2);
    expect(ran.json()).toEqual({ error: { code: 'TARA_TYPE_UNKNOWN', message: 'unknown quantization Q9_X', hint: expect.stringContaining('Q4_K_M') as string } });
    expect(ran.err).toMatch(/^TaraError: unknown quantization/);
    const named = (await tara(cwd, generate('in.gguf', '--context', '65', '--json'))).json<{ error: { message: string } }>();
    expect(named.error.message).toBe('--context: must be at most 64, what the model was trained for');
  });

  it('replaces an existing output at once, keeps other names of the input, and says when it decodes a quantized file', async () => {
    const work = fresh();
    copyFileSync(TINY, join(work, 'in.gguf'));
    linkSync(join(work, 'in.gguf'), join(work, 'hard.gguf'));
    symlinkSync('in.gguf', join(work, 'soft.gguf'));
    for (const name of ['hard.gguf', 'soft.gguf']) expectError(await tara(work, quantize('in.gguf', name, 'Q4_0')), 2, 'TARA_OUTPUT_IS_INPUT');
    writeFileSync(join(work, 'old.gguf'), 'an old file');
    const ran = await tara(work, quantize('in.gguf', 'old.gguf', 'Q4_0', '--json'));
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/^note: .*in\.gguf is quantized already \(q8_0\)[^\n]*\n$/);
    expect(ran.json()).toMatchObject({ requantizedFrom: ['q8_0'] });
    expect((await tara(work, ['inspect', 'old.gguf', '--json'])).json()).toMatchObject({ kind: 'gguf', types: { q4_0: expect.any(Number) as number } });
    expect(readFileSync(join(work, 'in.gguf')).equals(readFileSync(TINY))).toBe(true);
    expect(readdirSync(work).sort()).toEqual(['hard.gguf', 'in.gguf', 'old.gguf', 'soft.gguf']);
  });

  it('prints a path with line breaks and escapes in one line', async () => {
    const work = fresh();
    const ran = await tara(work, ['quantize', TINY, 'a\n\u001b[31mb.gguf', '--type', 'Q4_0', '--quiet']);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^output +\S*a \\u001b\[31mb\.gguf\n/);
  });
});

describe.skipIf(!built)('a phase that cannot be built', () => {
  const phase = async (work: string) => (await tara(work, ['show-phase', '1', '--json'])).json<{ status: string; builds: { status: string }[] }>();

  it('stays as it is for a slip of the pen, fails with its reason otherwise, and builds in the end', async () => {
    const work = fresh();
    const build = (...more: string[]) => tara(work, ['build-phase', '1', ...more]);
    expect((await tara(work, ['create-phase', '1', '--domains', 'a,b', '--base', TINY])).code).toBe(0);
    expectError(await build(), 1, 'TARA_PHASE_NO_DOMAIN');
    await tara(work, ['add-domain', '1', 'a', '--adapter-path', join(cwd, 'good')]);
    expectError(await tara(work, ['update-domain', 'a', '--quality', '1.01']), 2, 'TARA_OPTION_INVALID');
    expectError(await tara(work, ['update-domain', 'a', '--metrics', '{"loss": 1']), 2, 'TARA_OPTION_INVALID');
    expectError(await tara(work, ['update-domain', 'a', '--metrics', `{"a":"${'x'.repeat(100_000)}"}`]), 2, 'TARA_OPTION_INVALID');
    await tara(work, ['update-domain', 'a', '--status', 'complete']);
    for (const [more, exit, code] of [
      [['--quantization', 'Q99'], 2, 'TARA_TYPE_UNKNOWN'], [['--quantization', 'IQ2_XXS'], 2, 'TARA_TYPE_NEEDS_IMATRIX'], [['--base', 'nowhere'], 1, 'TARA_FILE_NOT_FOUND'],
      [['--weights', 'a=0'], 2, 'TARA_OPTION_INVALID'], [['--weights', 'b=1'], 2, 'TARA_OPTION_INVALID'], [['--weights', 'a'], 2, 'TARA_OPTION_INVALID'],
      [['--compression-type', 'zip'], 2, 'TARA_OPTION_INVALID'], [['--threads', '0'], 2, 'TARA_OPTION_INVALID'],
    ] as const) expectError(await build(...more), exit, code);
    expect(await phase(work)).toMatchObject({ status: 'training', builds: [] });

    for (const adapter of ['other-shape', 'other-architecture', 'nan', 'cut', 'empty']) {
      await tara(work, ['add-domain', '1', 'a', '--adapter-path', join(cwd, adapter)]);
      const failed = await build();
      expect([adapter, failed.code, failed.out, failed.err]).toEqual([adapter, 1, '', expect.stringMatching(new RegExp(`^error TARA_\\w+: [^\\n]*${adapter}[^\\n]*\\n$`)) as string]);
    }
    const after = await phase(work);
    expect([after.status, after.builds.map(({ status }) => status)]).toEqual(['failed', Array(5).fill('failed')]);
    expect(readdirSync(join(work, '.tara/builds'), { recursive: true })).toEqual(['phase-1']);

    await tara(work, ['add-domain', '1', 'a', '--adapter-path', join(cwd, 'good')]);
    const good = await build('--json', '--quantization', 'Q8_0');
    expect([good.code, good.err]).toEqual([0, '']);
    const { output } = good.json<{ output: string }>();
    expect(readdirSync(join(output, '..'))).toContain(basename(output));
    expect((await phase(work)).status).toBe('compressing');
  });
});

/** Every command on every malformed file: an answer within two seconds, never a crash, never a file. */
describe.skipIf(!built)('malformed files through the commands', () => {
  interface Entry { readonly file: string; readonly must_reject: boolean; readonly must_load: boolean; readonly level: string }
  const folders = [MALFORMED, sharedFixture('malformed')].filter((folder) => folder !== undefined);
  const entries = folders.flatMap((folder) => (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: Entry[] }).files.map((entry) => ({ ...entry, path: join(folder, entry.file) })));
  const unique = [...new Map(entries.map((entry) => [entry.file, entry])).values()];

  it.each(unique)('$file', async ({ path, file, must_reject: reject, must_load: load, level }) => {
    const work = fresh();
    const isGguf = file.endsWith('.gguf');
    const commands: string[][] = [
      ['inspect', path], ['generate', path, '--prompt', 'a', '--max-tokens', '2', '--temperature', '0', '--raw', '--seed', '1'],
      ['quantize', path, 'out.gguf', '--type', 'Q8_0', '--quiet'], ['convert', path, '--output', 'out.gguf', '--quiet'],
    ];
    for (const argv of commands) {
      const started = performance.now();
      const ran = await tara(work, argv);
      const mustFail = (reject && (level === 'container' || argv[0] !== 'inspect')) || (!isGguf && argv[0] !== 'inspect');
      expect([argv[0], ran.code]).toEqual([argv[0], mustFail ? 1 : load ? 0 : expect.toSatisfy((code) => code === 0 || code === 1)]);
      if (ran.code === 1) {
        expect(ran.err).toMatch(/^error TARA_[A-Z_]+: [^\n]+\n$/);
        expect(ran.err).not.toContain('TARA_INTERNAL');
        expect(readdirSync(work)).toEqual([]);
      }
      rmSync(join(work, 'out.gguf'), { force: true });
      expect(performance.now() - started).toBeLessThan(10_000);
    }
    expect(readdirSync(work)).toEqual([]);
  });
});
