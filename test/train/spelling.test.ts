/** A student that tokens were taken out of: its pieces are those that llama.cpp reads, its labels the teacher's as seen through them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convert, readVocabulary } from '../../src/convert/index.js';
import { isGgufArray, metadataOf, readGguf } from '../../src/formats/index.js';
import { evaluate } from '../../src/measure/index.js';
import { createTaraEngine } from '../../src/tara.js';
import { layoutOf } from '../../src/train/architecture.js';
import { distil } from '../../src/train/index.js';
import { labelBytes, Network, type LabelShape } from '../../src/train/network.js';
import { spellingOf, type Spelling } from '../../src/train/spelling.js';
import { keptTokens } from '../../plugins/compression/sparse/tokens.js';
import { tara } from '../cli/run.js';
import { temporary } from '../phases/temporary.js';
import { bytePairs, writeTinyModel } from '../support/tiny-model.js';

const folder = temporary()();
const at = (name: string): string => join(folder, name);
const engine = createTaraEngine();
afterAll(() => engine.dispose());

/** `abcd` is merged from `ab` and `cd`; it, `cd` and `efg` go. */
const MERGES = ['a b', 'c d', 'ab cd', 'e f', 'ef g', 'x y'];
const LOST = ['abcd', 'cd', 'efg'];
let texts: string[];
let spelling: Spelling;

beforeAll(async () => {
  const vocabulary = bytePairs(MERGES);
  texts = [...vocabulary.tokens];
  await writeTinyModel(at('teacher.gguf'), { seed: 2, layers: 2, vocabulary });
  const whole = await readVocabulary(at('teacher.gguf'));
  const tokens = keptTokens(whole, LOST.map((text) => texts.indexOf(text)), texts.length - LOST.length);
  await convert({ base: at('teacher.gguf'), adapters: [], pruning: { tokens }, outputs: [{ id: 'cut', path: at('pruned.gguf'), type: 'q4_0' }] });
  const made = spellingOf(await readGguf(at('pruned.gguf')), await readGguf(at('teacher.gguf')));
  if (!made) throw new Error('the pruned file has the whole vocabulary');
  spelling = made;
  const words = ['abcd', 'efg', 'xy', 'ab', 'cdef', 'aabcd', 'gefg'];
  await writeFile(at('items.jsonl'), Array.from({ length: 60 }, (_, line) => `${JSON.stringify({ prompt: `${words[line % 7]} ${line}`, response: `${words[(line * 3) % 7]}${words[(line * 5 + 2) % 7]} and ${line * line}.` })}\n`).join(''));
});

const piecesOf = (id: number): number[] => Array.from(spelling.pieces.subarray(spelling.starts[id], spelling.starts[id + 1]));

describe('the spelling of a pruned vocabulary', () => {
  it('is how llama.cpp reads each token without those that went', async () => {
    await using model = await engine.load(at('pruned.gguf'), { contextSize: 64, slots: 1, threads: 1 });
    // Beyond the control tokens and single bytes, which are no text of their own.
    for (const [id, text] of texts.entries()) if (Array.from(text).length > 1 && !text.startsWith('<|')) expect([text, ...piecesOf(id)]).toEqual([text, ...(await model.tokenize(text, { addSpecial: false }))]);
    expect(piecesOf(texts.indexOf('abcd')).length).toBe(3);
    expect(spelling.teacherIds.length).toBe(texts.length - LOST.length);
  });

  it('is none for the same vocabulary, and refused for another', async () => {
    const teacher = await readGguf(at('teacher.gguf'));
    expect(spellingOf(teacher, teacher)).toBeNull();
    await writeTinyModel(at('other.gguf'), { vocabulary: bytePairs(['q r']) });
    const other = await readGguf(at('other.gguf'));
    expect(() => spellingOf(other, teacher)).toThrowError(expect.objectContaining({ code: 'TARA_REFERENCE_MISMATCH' }));
  });
});

/** Each row's whole distribution. */
function distributions(labels: Uint8Array, { top, drawn }: LabelShape): number[][] {
  const row = labelBytes({ top, drawn });
  return Array.from({ length: labels.length / row }, (_, index) => {
    const words = new DataView(labels.buffer, labels.byteOffset + index * row, row);
    const found = new Array<number>(spelling.teacherIds.length).fill(0);
    for (let i = 0; i < top; i += 1) found[words.getUint32(4 * (2 + i), true)] = words.getFloat32(4 * (2 + top + i), true);
    return found;
  });
}

const softmax = (logits: Float32Array): number[] => {
  const most = logits.reduce((top, value) => Math.max(top, value), -Infinity);
  const powers = Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
};

describe('labels for a pruned student', () => {
  it('give what was expected of a lost token to its pieces, one after the other', async () => {
    using network = await Network.open(layoutOf(await readGguf(at('teacher.gguf'))), { norms: false, scales: false, rank: 0, rest: false, seed: 0 }, { threads: 1 });
    const place = (text: string): number => Array.from(spelling.teacherIds).indexOf(texts.indexOf(text));
    const [ab, c, d, e] = ['ab', 'c', 'd', 'e'].map(place) as [number, number, number, number];
    const student = Int32Array.from([e, ab, c, d]);
    const teacher = student.map((id) => spelling.teacherIds[id] ?? 0);
    const shape: LabelShape = { top: spelling.teacherIds.length, drawn: 0 };
    const rows = distributions(await network.teach({ groups: [[student, student]] }, shape, 0, spelling), shape);
    const logits = await network.logits(teacher);
    const p = Array.from(teacher, (_, index) => softmax(logits.subarray(index * texts.length, (index + 1) * texts.length)));
    const of = (row: number, text: string): number => p[row]?.[texts.indexOf(text)] ?? 0;
    /** By first pieces. */
    const folded = (row: number): number[] => {
      const sums = new Array<number>(spelling.teacherIds.length).fill(0);
      p[row]?.forEach((value, id) => { const [first] = piecesOf(id); if (first !== undefined) sums[first] = (sums[first] ?? 0) + value; });
      const all = sums.reduce((total, value) => total + value, 0);
      return sums.map((value) => value / all);
    };
    const close = (got: readonly number[] | undefined, wanted: readonly number[]): void => wanted.forEach((value, id) => expect(got?.[id]).toBeCloseTo(value, 5));
    close(rows[0], folded(0));
    // After `ab` it was that token, or `abcd`, of which `c` is next.
    const lost = of(0, 'abcd') / (of(0, 'ab') + of(0, 'abcd'));
    const second = folded(1).map((value, id) => value * (1 - lost) + (id === c ? lost : 0));
    close(rows[1], second);
    // After `c`: within `abcd`, or `c` alone, or `cd`, of both of which the last is `d`.
    const [within, alone, pair] = [lost, (1 - lost) * of(1, 'c'), (1 - lost) * of(1, 'cd')];
    const sum = within + alone + pair;
    close(rows[2], folded(2).map((value, id) => (value * alone) / sum + (id === d ? (within + pair) / sum : 0)));
    // The second sequence begins anew.
    expect(rows.slice(4)).toEqual(rows.slice(0, 4));
  });
});

describe('distillation of a pruned student', () => {
  it('makes it better at the text, in the same bytes, and is judged by what the text costs', async () => {
    const report = await distil({ student: at('pruned.gguf'), teacher: at('teacher.gguf'), text: [at('items.jsonl')], output: at('taught.gguf'), engine, threads: 1, steps: 24, batchTokens: 256, rate: 5 });
    expect(report.improved).toBe(true);
    expect(report.after.bitsPerByte).toBeLessThan(report.before.bitsPerByte);
    expect([report.after.kld, report.recovered.kld]).toEqual([null, null]);
    expect(report.plain?.kld).toBeNull();
    const taught = await readGguf(at('taught.gguf'));
    expect(taught.tensors.map(({ name, type, ne }) => ({ name, type, ne }))).toEqual((await readGguf(at('pruned.gguf'))).tensors.map(({ name, type, ne }) => ({ name, type, ne })));
    const tokens = metadataOf(taught).get('tokenizer.ggml.tokens');
    expect(isGgufArray(tokens) && tokens.length).toBe(spelling.teacherIds.length);
    expect((await evaluate({ engine, threads: 1, model: at('taught.gguf'), text: at('items.jsonl'), contextSize: 64, chunks: 2 })).perplexity).toBeGreaterThan(1);
  });

  it('is a command, and a vocabulary that is no part of the teacher\'s is refused', async () => {
    const argv = (student: string, output: string): string[] => ['distill', student, '--teacher', 'teacher.gguf', '--text', 'items.jsonl', '--output', output, '--steps', '4', '--batch-tokens', '256', '--threads', '1', '--no-compare'];
    const ran = await tara(folder, argv('pruned.gguf', 'by-command.gguf'));
    expect([ran.code, ran.err]).toEqual([0, '']);
    expect(ran.out).toContain('whole');
    expect((await readFile(at('by-command.gguf'))).length).toBeGreaterThan(0);
    const refused = await tara(folder, [...argv('other.gguf', 'no.gguf'), '--json']);
    expect(refused.json<{ error: { code: string } }>().error.code).toBe('TARA_REFERENCE_MISMATCH');
  });
});
