/**
 * Sparse files against the same preset with nothing cut: size, decode speed and bits per byte of unseen text as ratios beside their targets,
 * at the default and down to three quarters of the bytes; and stock llama.cpp's perplexity of the file beside ours.
 *
 * TARA_BENCH_BASE: a checkpoint folder (the targets speak of the plain SmolLM2-135M). TARA_BENCH_ADAPTERS: adapter folders to merge, by comma,
 * named as their domains are. TARA_DATA: folder with calibration/DOMAIN.jsonl and domain-text/DOMAIN.jsonl. TARA_LLAMA_BIN: folder of llama.cpp's
 * tools, for llama-bench and llama-perplexity. TARA_BENCH_HOME: keeps measurements for a next run. TARA_BENCH_SPARSITIES (0.17,0.2,0.25), TARA_BENCH_MINUTES: what
 * each may learn for (the product's default; 8,0,0 for one each), TARA_BENCH_ITEMS: of each domain that bits per byte
 * are measured on, whole (24), TARA_BENCH_CHUNKS: of 512 tokens for perplexity (24), TARA_BENCH_THREADS.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createTaraEngine } from '../dist/src/index.js';
import { bitsPerByte, readLossItems, textBits } from '../dist/src/models/index.js';
import { CLI, median, paired, publish } from './lib.mjs';

const [base, adapterList, data, tools] = ['TARA_BENCH_BASE', 'TARA_BENCH_ADAPTERS', 'TARA_DATA', 'TARA_LLAMA_BIN'].map((name) => {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
});
const adapters = adapterList.split(',');
const domains = adapters.map((path) => basename(path));
const sparsities = (process.env.TARA_BENCH_SPARSITIES ?? '0.17,0.2,0.25').split(',').map(Number);
const minutes = process.env.TARA_BENCH_MINUTES?.split(',');
const most = Number(process.env.TARA_BENCH_ITEMS ?? 24);
const chunks = process.env.TARA_BENCH_CHUNKS ?? '24';
const threads = process.env.TARA_BENCH_THREADS ?? String(availableParallelism());
const PRESET = 'Q4_K_M';
const PAIRS = 9;
/** Of the same preset: at most, at least, at most. They are for the default, the first sparsity. */
const TARGETS = { bytes: 0.85, decode: 1.12, bitsPerByte: 1.05 };
const scratch = mkdtempSync(join(tmpdir(), 'tara-sparse-bench-'));

function call(command, args) {
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 << 20 });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.slice(-2000)}`);
  return { out: stdout, all: stdout + stderr, seconds: (performance.now() - started) / 1000 };
}
const tara = (...args) => call(process.execPath, [CLI, ...args, '--home', process.env.TARA_BENCH_HOME ?? join(scratch, 'home')]);
const textsOf = (kind) => domains.flatMap((domain) => ['--text', join(data, kind, `${domain}.jsonl`)]);

const perplexityOf = (path, text) => JSON.parse(tara('evaluate', path, '--text', text, '--chunks', chunks, '--threads', threads, '--json').out).perplexity;

/** Of whole items: chunks of tokens would be other text for another vocabulary. */
async function bitsPerByteOf(path) {
  const items = [];
  for (const name of domains) items.push(...(await readLossItems(join(data, 'domain-text', `${name}.jsonl`))).slice(0, most));
  const engine = createTaraEngine();
  const model = await engine.load(path, { contextSize: 1024, slots: 1, threads: Number(threads) });
  try {
    return bitsPerByte(await textBits(model, items));
  } finally {
    await model.dispose();
    await engine.dispose();
  }
}

/** Tokens a second in llama-bench: decoding 128, reading 256. */
function benched(path) {
  const rows = JSON.parse(call(join(tools, 'llama-bench'), ['-m', path, '-p', '256', '-n', '128', '-r', '1', '-t', threads, '-o', 'json']).out);
  return { prompt: rows.find(({ n_gen }) => n_gen === 0).avg_ts, decode: rows.find(({ n_gen }) => n_gen > 0).avg_ts };
}

async function speedRatio(path, stock) {
  const pairs = await paired(PAIRS, () => benched(path), () => benched(stock));
  const ratio = (what) => median(pairs.map(([a, b]) => a[what] / b[what]));
  return { decode: ratio('decode'), prompt: ratio('prompt') };
}

try {
  const [float, stock] = ['float', 'stock'].map((name) => join(scratch, `${name}.gguf`));
  tara('convert', base, '--output', float, '--type', 'f16', ...adapters.flatMap((path) => ['--adapter', `${path}=${1 / adapters.length}`]));
  tara('quantize', float, stock, '--type', PRESET);
  const before = await bitsPerByteOf(stock);
  // Running text, which llama-perplexity and evaluate cut alike.
  const running = join(scratch, 'running.txt');
  writeFileSync(running, domains.map((domain) => readFileSync(join(data, 'domain-text', `${domain}.jsonl`), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)).map(({ prompt, response, text }) => text ?? `${prompt}\n${response}`).join('\n\n')).join('\n\n'));

  const rows = [];
  for (const [index, sparsity] of sparsities.entries()) {
    const path = join(scratch, 'sparse.gguf');
    const { out, seconds } = tara('quantize', float, path, '--type', PRESET, '--compression-type', 'sparse', ...textsOf('calibration'), '--sparsity', String(sparsity), ...(minutes?.[index] ? ['--distill-minutes', minutes[index]] : []), '--threads', threads, '--json');
    const { preset, evidence, report } = JSON.parse(out).compression;
    const after = await bitsPerByteOf(path);
    const speed = await speedRatio(path, stock);
    const [, printed] = /Final estimate: PPL = (\S+)/.exec(call(join(tools, 'llama-perplexity'), ['-m', path, '-f', running, '-c', '512', '--chunks', chunks, '-t', threads]).all) ?? [];
    const ours = perplexityOf(path, running);
    const ratios = { bytes: statSync(path).size / statSync(stock).size, ...speed, bitsPerByte: after / before };
    const met = index > 0 ? null : { bytes: ratios.bytes <= TARGETS.bytes, decode: ratios.decode >= TARGETS.decode, bitsPerByte: ratios.bitsPerByte <= TARGETS.bitsPerByte };
    rows.push({ sparsity, minutes: minutes?.[index] === undefined ? 'default' : Number(minutes[index]), preset, plainWins: report.plainWins, cut: report.cut, bytes: statSync(path).size, ratios, met, bitsPerByte: after, perplexity: { ours, llamaPerplexity: Number(printed) }, seconds, evidence });
    console.error(`${sparsity}: bytes ${ratios.bytes.toFixed(3)}, decode ${ratios.decode.toFixed(3)}, prompt ${ratios.prompt.toFixed(3)}, bits per byte ${ratios.bitsPerByte.toFixed(3)}; perplexity ${ours.toFixed(4)}, llama-perplexity ${printed}; ${seconds.toFixed(0)} s`);
    rmSync(path);
    // Each row costs minutes: an interrupted run keeps those that it has.
    publish('sparse', { task: `${PRESET} of ${basename(base)} with ${domains.join(' and ')} merged, cut, against the same preset; scored on domain-text`, threads: Number(threads), targets: TARGETS, before: { bytes: statSync(stock).size, bitsPerByte: before }, rows });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
