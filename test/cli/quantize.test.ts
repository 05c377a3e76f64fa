/** quantize: types of single tensors, what rows make of types, reused tensors, and the progress line. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { progressDetail } from '../../src/cli/conversion.js';
import { addonPaths } from '../../src/engine/loader.js';
import { readGguf } from '../../src/formats/index.js';
import { temporary } from '../phases/temporary.js';
import { NARROW, K_QUANTABLE, writeLlama } from '../plan/synthetic.js';
import { tara } from './run.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/cli/quantize: skipped, the addon is not built');

const fresh = temporary();
let cwd = '';
beforeAll(async () => {
  cwd = fresh();
  await writeLlama(join(cwd, 'wide.gguf'), K_QUANTABLE);
  await writeLlama(join(cwd, 'narrow.gguf'), NARROW);
});

interface Report {
  readonly outputs: readonly { readonly path: string; readonly bytes: number; readonly types: Record<string, number>; readonly replaced: readonly object[] }[];
  readonly reuse?: object;
}

const quantize = (input: string, output: string, ...more: string[]) => tara(cwd, ['quantize', input, output, ...more]);

describe.skipIf(!built)('quantize', () => {
  it('writes the types that patterns name, the first that matches, and says what --dry-run said', async () => {
    const options = ['--type', 'Q4_0', '--tensor-type', 'attn_v=Q8_0', '--tensor-type', 'attn=q5_1', '--json'];
    const planned = (await quantize('wide.gguf', 'mixed.gguf', ...options, '--dry-run')).json<Report>();
    expect(existsSync(join(cwd, 'mixed.gguf'))).toBe(false);
    const written = (await quantize('wide.gguf', 'mixed.gguf', ...options)).json<Report>();
    expect(written.outputs[0]?.bytes).toBe(planned.outputs[0]?.bytes);
    const types = new Map((await readGguf(join(cwd, 'mixed.gguf'))).tensors.map(({ name, type }) => [name, type]));
    expect(['attn_v', 'attn_q', 'attn_norm', 'ffn_up'].map((part) => types.get(`blk.1.${part}.weight`))).toEqual(['q8_0', 'q5_1', 'f32', 'q4_0']);
    expect(readdirSync(cwd).sort()).toEqual(['mixed.gguf', 'narrow.gguf', 'wide.gguf']);
  });

  it('says which types tensors have instead of those that their rows forbid', async () => {
    const args = ['--type', 'Q4_0', '--tensor-type', 'attn_v=q4_K'];
    expect((await quantize('narrow.gguf', 'n.gguf', ...args)).out).toMatch(/^row lengths +1 x q8_0 instead of q6_k, 2 x q5_0 instead of q4_k$/m);
    const { outputs } = (await quantize('narrow.gguf', 'n.gguf', ...args, '--json')).json<Report>();
    expect(outputs[0]?.replaced).toEqual([{ wanted: 'q6_k', type: 'q8_0', tensors: 1 }, { wanted: 'q4_k', type: 'q5_0', tensors: 2 }]);
    expect((await quantize('wide.gguf', 'w.gguf', '--type', 'Q4_K_M')).out).not.toContain('row lengths');
  });

  it('takes tensors that take long from a folder, to the same bytes', async () => {
    const args = ['--type', 'Q4_0', '--tensor-type', 'attn_k=iq3_s'];
    await quantize('wide.gguf', 'plain.gguf', ...args);
    const first = await quantize('wide.gguf', 'reused.gguf', ...args, '--reuse', 'cache', '--json');
    expect(first.json<Report>().reuse).toMatchObject({ folder: join(cwd, 'cache'), reused: 0, stored: 3 });
    expect((await quantize('wide.gguf', 'reused.gguf', ...args, '--reuse', 'cache')).out).toMatch(/^reuse +3 tensors found, 0 added; .*cache holds \d+\.\d kB$/m);
    expect(readFileSync(join(cwd, 'reused.gguf')).equals(readFileSync(join(cwd, 'plain.gguf')))).toBe(true);
    const again = await quantize('wide.gguf', 'reused.gguf', ...args, '--reuse', 'elsewhere', '--dry-run', '--json');
    const entries = readdirSync(join(cwd, 'cache')).reduce((sum, name) => sum + readFileSync(join(cwd, 'cache', name)).length, 0);
    // The tensors themselves; each file has a header besides.
    expect(again.json<{ reuse: { bytes: number } }>().reuse.bytes).toBe(entries - 3 * 96);
    expect(existsSync(join(cwd, 'elsewhere'))).toBe(false);
  });

  it('names the flag and the pattern in what it refuses, and shows examples', async () => {
    const ran = await quantize('wide.gguf', 'out.gguf', '--type', 'Q4_0', '--tensor-type', 'attn_w=q8_0');
    expect(ran.err).toMatch(/^error TARA_OPTION_INVALID: --tensor-type: "attn_w" matches no tensor that can be quantized\. [^\n]+\n$/);
    expect(existsSync(join(cwd, 'out.gguf'))).toBe(false);
    const { out } = await tara(cwd, ['quantize', '--help']);
    expect(out).toContain('--tensor-type');
    expect(out).toContain('--reuse');
  });
});

describe('the progress of a conversion', () => {
  const progress = { bytesRead: 0, bytesTotal: 300e6, bytesWritten: 0, tensor: 'blk.0.attn_q.weight', seconds: 0.01 };

  it('tells throughput and the time left once they can be told', () => {
    expect(progressDetail(progress)).toBe('blk.0.attn_q.weight');
    expect(progressDetail({ ...progress, bytesRead: 100e6, seconds: 0.5 })).toBe('200.0 MB/s, 1.00 s left  blk.0.attn_q.weight');
    expect(progressDetail({ ...progress, bytesRead: 300e6, seconds: 1200 })).toBe('250.0 kB/s, 0.00 s left  blk.0.attn_q.weight');
    expect(progressDetail({ ...progress, bytesRead: 1e6, seconds: 10 })).toBe('100.0 kB/s, 49 min 50 s left  blk.0.attn_q.weight');
  });
});
