/** Hot paths in TypeScript, by benchmark.js: a GGUF header, planning and lowering, a tokenizer's hash, a router's words, a Pareto front. */
import { mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Benchmark from 'benchmark';
import { encodeHeader, paretoFront, readGguf, tensorBytes } from '../dist/src/index.js';
import { planConvert } from '../dist/src/convert/index.js';
import { pretokenizerHash } from '../dist/src/convert/tokenizers/index.js';
import { lower } from '../dist/src/plan/lower.js';
import { wordsOf } from '../dist/plugins/router/words.js';
import { publish } from './lib.mjs';

/** SmolLM2-135M's shape: what most of the figures of this project are measured on. */
const SHAPE = { width: 576, kv: 192, inner: 1536, layers: 30, vocabulary: 49152 };

/** Distinct byte-level tokens, as many as asked: bytes, then pairs and triples of letters. */
function vocabulary(count) {
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174 ? byte : 256 + byte));
  const longer = letters.flatMap((a) => letters.flatMap((b) => [`${a}${b}`, ...letters.map((c) => `${a}${b}${c}`)]));
  return [...bytes, ...longer].slice(0, count);
}

const tokens = vocabulary(SHAPE.vocabulary);
/** A pair from two letters, a triple from a pair and a letter. */
const merges = tokens.slice(256).map((token) => `${token.slice(0, -1)} ${token.slice(-1)}`);

/** A model file that is all header: its weights are a hole. */
function writeModel(path) {
  const { width, kv, inner, layers } = SHAPE;
  const list = [
    ['token_embd.weight', [width, tokens.length]],
    ...Array.from({ length: layers }, (_, layer) => [
      ['attn_norm', [width]], ['attn_q', [width, width]], ['attn_k', [width, kv]], ['attn_v', [width, kv]], ['attn_output', [width, width]],
      ['ffn_norm', [width]], ['ffn_gate', [width, inner]], ['ffn_up', [width, inner]], ['ffn_down', [inner, width]],
    ].map(([role, ne]) => [`blk.${layer}.${role}.weight`, ne])).flat(),
    ['output_norm.weight', [width]],
  ];
  let end = 0;
  const tensors = list.map(([name, ne]) => {
    const type = ne.length > 1 ? 'f16' : 'f32';
    const offset = end;
    end += Math.ceil(tensorBytes(type, ne) / 32) * 32;
    return { name, ne, type, offset };
  });
  const u32 = (key, value) => ({ key: `llama.${key}`, type: 'uint32', value });
  const metadata = [
    { key: 'general.architecture', type: 'string', value: 'llama' },
    u32('context_length', 2048), u32('embedding_length', width), u32('block_count', layers), u32('feed_forward_length', inner), u32('attention.head_count', 9), u32('attention.head_count_kv', 3),
    { key: 'llama.attention.layer_norm_rms_epsilon', type: 'float32', value: 1e-5 },
    { key: 'tokenizer.ggml.model', type: 'string', value: 'gpt2' }, { key: 'tokenizer.ggml.pre', type: 'string', value: 'smollm' },
    { key: 'tokenizer.ggml.tokens', type: 'array', value: { of: 'string', items: tokens } },
    { key: 'tokenizer.ggml.token_type', type: 'array', value: { of: 'int32', items: tokens.map(() => 1) } },
    { key: 'tokenizer.ggml.merges', type: 'array', value: { of: 'string', items: merges } },
  ];
  const file = openSync(path, 'w');
  const header = encodeHeader({ metadata, tensors, alignment: 32 });
  writeSync(file, header);
  ftruncateSync(file, header.length + end);
  closeSync(file);
}

const folder = mkdtempSync(join(tmpdir(), 'tara-micro-'));
const model = join(folder, 'model.gguf');
writeModel(model);

const input = { base: model, adapters: [], outputs: [{ id: 'out', path: join(folder, 'out.gguf'), type: 'Q4_K_M' }] };
const planned = await planConvert(input);
const tokenizer = {
  normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }, post_processor: null, decoder: { type: 'ByteLevel' }, added_tokens: [],
  model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
};
const message = 'My knees have been hurting since the weekend\'s run, and the invoice for the physiotherapist\'s training is 120.50: which cost-effective exercises would you recommend? '.repeat(8);
const points = Array.from({ length: 64 }, (_, index) => [(index * 37) % 64, (index * 53) % 64]);

const TASKS = {
  [`read the header of a GGUF file (${tokens.length} tokens, ${1 + 9 * SHAPE.layers + 1} tensors)`]: () => readGguf(model),
  'plan a Q4_K_M of it': () => planConvert(input),
  'lower that plan': () => lower(planned),
  [`hash a tokenizer of ${tokens.length} tokens`]: () => pretokenizerHash(tokenizer),
  [`a router's words of ${message.length} characters`]: () => wordsOf(message),
  'the Pareto front of 64 files': () => paretoFront(points, ([x]) => x, ([, y]) => y),
};

const suite = new Benchmark.Suite();
for (const [name, task] of Object.entries(TASKS)) {
  const isAsync = task() instanceof Promise;
  suite.add(name, isAsync ? { defer: true, fn: (deferred) => task().then(() => deferred.resolve()) } : { fn: task });
}
const results = await new Promise((resolve) => {
  const done = [];
  suite
    .on('cycle', ({ target }) => {
      console.log(String(target));
      done.push({ task: target.name, milliseconds: target.stats.mean * 1000, marginOfError: target.stats.rme / 100, runs: target.stats.sample.length });
    })
    .on('complete', () => resolve(done))
    .run();
});
rmSync(folder, { recursive: true, force: true });
publish('micro', { results });
