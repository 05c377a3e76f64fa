/** What must not happen: files changed under a plan, half-written outputs, weights that are no numbers. */
import { execFileSync } from 'node:child_process';
import { existsSync, truncateSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import { TaraError } from '../../src/errors.js';
import { readGguf } from '../../src/formats/index.js';
import { layerOrder, lower, type PlanStep, type PlanWithBlobs, preset, presetTypes, printPlan, runPlan } from '../../src/plan/index.js';
import { parsePlan } from '../../src/plan/parse.js';
import { lowerOne, planOne, read, ref, runOne, type Stored, writeTensors } from './one-tensor.js';
import { bytesOf, K_QUANTABLE, quantizePlan, random, scratch, weights, writeGguf, writeLlama } from './synthetic.js';

const at = scratch();

async function failure(work: () => unknown): Promise<TaraError> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof TaraError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

/** A folder with a model in it and a plan that quantizes it beside itself. */
async function setUp(name: string, outputs: readonly string[] = ['Q4_K_M']): Promise<{ folder: string; model: string; plan: PlanWithBlobs }> {
  const folder = at(name);
  await mkdir(folder);
  const model = await writeLlama(`${folder}/model.gguf`, K_QUANTABLE);
  return { folder, model, plan: await quantizePlan(model, Object.fromEntries(outputs.map((type) => [type, `${folder}/${type}.gguf`]))) };
}

/** A plan over one float32 matrix. */
async function single(folder: string, values: Float32Array, cols: number, type: string): Promise<PlanWithBlobs> {
  const path = await writeGguf(`${folder}.in`, [], [{ name: 'blk.0.bad.weight', ne: [cols, values.length / cols], type: 'f32', bytes: bytesOf(values, 'f32') }]);
  const { size, mtimeMs, headerHash } = await readGguf(path);
  return {
    blobs: new Map(),
    plan: parsePlan({
      format: 1, sources: { s: { path, format: 'gguf', size, mtimeMs, headerHash } }, metadata: [], outputs: { o: { path: `${folder}.out`, order: 'plan' } },
      tensors: [{ name: 'blk.0.bad.weight', ne: [cols, values.length / cols], steps: [{ op: 'read', src: 's', tensor: 'blk.0.bad.weight' }], to: [{ out: 'o', type }] }],
    }),
  };
}

describe('a run that fails', () => {
  it('is cancelled in the middle: TARA_ABORTED, no temporary file, the old output stays', async () => {
    const { folder, model } = await setUp('cancel');
    await writeFile(`${folder}/Q2_K.gguf`, 'the old one');
    const before = await readdir(folder);
    const many = await quantizePlan(model, Object.fromEntries(['Q2_K', 'Q3_K_M', 'Q4_K_M', 'IQ4_NL', 'IQ3_S'].map((type) => [type, `${folder}/${type}.gguf`])));
    const abort = new AbortController();
    const running = runPlan(await lower(many), { threads: 1, signal: abort.signal, onProgress: () => abort.abort() });
    expect((await failure(() => running)).code).toBe('TARA_ABORTED');
    expect(await readdir(folder)).toEqual(before);
    expect(await readFile(`${folder}/Q2_K.gguf`, 'utf8')).toBe('the old one');
  });

  it('finds its source changed: before lowering, and between lowering and running', async () => {
    const { folder, model, plan } = await setUp('changed');
    const lowered = await lower(plan);
    await utimes(model, new Date(), new Date(Date.now() + 5000));
    expect((await failure(() => lower(plan))).code).toBe('TARA_FILE_CHANGED');
    expect((await failure(() => runPlan(lowered))).code).toBe('TARA_FILE_CHANGED');
    await appendFile(model, 'x');
    expect((await failure(() => runPlan(lowered))).code).toBe('TARA_FILE_CHANGED');
    expect(await readdir(folder)).toEqual(['model.gguf']);
  });

  it('runs out of space: TARA_DISK_FULL with the bytes needed, nothing left', async () => {
    const { folder, plan } = await setUp('full');
    const lowered = await lower(plan);
    await writeFile(`${folder}/lowered.json`, JSON.stringify({ ...lowered, headers: lowered.headers.map((header) => Buffer.from(header).toString('base64')) }));
    // A limit on file sizes stands for a full disk: EFBIG takes the same way as ENOSPC.
    const script = fileURLToPath(new URL('limited.mjs', import.meta.url));
    const addon = addonPaths().find((path) => existsSync(path)) ?? '';
    const out = execFileSync('sh', ['-c', 'ulimit -f 100 && exec "$0" "$@"', process.execPath, script, addon, `${folder}/lowered.json`], { encoding: 'utf8' });
    const failed = JSON.parse(out) as { code: string; fields: { path: string; needed: number } };
    expect(failed).toMatchObject({ code: 'TARA_DISK_FULL', fields: { path: `${folder}/Q4_K_M.gguf`, needed: lowered.outputs[0]?.bytes } });
    expect((await readdir(folder)).sort()).toEqual(['lowered.json', 'model.gguf']);
    const huge = { ...lowered, outputs: lowered.outputs.map((output) => ({ ...output, bytes: 2 ** 60 })) };
    expect(await failure(() => runPlan(huge))).toMatchObject({ code: 'TARA_DISK_FULL', fields: { needed: 2 ** 60 } });
  });

  it('cannot write there: TARA_WRITE_FAILED', async () => {
    const { folder, model } = await setUp('nowhere');
    await mkdir(`${folder}/taken`);
    execFileSync('mkfifo', [`${folder}/pipe`]);
    for (const path of [`${folder}/missing/x.gguf`, `${folder}/taken`, `${folder}/pipe`]) {
      expect((await failure(async () => runPlan(await lower(await quantizePlan(model, { Q8_0: path }))))).code, path).toBe('TARA_WRITE_FAILED');
    }
    expect((await readdir(folder)).sort()).toEqual(['model.gguf', 'pipe', 'taken']);
  });

  it('meets NaN, infinity or values beyond a type: TARA_TENSOR_NOT_FINITE with the tensor', async () => {
    const plain = weights(256 * 64, random(3));
    const hurt = (value: number) => plain.with(5000, value);
    const cases: [string, Float32Array, string][] = [
      ['nan', hurt(NaN), 'q4_k'], ['inf', hurt(-Infinity), 'f32'], ['half', hurt(1e6), 'f16'], ['scale', hurt(1e30), 'q8_0'], ['square', hurt(1e25), 'iq3_s'], ['brain', hurt(3.4028e38), 'bf16'],
    ];
    for (const [name, values, type] of cases) {
      const error = await failure(async () => runPlan(await lower(await single(at(`bad-${name}`), values, 256, type))));
      expect(error, name).toMatchObject({ code: 'TARA_TENSOR_NOT_FINITE', fields: { tensor: 'blk.0.bad.weight' } });
    }
    await runPlan(await lower(await single(at('bad-none'), hurt(60000), 256, 'q4_k')));
  });

  it('removes what a killed run left behind, and only that', async () => {
    const { folder, plan } = await setUp('stale');
    await writeFile(`${folder}/Q4_K_M.gguf.tmp-99-deadbeef`, 'left behind');
    await writeFile(`${folder}/other.gguf.tmp-99-deadbeef`, 'not ours');
    await runPlan(await lower(plan));
    expect((await readdir(folder)).sort()).toEqual(['Q4_K_M.gguf', 'model.gguf', 'other.gguf.tmp-99-deadbeef']);
  });
});

describe('a plan that is wrong', () => {
  const source = { path: '/x', format: 'gguf', size: 1, mtimeMs: 1, headerHash: '' };

  it('is refused with the path of the fault', async () => {
    expect((await failure(() => parsePlan({ format: 1, sources: {}, metadata: [], outputs: {}, tensors: [{ name: 'a', ne: [0], steps: [], to: [] }] }))).message).toContain('tensors.0.ne.0');
    expect((await failure(() => parsePlan(null))).code).toBe('TARA_PLAN_INVALID');
    expect((await failure(() => parsePlan({ format: 1, sources: { a: { ...source, extra: 1 } }, metadata: [], outputs: {}, tensors: [] }))).message).toContain('sources.a');
  });

  it('names tensors that are missing, shapes that do not fit, types that cannot be written', async () => {
    const { plan } = await setUp('wrong');
    const change = async (edit: (tensor: PlanWithBlobs['plan']['tensors'][number]) => void): Promise<TaraError> => {
      const copy = structuredClone(plan);
      const tensor = copy.plan.tensors.find(({ name }) => name === 'blk.0.attn_q.weight');
      if (tensor !== undefined) edit(tensor);
      return failure(() => lower(copy));
    };
    expect(await change((t) => { t.steps = [{ op: 'read', src: 'base', tensor: 'nowhere' }]; })).toMatchObject({ code: 'TARA_TENSOR_MISSING', fields: { tensor: 'nowhere' } });
    expect((await change((t) => { t.ne = [256, 255]; })).code).toBe('TARA_PLAN_INVALID');
    expect((await change((t) => { t.to = [{ out: 'Q4_K_M', type: 'iq2_xs' }]; })).code).toBe('TARA_TYPE_NEEDS_IMATRIX');
    expect((await change((t) => { t.to = [{ out: 'Q4_K_M', type: 'i8' }]; })).code).toBe('TARA_TYPE_UNKNOWN');
    expect((await change((t) => { t.to = [{ out: 'none', type: 'f16' }]; })).code).toBe('TARA_PLAN_INVALID');
    expect((await change((t) => { t.steps.push({ op: 'rows', take: { ropeHeads: 3 } }); })).code).toBe('TARA_PLAN_INVALID');
    expect((await change((t) => { t.steps.push({ op: 'rows', take: { table: 'none' } }); })).code).toBe('TARA_PLAN_INVALID');
    expect((await change((t) => { t.steps.push({ op: 'transpose' }, { op: 'transpose' }); })).code).toBe('TARA_PLAN_INVALID');
    const factor = (tensor: string) => ({ src: 'base', tensor });
    expect((await change((t) => { t.steps.push({ op: 'delta', method: 'sum', terms: [{ weight: 1, scale: 1, a: factor('blk.0.ffn_up.weight'), b: factor('blk.0.attn_k.weight') }] }); })).code).toBe('TARA_TENSOR_SHAPE');
    const twice = structuredClone(plan);
    twice.plan.outputs['again'] = structuredClone(twice.plan.outputs['Q4_K_M'] ?? { path: null, order: 'plan', set: [], remove: [], alignment: 32 });
    expect((await failure(() => lower(twice))).code).toBe('TARA_PLAN_INVALID');
  });

  it('prints one line for each tensor', async () => {
    const { plan } = await setUp('print', ['Q4_K_M', 'Q8_0']);
    const text = printPlan(plan.plan);
    expect(text.split('\n').filter((line) => line.includes(' <- '))).toHaveLength(plan.plan.tensors.length);
    expect(text).toContain('blk.2.attn_v.weight [256, 128] Q4_K_M=q6_k Q8_0=q8_0 <- base:blk.2.attn_v.weight');
  });
});

describe('presets', () => {
  const model = { architecture: 'llama', n_embd: 256, n_ff: 512, n_layer: 3, n_head: 8, n_head_kv: 4, n_expert: 0, n_embd_head_k: 32, n_embd_head_v: 32 };
  const tensors = [{ name: 'blk.0.ffn_up.weight', ne: [256, 512], type: 'f16' as const }, { name: 'output.weight', ne: [256, 64], type: 'f16' as const }];

  it('knows every name, in any case, and refuses what it cannot do', async () => {
    expect(preset('q4_k')).toEqual(preset('Q4_K_M'));
    expect((await failure(() => preset('Q9_X'))).code).toBe('TARA_TYPE_UNKNOWN');
    expect((await failure(() => preset('constructor'))).code).toBe('TARA_TYPE_UNKNOWN');
    for (const name of ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'IQ3_XXS', 'IQ3_XS', 'Q2_K_S']) expect((await failure(() => preset(name))).code, name).toBe('TARA_TYPE_NEEDS_IMATRIX');
  });

  it('never reaches an assertion of llama.cpp', async () => {
    for (const wrong of [{ n_layer: 0 }, { n_layer: 513 }, { n_layer: -1 }, { architecture: 'no such' }, { n_head: 2 ** 40 }]) {
      expect((await failure(() => presetTypes({ ...model, ...wrong }, tensors, 'Q4_K_M'))).code).toBe('TARA_PLAN_INVALID');
    }
    expect((await failure(() => presetTypes(model, [{ name: 'x'.repeat(64), ne: [32], type: 'f32' }], 'Q4_K_M'))).code).toBe('TARA_PLAN_INVALID');
    // llama.cpp has nothing to put in the place of a q1_0 that does not fit.
    const narrow = [{ name: 'blk.0.ffn_up.weight', ne: [96, 2], type: 'f32' as const }];
    expect((await failure(() => presetTypes(model, narrow, 'Q4_K_M', { types: new Map([['blk.0.ffn_up.weight', 'q1_0']]) }))).code).toBe('TARA_PLAN_INVALID');
  });

  it('gives tensors the types of their own, by whole names', () => {
    const own = (name: string) => ({ types: new Map([[name, 'q8_0' as const]]) });
    expect(presetTypes(model, tensors, 'Q4_K_M')).toEqual(['q4_k', 'q6_k']);
    expect(presetTypes(model, tensors, 'Q4_K_M', own('blk.0.ffn_up.weight'))).toEqual(['q8_0', 'q6_k']);
    for (const name of ['ffn_up', 'blk.0.ffn_up.weigh', 'blk.0.ffn_up.weight.', 'blkx0.ffn_up.weight', '.*', 'output.weight|x']) {
      expect(presetTypes(model, tensors, 'Q4_K_M', own(name)), name).toEqual(['q4_k', 'q6_k']);
    }
    expect(presetTypes(model, tensors, 'F16', own('output.weight'))).toEqual(['f16', 'q8_0']);
  });

  it('orders tensors as llama.cpp does', () => {
    const names = ['output.weight', 'blk.10.a', 'blk.2.b', 'blk.2.a', 'output_norm.weight', 'token_embd.weight', 'blk.x.a'];
    expect(names.sort(layerOrder)).toEqual(['blk.x.a', 'output.weight', 'output_norm.weight', 'token_embd.weight', 'blk.2.a', 'blk.2.b', 'blk.10.a']);
  });
});

describe('a merge whose files are damaged', () => {
  const [rows, cols] = [120, 100];
  const values = (count: number, seed: number): Float32Array => weights(count, random(seed));
  const inputs = (): Record<string, Stored> => ({
    w: { shape: [rows, cols], values: values(rows * cols, 1) }, f: { shape: [rows, cols], values: values(rows * cols, 2) },
    a: { shape: [4, cols], values: values(4 * cols, 3) }, b: { shape: [rows, 4], values: values(rows * 4, 4) }, m: { shape: [rows], values: values(rows, 5) },
  });
  const STEPS: Record<string, PlanStep> = {
    'ties full': { op: 'delta', method: 'ties', density: 0.5, terms: [{ weight: 1, full: ref('f') }, { weight: 1, scale: 1, a: ref('a'), b: ref('b') }] },
    'sum full': { op: 'delta', method: 'sum', terms: [{ weight: 1, full: ref('f') }] },
    'dare dora': { op: 'delta', method: 'dare', density: 0.5, terms: [{ weight: 1, scale: 1, a: ref('a'), b: ref('b'), magnitude: ref('m') }] },
    slerp: { op: 'blend', method: 'slerp', t: 0.5, with: ref('f') },
    linear: { op: 'blend', method: 'linear', t: 0.5, with: ref('f'), transposed: false },
  };
  const USED: Record<string, string[]> = { 'ties full': ['w', 'f', 'a', 'b'], 'sum full': ['f'], 'dare dora': ['w', 'a', 'b', 'm'], slerp: ['w', 'f'], linear: ['w', 'f'] };

  it('names the tensor that holds NaN or infinity, whichever pass meets it', async () => {
    for (const [name, step] of Object.entries(STEPS)) {
      for (const hurt of USED[name] ?? []) {
        const tensors = inputs();
        tensors[hurt]?.values.set([hurt === 'w' ? Infinity : NaN], (tensors[hurt]?.values.length ?? 1) - 1);
        const path = await writeTensors(at('hurt.safetensors'), tensors);
        const error = await failure(() => runOne({ path, output: at('hurt.gguf'), ne: [cols, rows], steps: [read('w'), step] }));
        expect(error, `${name}: ${hurt}`).toMatchObject({ code: 'TARA_TENSOR_NOT_FINITE', fields: { tensor: hurt === 'w' ? 't' : hurt } });
        expect(existsSync(at('hurt.gguf'))).toBe(false);
      }
    }
  });

  it('names the plan\'s tensor when finite factors give an infinite delta', async () => {
    const tensors = inputs();
    tensors['a']?.values.fill(3e38, 0, cols);
    tensors['b']?.values.fill(3e38, 0, 4);
    const path = await writeTensors(at('overflow.safetensors'), tensors);
    for (const [method, density] of [['sum', undefined], ['ties', 0.9], ['ties', 1], ['dare', 0.9], ['dare-ties', 1]] as const) {
      // Opposite infinities, so that no vote is carried.
      const terms = [1, -1].map((weight) => ({ weight, scale: 1, a: ref('a'), b: ref('b') }));
      const step: PlanStep = { op: 'delta', method, ...(density === undefined ? {} : { density }), terms };
      expect(await failure(() => runOne({ path, output: at('overflow.gguf'), ne: [cols, rows], steps: [read('w'), step] })), method).toMatchObject({ code: 'TARA_TENSOR_NOT_FINITE', fields: { tensor: 't' } });
    }
  });

  it('is cancelled, or finds its source cut short, before the first row is written', async () => {
    const [height, width, rank] = [2000, 1000, 64];
    const path = await writeTensors(at('cut.safetensors'), {
      w: { shape: [height, width], values: values(height * width, 1) }, a: { shape: [rank, width], values: values(rank * width, 3) }, b: { shape: [height, rank], values: values(height * rank, 4) },
    });
    // Eight terms of rank 64 keep the first pass busy for longer than the news of its first item takes.
    const terms = Array.from({ length: 8 }, () => ({ weight: 1, scale: 1, a: ref('a'), b: ref('b') }));
    const one = { path, output: at('cut.gguf'), ne: [width, height], steps: [read('w'), { op: 'delta' as const, method: 'ties' as const, density: 0.5, terms }] };
    const abort = new AbortController();
    const lowered = await lowerOne(one);
    expect((await failure(() => runPlan(lowered, { threads: 2, signal: abort.signal, onProgress: () => abort.abort() }))).code).toBe('TARA_ABORTED');
    expect((await failure(() => runPlan(lowered, { threads: 2, onProgress: () => truncateSync(path, 100_000) }))).code).toBe('TARA_FILE_CHANGED');
    expect(existsSync(at('cut.gguf'))).toBe(false);
  });

  it('is refused before anything is read when shapes or settings do not fit', async () => {
    const path = await writeTensors(at('shapes.safetensors'), { ...inputs(), i: { shape: [cols, rows], values: values(rows * cols, 6) } });
    const low = async (step: PlanStep) => (await failure(() => lowerOne({ path, output: at('shapes.gguf'), ne: [cols, rows], steps: [read('w'), step] }))).code;
    expect(await low({ op: 'delta', method: 'sum', terms: [{ weight: 1, full: ref('i') }] })).toBe('TARA_TENSOR_SHAPE');
    expect(await low({ op: 'delta', method: 'sum', terms: [{ weight: 1, full: ref('f'), transposed: true }] })).toBe('TARA_TENSOR_SHAPE');
    expect(await low({ op: 'delta', method: 'sum', terms: [{ weight: 1, scale: 1, a: ref('a'), b: ref('b'), transposed: true }] })).toBe('TARA_TENSOR_SHAPE');
    expect(await low({ op: 'delta', method: 'sum', terms: [{ weight: 1, scale: 1, a: ref('a'), b: ref('b'), magnitude: ref('b') }] })).toBe('TARA_TENSOR_SHAPE');
    expect(await low({ op: 'blend', method: 'slerp', t: 0.5, with: ref('i') })).toBe('TARA_TENSOR_SHAPE');
    expect(await low({ op: 'blend', method: 'slerp', t: 0.5, with: ref('nowhere') })).toBe('TARA_TENSOR_MISSING');
    const terms = [{ weight: 1, full: ref('f') }];
    expect(await low({ op: 'delta', method: 'ties', terms })).toBe('TARA_PLAN_INVALID');
    expect(await low({ op: 'delta', method: 'ties', density: 0, terms })).toBe('TARA_PLAN_INVALID');
    expect(await low({ op: 'delta', method: 'sum', density: 0.5, terms })).toBe('TARA_PLAN_INVALID');
    expect(await low({ op: 'delta', method: 'ties', density: 0.5, seed: 1, terms })).toBe('TARA_PLAN_INVALID');
    expect(await low({ op: 'blend', method: 'slerp', t: 1.5, with: ref('f') })).toBe('TARA_PLAN_INVALID');
  });

  it('is refused by the executor too when the lowered plan was tampered with', async () => {
    const path = await writeTensors(at('tampered.safetensors'), inputs());
    // A path into the lowered step, and what stands there instead.
    const cases: [string, (string | number)[], unknown][] = [
      ['ties full', ['terms', 0, 'full', 'rows'], rows + 1], ['ties full', ['terms', 0, 'full', 'cols'], cols - 1], ['ties full', ['terms', 0, 'full', 'offset'], 2 ** 40],
      ['ties full', ['terms', 0, 'full', 'src'], 1], ['ties full', ['terms', 0, 'full', 'type'], 24], ['ties full', ['terms', 0, 'transposed'], true],
      ['ties full', ['terms', 1, 'a', 'rows'], 5], ['ties full', ['terms', 1, 'b', 'cols'], 3], ['ties full', ['terms', 1, 'scale'], 1e300],
      ['ties full', ['density'], 0], ['ties full', ['density'], 2], ['ties full', ['method'], 'none'], ['ties full', ['terms'], []],
      ['dare dora', ['terms', 0, 'magnitude', 'cols'], rows + 1], ['dare dora', ['terms', 0, 'magnitude', 'rows'], 0],
      ['slerp', ['other', 'rows'], rows - 1], ['slerp', ['other', 'offset'], -1], ['slerp', ['t'], 2], ['slerp', ['transposed'], true],
    ];
    for (const [name, where, value] of cases) {
      const lowered = await lowerOne({ path, output: at('tampered.gguf'), ne: [cols, rows], steps: [read('w'), STEPS[name] ?? read('w')] });
      const plan = JSON.parse(lowered.json) as { tensors: [{ steps: [object] }] };
      let part = plan.tensors[0].steps[0] as Record<string | number, unknown>;
      for (const key of where.slice(0, -1)) part = part[key] as Record<string | number, unknown>;
      expect(Object.keys(part)).toContain(String(where.at(-1)));
      part[where.at(-1) ?? ''] = value;
      expect((await failure(() => runPlan({ ...lowered, json: JSON.stringify(plan) }))).code, `${name} ${where.join('.')}`).toBe('TARA_PLAN_INVALID');
    }
  });

  it('prints its methods and settings', async () => {
    const path = await writeTensors(at('print.safetensors'), inputs());
    const lines = await Promise.all(Object.values(STEPS).map(async (step) => printPlan((await planOne({ path, output: at('p.gguf'), ne: [cols, rows], steps: [read('w'), step] })).plan)));
    expect(lines[0]).toContain('s:w | + ties(density 0.5: 1 * (s:f - W), 1 * 1 * s)');
    expect(lines[2]).toContain('+ dare(density 0.5: 1 * 1 * s (DoRA))');
    expect(lines[3]).toContain('slerp(0.5 towards s:f)');
  });
});
