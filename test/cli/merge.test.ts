/** convert, merge and inspect as commands: what they write, what they say of it, and what they refuse. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import type { InspectedAdapter, InspectedCheckpoint, InspectedGguf } from '../../src/formats/index.js';
import { tinyAdapter, tinyCheckpoint, tinyTensors, exactValues } from '../convert/tiny.js';
import { byRanges, webServers } from '../formats/web-server.js';
import { temporary } from '../phases/temporary.js';
import { tara, type Ran } from './run.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/cli/merge: skipped, the addon is not built');

const serve = webServers();
const fresh = temporary();
const PRE = ['--pre-tokenizer', 'gpt-2'];
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
let cwd = '';

beforeAll(() => {
  cwd = fresh();
  const other = Object.fromEntries(Object.entries(tinyTensors()).map(([name, { shape, values }], index) => [name, { shape, values: exactValues(values.length, 70 + index) }]));
  tinyCheckpoint(cwd, 'base');
  tinyCheckpoint(cwd, 'other', { tensors: other });
  tinyAdapter(cwd, 'healthcare', { 'model.layers.0.self_attn.q_proj': [64, 64], 'model.layers.1.mlp.up_proj': [96, 64] }, 3);
  tinyAdapter(cwd, 'business', { 'model.layers.0.self_attn.q_proj': [64, 64] }, 9);
});

const expectError = (ran: Ran, exit: number, code: string): void =>
  expect([ran.code, ran.out, ran.err]).toEqual([exit, '', expect.stringMatching(new RegExp(`^error ${code}: [^\\n]+[.?!] [^\\n]+[.?!]\\n$`)) as string]);

describe.skipIf(!built)('merge and convert', () => {
  it('write the same file for the same merge, whatever the order of the adapters', async () => {
    const methods = [['linear'], ['task-arithmetic', '--scale', '0.3'], ['ties', '--density', '0.5'], ['dare', '--density', '0.5', '--seed', '7'], ['dare-ties', '--seed', '7']];
    const hashes = new Set<string>();
    for (const [method = '', ...more] of methods) {
      const adapters = ['--adapter', 'healthcare=0.6', '--adapter', 'business=0.4'];
      const turned = ['--adapter', 'business=0.4', '--adapter', './healthcare=0.6'];
      const one = await tara(cwd, ['merge', 'base', ...adapters, '--method', method, ...more, '--output', 'one.gguf', '--type', 'f32', ...PRE]);
      expect([one.code, one.err]).toEqual([0, '']);
      expect((await tara(cwd, ['convert', 'base', ...turned, '--merge', method, ...more, '--output', 'two.gguf', '--type', 'f32', ...PRE])).code).toBe(0);
      expect(sha256(join(cwd, 'two.gguf'))).toBe(sha256(join(cwd, 'one.gguf')));
      hashes.add(sha256(join(cwd, 'one.gguf')));
    }
    expect(hashes.size).toBe(methods.length);
  });

  it('refuse regmean, which reads text, and name the way', async () => {
    for (const [command, flag] of [['merge', '--method'], ['convert', '--merge']] as const) {
      const ran = await tara(cwd, [command, 'base', '--adapter', 'healthcare', '--adapter', 'business', flag, 'regmean', '--output', 'none.gguf', ...PRE]);
      expectError(ran, 2, 'TARA_OPTION_INVALID');
      expect(ran.err).toContain('build-phase N --merge regmean --calibration DIR');
    }
  });

  it('take another seed for another file, and the defaults for what is left out', async () => {
    const merge = async (...more: string[]): Promise<string> => {
      expect((await tara(cwd, ['merge', 'base', '--adapter', 'healthcare', '--output', 'seed.gguf', '--type', 'f32', ...PRE, ...more])).code).toBe(0);
      return sha256(join(cwd, 'seed.gguf'));
    };
    const none = await merge('--method', 'dare');
    expect(await merge('--method', 'dare', '--seed', '0', '--density', '0.5', '--scale', '1')).toBe(none);
    expect(await merge('--method', 'dare', '--seed', '1')).not.toBe(none);
    expect(await merge()).toBe(await merge('--method', 'linear'));
  });

  it('put two models together and say so in the file', async () => {
    const ran = await tara(cwd, ['merge', 'base', 'other', '--method', 'slerp', '--t', '0.3', '--output', 'both.gguf', '--type', 'Q8_0', '--json', ...PRE]);
    expect([ran.code, ran.err]).toEqual([0, '']);
    const { provenance } = (await tara(cwd, ['inspect', 'both.gguf', '--json'])).json<InspectedGguf>();
    expect(provenance).toEqual({
      tool: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string, phase: null, layout: null, merge: '{"method":"slerp","t":0.3,"with":"other"}', adapters: [], others: {},
      base: ['base', 'other'].map((dir) => ({ name: 'base', sha256: sha256(join(cwd, dir, 'model.safetensors')) })),
    });
  });

  it('name their sources, hashes and weights in the file', async () => {
    expect((await tara(cwd, ['convert', 'base', '--adapter', 'healthcare=0.25', '--adapter', 'business', '--output', 'named.gguf', ...PRE])).code).toBe(0);
    const found = (await tara(cwd, ['inspect', 'named.gguf', '--json'])).json<InspectedGguf>();
    const adapter = (name: string, weight: number) => ({ name, weight, sha256: sha256(join(cwd, name, 'adapter_model.safetensors')) });
    expect(found.provenance).toMatchObject({ merge: '{"method":"linear"}', adapters: [adapter('business', 0.5), adapter('healthcare', 0.25)] });
    const { out } = await tara(cwd, ['inspect', 'named.gguf', '--tensors']);
    expect(out).toMatch(/^provenance\nmade by +tara-gguf \d/m);
    expect(out).toContain(`healthcare x 0.25 sha256:${sha256(join(cwd, 'healthcare/adapter_model.safetensors'))}`);
    expect(out).toMatch(/^blk\.0\.attn_q\.weight +64 x 64 +f16 +8\.2 kB$/m);
    expect((await tara(cwd, ['convert', 'base', '--output', 'plain.gguf', ...PRE])).code).toBe(0);
    expect((await tara(cwd, ['inspect', 'plain.gguf', '--json'])).json<InspectedGguf>()).toMatchObject({ provenance: null, lora: null });
  });

  it('write an adapter alone as a GGUF LoRA, which inspect knows', async () => {
    const ran = await tara(cwd, ['convert', 'base', '--lora', '--adapter', 'healthcare', '--output', 'lora.gguf', '--json']);
    expect([ran.code, ran.err]).toEqual([0, '']);
    expect(ran.json()).toMatchObject({ scale: 1 });
    const found = (await tara(cwd, ['inspect', 'lora.gguf', '--json'])).json<InspectedGguf>();
    expect(found).toMatchObject({ lora: { alpha: 4, modules: 2, ranks: [2, 2] }, types: { f32: 4 } });
    expect((await tara(cwd, ['inspect', 'lora.gguf'])).out).toMatch(/^LoRA adapter +2 modules, rank 2, alpha 4$/m);
    const dry = (await tara(cwd, ['convert', 'base', '--lora', '--adapter', 'healthcare', '--output', 'none.gguf', '--dry-run', '--json'])).json<{ outputs: { bytes: number }[] }>();
    expect(dry.outputs[0]?.bytes).toBe(found.bytes);
    expect(existsSync(join(cwd, 'none.gguf'))).toBe(false);
  });

  it('--dry-run prints the plan with its sizes and writes nothing', async () => {
    const before = readdirSync(cwd).sort();
    const argv = ['merge', 'base', '--adapter', 'healthcare', '--method', 'ties', '--output', 'planned.gguf', '--type', 'Q4_K_M', ...PRE];
    const { code, out, err } = await tara(cwd, [...argv, '--dry-run']);
    expect([code, err]).toEqual([0, '']);
    for (const part of [/^sources:$/m, /^outputs:$/m, /^metadata:$/m, /^tensors:$/m, /blk\.0\.attn_q\.weight \[64, 64\]/, /^would write +\S*planned\.gguf$/m, /^size +[\d.]+ kB \(\d+ bytes\)$/m]) expect(out).toMatch(part);
    const { plan } = (await tara(cwd, [...argv, '--dry-run', '--json'])).json<{ plan: { sources: object; tensors: { steps: { op: string }[] }[] } }>();
    expect(Object.keys(plan.sources)).toEqual(['base', 'adapter-1']);
    expect(plan.tensors.flatMap(({ steps }) => steps.filter(({ op }) => op === 'delta'))).toHaveLength(2);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });

  const refused: readonly (readonly [argv: string[], exit: number, code: string])[] = [
    [['merge', 'base', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', 'other'], 2, 'TARA_USAGE'],
    [['merge', '--adapter', 'healthcare', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', 'other', '--adapter', 'healthcare', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', 'other', '--method', 'ties', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', 'other', '--density', '0.5', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', 'other', '--t', '1.5', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', 'nowhere', '--output', 'x.gguf'], 1, 'TARA_FILE_NOT_FOUND'],
    [['merge', 'base', 'healthcare', '--output', 'x.gguf', ...PRE], 1, 'TARA_MODEL_NOT_RECOGNISED'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'slerp', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'tie', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--t', '0.5', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', '--adapter', 'healthcare', '--density', '0.5', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'ties', '--density', '0', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'ties', '--density', '1.1', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'ties', '--seed', '1', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--method', 'dare', '--seed', '4294967296', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare=heavy', '--output', 'x.gguf'], 2, 'TARA_OPTION_INVALID'],
    [['merge', 'base', '--adapter', 'healthcare', '--output', 'base/model.safetensors', ...PRE], 2, 'TARA_OUTPUT_IS_INPUT'],
    [['merge', 'base', 'other', '--output', 'other/model.safetensors', ...PRE], 2, 'TARA_OUTPUT_IS_INPUT'],
    [['convert', 'base', '--merge', 'ties', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--seed', '1', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--output', 'x.gguf', '--pre-tokenizer', 'no-such'], 2, 'TARA_OPTION_INVALID'],
    [['convert', 'base', '--lora', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--lora', '--adapter', 'healthcare', '--adapter', 'business', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--lora', '--adapter', 'healthcare=0.5', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--lora', '--adapter', 'healthcare', '--merge', 'ties', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
    [['convert', 'base', '--lora', '--adapter', 'healthcare', '--type', 'Q4_0', '--output', 'x.gguf'], 2, 'TARA_TYPE_UNKNOWN'],
    [['convert', 'base', '--exact-scale', '--output', 'x.gguf'], 2, 'TARA_USAGE'],
  ];
  it.each(refused.map(([argv, exit, code]) => ({ argv, exit, code, line: argv.join(' ') })))('$line: $code', async ({ argv, exit, code }) => {
    expectError(await tara(cwd, argv), exit, code);
    expect(existsSync(join(cwd, 'x.gguf'))).toBe(false);
  });
});

describe('inspect', () => {
  it('tells of checkpoints and adapters', async () => {
    const checkpoint = (await tara(cwd, ['inspect', 'base', '--json'])).json<InspectedCheckpoint>();
    expect(checkpoint).toMatchObject({ kind: 'hf-model', types: { BF16: 20 }, shards: [{ tensors: 20 }], config: { hidden_size: 64 } });
    expect(checkpoint.parameters).toBe(Object.values(tinyTensors()).reduce((sum, { values }) => sum + values.length, 0));
    const adapter = (await tara(cwd, ['inspect', 'healthcare', '--json'])).json<InspectedAdapter>();
    expect(adapter).toMatchObject({ kind: 'peft-adapter', types: { F32: 4 }, saved: [], config: { loraAlpha: 4 } });
    expect(adapter.modules).toContainEqual({ name: 'model.layers.1.mlp.up_proj', rank: 2, scale: 2, dora: false });
    const { out } = await tara(cwd, ['inspect', 'healthcare']);
    expect(out).toMatch(/^modules +2 \(q_proj, up_proj\)$/m);
  });

  it('reads an address, and keeps what its query holds to itself', async () => {
    const file = readFileSync(new URL('../fixtures/malformed/valid-llama-q8_0.gguf', import.meta.url));
    const served = await serve(byRanges(file));
    const found = (await tara(cwd, ['inspect', `${served.url}?token=secret`, '--json'])).json<InspectedGguf>();
    expect(found).toMatchObject({ kind: 'gguf', path: served.url, bytes: file.length });
    const gone = await serve((_, response) => void response.writeHead(404).end());
    const ran = await tara(cwd, ['inspect', `${gone.url}?token=secret`]);
    expectError(ran, 1, 'TARA_REMOTE_UNREADABLE');
    expect(ran.err).not.toContain('secret');
    expectError(await tara(cwd, ['inspect', 'http://user:secret@127.0.0.1/a.gguf']), 2, 'TARA_USAGE');
  });
});
