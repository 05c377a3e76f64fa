/** Distillation of a small model: it gets nearer to its teacher, resumes to the same bytes, stops where it is told to, ships nothing worse. */
import { readFileSync, existsSync } from 'node:fs';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TaraError } from '../../src/errors.js';
import { readGguf } from '../../src/formats/index.js';
import { evaluate } from '../../src/measure/index.js';
import { distil, planDistil, type DistilOptions } from '../../src/train/index.js';
import { batchesOf, grouped, shuffled } from '../../src/train/texts.js';
import { createTaraEngine } from '../../src/tara.js';
import fc from 'fast-check';
import { temporary } from '../phases/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

const folder = temporary()();
const at = (name: string): string => join(folder, name);
const engine = createTaraEngine();

const WORDS = ['hello', 'shell', 'hill', 'yellow', 'well', 'hall', 'pill', 'bell', 'helm', 'shelf', 'wall', 'tell'];
const ITEMS = Array.from({ length: 60 }, (_, line) => ({ prompt: `Say ${WORDS[line % 12]} ${line}.`, response: `The ${WORDS[(line * 7) % 12]} is ${WORDS[(line * 5 + 3) % 12]} and ${line * line}.` }));

const options = (output: string, more: Partial<DistilOptions> = {}): DistilOptions => ({
  student: at('student.gguf'), teacher: at('teacher.gguf'), text: [at('items.jsonl')], output: at(output),
  engine, threads: 1, steps: 24, batchTokens: 256, rate: 5, compare: false, ...more,
});

beforeAll(async () => {
  await writeTinyModel(at('teacher.gguf'), { seed: 2, layers: 3 });
  await engine.quantizeMany(at('teacher.gguf'), [{ output: at('student.gguf'), type: 'Q4_0' }]);
  await writeFile(at('items.jsonl'), ITEMS.map((item) => `${JSON.stringify(item)}\n`).join(''));
});

afterAll(() => engine.dispose());

/** The code that a promise is rejected with. */
const code = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (thrown: unknown) => (thrown instanceof TaraError ? thrown.code : String(thrown)));

describe('a distilled student', () => {
  it('is nearer to its teacher in the same bytes, and as near as it says', async () => {
    const report = await distil(options('distilled.gguf', { compare: true }));
    expect(report.improved).toBe(true);
    expect(report.after.kld ?? NaN).toBeLessThan(0.9 * (report.before.kld ?? NaN));
    expect(report.after.domainLoss).not.toBe(report.before.domainLoss);
    const [student, output] = [await readGguf(at('student.gguf')), await readGguf(at('distilled.gguf'))];
    expect(output.tensors.map(({ name, type, ne, bytes }) => ({ name, type, ne, bytes }))).toEqual(student.tensors.map(({ name, type, ne, bytes }) => ({ name, type, ne, bytes })));
    expect(existsSync(at('distilled.gguf.distil'))).toBe(false);
    // The evaluator, asked about the file itself on the same items.
    await writeFile(at('held-out.jsonl'), ITEMS.filter((_, index) => index % 20 === 9 || index % 20 === 19).map((item) => `${JSON.stringify(item)}\n`).join(''));
    const again = await evaluate({ engine, threads: 1, model: at('distilled.gguf'), reference: at('teacher.gguf'), text: at('held-out.jsonl'), contextSize: report.heldOut.contextSize });
    expect(again.kld?.mean).toBeCloseTo(report.after.kld ?? NaN, 6);
    expect(report.plain?.preset).toBeDefined();
    expect(report.speeds?.output.promptTokensPerSecond).toBeGreaterThan(0);
  });

  it.each([[['norms']], [['norms', 'scales']], [['lora-all']]] as const)('may be trained in parts: %j', async (train) => {
    const report = await distil(options(`parts-${train.join('-')}.gguf`, { train }));
    expect(report.after.kld ?? NaN).toBeLessThanOrEqual((report.before.kld ?? NaN));
    const parts = report.trained.map(({ part }) => part);
    expect(parts.includes('norm')).toBe((train as readonly string[]).includes('norms'));
    expect(parts.includes('scale')).toBe((train as readonly string[]).includes('scales'));
    expect(parts.includes('lora_b')).toBe((train as readonly string[]).includes('lora-all'));
  });

  it('takes LoRA merged into matrices without scales', async () => {
    await writeTinyModel(at('other.gguf'), { seed: 9, layers: 3 });
    const report = await distil(options('lora.gguf', { student: at('other.gguf'), train: ['norms', 'scales', 'lora'], rank: 8 }));
    expect(report.trained.map(({ part }) => part).sort()).toEqual(['lora_a', 'lora_b', 'norm']);
    expect(report.after.kld ?? NaN).toBeLessThan((report.before.kld ?? NaN));
  });

  it('is the student itself where training makes it worse', async () => {
    const report = await distil(options('worse.gguf', { rate: 3000, steps: 4 }));
    expect(report.improved).toBe(false);
    expect(report.after).toEqual(report.before);
    expect(readFileSync(at('worse.gguf')).equals(readFileSync(at('student.gguf')))).toBe(true);
  });
});

describe('an interrupted training', () => {
  it('goes on to the bytes of one that was not', async () => {
    const whole = await distil(options('whole.gguf'));
    const stop = new AbortController();
    const interrupted = distil(options('resumed.gguf', { signal: stop.signal, onProgress: (_, detail) => { if (detail.startsWith('step 13,')) stop.abort(); } }));
    expect(await code(interrupted)).toBe('TARA_ABORTED');
    expect(existsSync(at('resumed.gguf'))).toBe(false);
    expect((await readdir(at('resumed.gguf.distil'))).some((name) => name.endsWith('.checkpoint'))).toBe(true);
    const steps: string[] = [];
    const resumed = await distil(options('resumed.gguf', { onProgress: (_, detail) => void (detail.startsWith('step') && steps.push(detail.split(',')[0] ?? '')) }));
    expect(steps[0]).toBe('step 13');
    expect(resumed.history.map(({ heldOut }) => heldOut)).toEqual(whole.history.map(({ heldOut }) => heldOut));
    expect((await readFile(at('resumed.gguf'))).equals(await readFile(at('whole.gguf')))).toBe(true);
  });

  it('goes on with a student that was quantized anew, which is the same one', async () => {
    const stop = new AbortController();
    await engine.quantizeMany(at('teacher.gguf'), [{ output: at('again.gguf'), type: 'Q4_0' }]);
    const interrupted = distil(options('anew-student.gguf', { student: at('again.gguf'), signal: stop.signal, onProgress: (_, detail) => { if (detail.startsWith('step 9,')) stop.abort(); } }));
    expect(await code(interrupted)).toBe('TARA_ABORTED');
    await rm(at('again.gguf'));
    await engine.quantizeMany(at('teacher.gguf'), [{ output: at('again.gguf'), type: 'Q4_0' }]);
    await utimes(at('again.gguf'), 1, 1);
    const steps: string[] = [];
    await distil(options('anew-student.gguf', { student: at('again.gguf'), onProgress: (_, detail) => void (detail.startsWith('step') && steps.push(detail.split(',')[0] ?? '')) }));
    expect(steps[0]).toBe('step 9');
  });

  it('begins anew with other settings, and whatever a broken checkpoint holds', async () => {
    const stop = new AbortController();
    const abortAt = (detail: string): void => { if (detail.startsWith('step 9,')) stop.abort(); };
    expect(await code(distil(options('anew.gguf', { signal: stop.signal, onProgress: (_, detail) => abortAt(detail) })))).toBe('TARA_ABORTED');
    const [checkpoint = ''] = (await readdir(at('anew.gguf.distil'))).filter((name) => name.endsWith('.checkpoint'));
    await writeFile(join(at('anew.gguf.distil'), checkpoint), '{"steps": 1}\nbroken');
    const steps: string[] = [];
    await distil(options('anew.gguf', { onProgress: (_, detail) => void (detail.startsWith('step') && steps.push(detail.split(',')[0] ?? '')) }));
    expect(steps[0]).toBe('step 1');
  });

  it('stops within a step', async () => {
    for (const after of ['asking the teacher', 'step 1,', 'measuring teacher']) {
      const stop = new AbortController();
      expect(await code(distil(options('stopped.gguf', { signal: stop.signal, onProgress: (_, detail) => { if (detail.startsWith(after)) stop.abort(); } })))).toBe('TARA_ABORTED');
      expect(existsSync(at('stopped.gguf'))).toBe(false);
    }
  });
});

describe('what cannot be trained', () => {
  it('is a training that comes to no number: the last good state stays', async () => {
    const report = await distil(options('nan.gguf', { rate: 1e30, steps: 40 }));
    expect(report.stopped).toBe('diverged');
    expect(report.after.kld ?? NaN).toBeLessThanOrEqual((report.before.kld ?? NaN));
  });

  it('is a model of another architecture, another vocabulary, or with too little text', async () => {
    await writeTinyModel(at('encoder.gguf'), { causal: false });
    const refused = distil(options('no.gguf', { student: at('encoder.gguf') }));
    await expect(refused).rejects.toMatchObject({ code: 'TARA_TRAINING_UNSUPPORTED', hint: expect.stringContaining('llama, qwen2, qwen3') });
    await writeFile(at('few.jsonl'), `${JSON.stringify(ITEMS[0])}\n`);
    expect(await code(distil(options('no.gguf', { text: [at('few.jsonl')] })))).toBe('TARA_TEXT_TOO_SHORT');
    // One to stop by, one to train on, none to judge by.
    await writeFile(at('long.jsonl'), Array.from({ length: 2 }, () => `${JSON.stringify({ text: 'hello shell '.repeat(400) })}\n`).join(''));
    await expect(distil(options('no.gguf', { text: [at('long.jsonl')] }))).rejects.toMatchObject({ code: 'TARA_TEXT_TOO_SHORT', message: expect.stringMatching(/has \d{4} tokens, 1024 to train on, beside items to stop and to judge by, are needed/) });
    expect(await code(distil(options('student.gguf')))).toBe('TARA_OUTPUT_IS_INPUT');
    expect(await code(distil(options('no.gguf', { train: [] })))).toBe('TARA_OPTION_INVALID');
    expect(await code(distil(options('no.gguf', { text: [] })))).toBe('TARA_OPTION_INVALID');
    expect((await readdir(folder)).filter((name) => name.startsWith('no.gguf'))).toEqual([]);
  });

  it('is a student or a teacher that gives no numbers', async () => {
    await writeTinyModel(at('nan-weights.gguf'), { seed: 2, layers: 3, change: (name, values) => { if (name === 'blk.1.ffn_up.weight') values.fill(Number.NaN); } });
    for (const given of [{ student: at('nan-weights.gguf') }, { teacher: at('nan-weights.gguf') }]) expect(await code(distil(options('no.gguf', given)))).toBe('TARA_LOGITS_INVALID');
    expect((await readdir(folder)).filter((name) => name.startsWith('no.gguf'))).toEqual([]);
  });

  it('is found out before anything is written', async () => {
    expect(await planDistil(options('planned.gguf'))).toMatchObject({ steps: 24, minutes: null });
    expect((await readdir(folder)).filter((name) => name.startsWith('planned'))).toEqual([]);
  });
});

describe('batches', () => {
  const lengths = fc.array(fc.integer({ min: 2, max: 256 }), { minLength: 1, maxLength: 60 });
  it('hold every sequence once, in groups of at most two sequences more than 512 tokens', () => {
    fc.assert(fc.property(lengths, fc.integer({ min: 0, max: 99 }), fc.integer({ min: 16, max: 2048 }), (sizes, seed, tokens) => {
      const sequences = sizes.map((size) => new Int32Array(size));
      const order = shuffled(sizes.length, seed);
      expect([...order].sort((a, b) => a - b)).toEqual(sizes.map((_, index) => index));
      const batches = batchesOf(sequences, order, tokens);
      expect(batches.flat()).toEqual(order);
      for (const batch of batches) {
        const groups = grouped(sequences, batch);
        expect(groups.flat().sort((a, b) => a - b)).toEqual([...batch].sort((a, b) => a - b));
        for (const group of groups) {
          expect(group.length).toBeGreaterThan(0);
          expect(group.reduce((sum, index) => sum + (sizes[index] ?? 0), 0)).toBeLessThanOrEqual(512 + 256);
        }
      }
    }));
  });
});
