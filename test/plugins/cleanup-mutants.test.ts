/** Hostile variants of sound files, hundreds of them: none crashes, hangs, writes anything or is taken for sound where no reader may. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkFile } from '../../plugins/cleanup/file.js';
import { clean } from '../../plugins/cleanup/cleaner.js';
import { cutTexts, flipped, ggufMutants, safetensorsMutants, type Mutant } from '../support/mutants.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { makeModel, writeTensors } from './cleanup-model.js';

const MOST_MS = 2000;

let folder = '';
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'tara-mutants-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every mutant as a file of this name; all that went wrong, by mutant. */
async function wrongAmong(mutants: Iterable<Mutant>, file: string): Promise<string[]> {
  const wrong: string[] = [];
  let count = 0;
  for (const { name, bytes, refused } of mutants) {
    count += 1;
    const path = join(folder, file);
    writeFileSync(path, bytes);
    const before = process.cpuUsage();
    const { issues } = await checkFile(path).catch((thrown: unknown) => ({ issues: [{ code: 'THROWN', message: `thrown: ${String(thrown)}` }] }));
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 > MOST_MS) wrong.push(`${name}: took ${(user + system) / 1000} ms of the CPU`);
    if (refused && issues.length === 0) wrong.push(`${name}: taken for sound`);
    for (const { code, message } of issues) if (code === 'THROWN' || !/^[^\n]{3,}$/.test(message)) wrong.push(`${name}: ${message}`);
    if (readdirSync(folder).length !== 1) wrong.push(`${name}: something was written`);
    rmSync(path);
  }
  expect(count).toBeGreaterThan(100);
  return wrong;
}

describe('files', () => {
  test('GGUF', async () => {
    const source = await writeTinyModel(join(folder, 'source.gguf'), { layers: 1 });
    const bytes = readFileSync(source);
    expect((await checkFile(source)).issues).toEqual([]);
    rmSync(source);
    expect(await wrongAmong(ggufMutants(bytes), 'mutant.gguf')).toEqual([]);
  }, 120_000);

  test('safetensors', async () => {
    const f32 = (...shape: number[]) => ({ dtype: 'F32', shape, data: Buffer.alloc(4 * shape.reduce((a, b) => a * b, 1)) });
    writeTensors(folder, 'source.safetensors', { first: f32(4, 2), second: f32(3), third: { dtype: 'BF16', shape: [2, 2], data: Buffer.alloc(8) } });
    const source = join(folder, 'source.safetensors');
    const bytes = readFileSync(source);
    expect((await checkFile(source)).issues).toEqual([]);
    rmSync(source);
    expect(await wrongAmong(safetensorsMutants(bytes), 'mutant.safetensors')).toEqual([]);
  }, 120_000);
});

/** A folder whose file is each mutant in turn; where no reader may take it, an issue must name the file. */
async function wrongInFolder(root: string, file: string, mutants: Iterable<Mutant>): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, bytes, refused } of mutants) {
    writeFileSync(join(root, file), bytes);
    const report = await clean(root).catch((thrown: unknown) => String(thrown));
    if (typeof report === 'string') wrong.push(`${name}: ${report}`);
    else if (refused && !report.issues.some(({ path, severity }) => path === file && severity === 'error')) wrong.push(`${name}: not named (${JSON.stringify(report.issues)})`);
  }
  return wrong;
}

describe('configurations and vocabularies of a model', () => {
  test.each(['config.json', 'tokenizer_config.json'])('%s', async (file) => {
    const root = makeModel();
    const text = readFileSync(join(root, file), 'utf8');
    expect(await wrongInFolder(root, file, [...cutTexts(text, 25), ...flipped(Buffer.from(text), text.length, 40, 3)])).toEqual([]);
  }, 60_000);

  test('tokenizer.json', async () => {
    const root = makeModel();
    rmSync(join(root, 'tokenizer.model'));
    const text = JSON.stringify({ version: '1.0', added_tokens: [{ id: 2, content: '</s>' }], model: { type: 'BPE', unk_token: '<unk>', vocab: { '<unk>': 0, '<s>': 1, '</s>': 2, a: 3 }, merges: [] } });
    expect(await wrongInFolder(root, 'tokenizer.json', [...cutTexts(text, 25), ...flipped(Buffer.from(text), text.length, 40, 4)])).toEqual([]);
  }, 60_000);

  test('tokenizer.model', async () => {
    const root = makeModel();
    const bytes = readFileSync(join(root, 'tokenizer.model'));
    const cuts = [0, 1, 2, 7, 1000, bytes.length - 1].map((at) => ({ name: `cut at byte ${at}`, bytes: bytes.subarray(0, at), refused: at === 0 }));
    expect(await wrongInFolder(root, 'tokenizer.model', [...cuts, ...flipped(bytes, bytes.length, 40, 5)])).toEqual([]);
  }, 60_000);

  test('weights and index of shards', async () => {
    const root = makeModel();
    const copy = join(folder, 'model');
    cpSync(root, copy, { recursive: true });
    const bytes = readFileSync(join(root, 'model.safetensors'));
    const cuts = [0, 8, 100, bytes.length - 1].map((at) => ({ name: `cut at byte ${at}`, bytes: bytes.subarray(0, at), refused: true }));
    expect(await wrongInFolder(root, 'model.safetensors', [...cuts, ...flipped(bytes, 3000, 40, 6)])).toEqual([]);
    const index = JSON.stringify({ metadata: {}, weight_map: { 'model.norm.weight': 'a.safetensors', 'model.embed_tokens.weight': 'b.safetensors' } });
    rmSync(join(copy, 'model.safetensors'));
    expect(await wrongInFolder(copy, 'model.safetensors.index.json', cutTexts(index, 20))).toEqual([]);
  }, 60_000);
});
