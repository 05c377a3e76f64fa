/**
 * Whole processes, `tara-gguf imatrix` against llama-imatrix, in turn, on the same file, text, chunks and threads; how far their sums
 * are apart; and whether llama-quantize and `tara-gguf quantize` write the same bytes with our matrix.
 * TARA_LLAMA_BIN: a folder with llama-imatrix and llama-quantize. TARA_SMOLLM2_GGUF: an F16 or BF16 file. TARA_TEXT: running text.
 * TARA_BENCH_CHUNKS (16), TARA_BENCH_RUNS (5).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readImatrixData } from '../dist/src/index.js';
import { CLI, median, optional, paired, publish, timed } from './lib.mjs';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 5);
const CHUNKS = String(process.env.TARA_BENCH_CHUNKS ?? 16);
const THREADS = String(availableParallelism());
const TYPES = ['Q2_K', 'Q4_K_M', 'IQ4_NL'];
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-imatrix and llama-quantize');
const model = process.env.TARA_SMOLLM2_GGUF;
const text = process.env.TARA_TEXT;
if (!model || !text) throw new Error('TARA_SMOLLM2_GGUF (an unquantized GGUF file) and TARA_TEXT (running text) are needed');

const dir = mkdtempSync(join(process.env.TARA_BENCH_DIR ?? tmpdir(), 'tara-bench-'));
const at = (name) => join(dir, name);

const ours = () => timed(process.execPath, [CLI, 'imatrix', model, '--text', text, '--chunks', CHUNKS, '--threads', THREADS, '--output', at('ours.gguf'), '--quiet']);
const theirs = (...more) => timed(join(bin, 'llama-imatrix'), ['-m', model, '-f', text, '-c', '512', '--chunks', CHUNKS, '-t', THREADS, '-o', at('stock.gguf'), ...more]);

const times = (runs) => ({ seconds: median(runs.map(({ seconds }) => seconds)), cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)), peakRssBytes: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)) });

async function against(...more) {
  const pairs = await paired(RUNS, ours, () => theirs(...more));
  const result = {
    options: more, ours: times(pairs.map(([a]) => a)), llamaImatrix: times(pairs.map(([, b]) => b)),
    ratio: median(pairs.map(([a, b]) => a.seconds / b.seconds)), cpuRatio: median(pairs.map(([a, b]) => a.cpuSeconds / b.cpuSeconds)),
  };
  console.error(JSON.stringify(result));
  return result;
}

/** By weight: sums of absolute differences by sums; the worst of them. */
async function agreement() {
  const [mine, stock] = [await readImatrixData(at('ours.gguf')), await readImatrixData(at('stock.gguf'))];
  const weights = [...stock.entries].map(([name, { sums, counts }]) => {
    const other = mine.entries.get(name);
    if (!other || other.sums.length !== sums.length || counts.some((count, index) => count !== other.counts[index])) return { name, difference: Infinity };
    let [apart, all] = [0, 0];
    sums.forEach((sum, index) => {
      apart += Math.abs(sum - other.sums[index]);
      all += sum;
    });
    return { name, difference: apart / all };
  });
  const worst = weights.reduce((a, b) => (a.difference >= b.difference ? a : b));
  return { weights: weights.length, worst, onlyOurs: [...mine.entries.keys()].filter((name) => !stock.entries.has(name)) };
}

const identical = (type) => {
  timed(process.execPath, [CLI, 'quantize', model, at('q-ours.gguf'), '--type', type, '--imatrix', at('ours.gguf'), '--quiet'], { cwd: dir });
  timed(join(bin, 'llama-quantize'), ['--imatrix', at('ours.gguf'), model, at('q-stock.gguf'), type, THREADS]);
  return { type, identical: spawnSync('cmp', ['-s', at('q-ours.gguf'), at('q-stock.gguf')]).status === 0 };
};

try {
  ours(); // file cached
  const comparisons = bin ? [await against(), await against('--no-ppl')] : [];
  publish('imatrix', {
    runs: RUNS, threads: Number(THREADS), chunks: Number(CHUNKS), tokens: 512 * Number(CHUNKS),
    ...(bin ? { comparisons, agreement: await agreement(), quantized: TYPES.map(identical) } : { ours: times(Array.from({ length: RUNS }, ours)) }),
    load: readFileSync('/proc/loadavg', 'utf8').trim(),
  });
} finally {
  rmSync(dir, { recursive: true, force: true });
}
