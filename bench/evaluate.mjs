/**
 * `tara-gguf evaluate --reference` against llama-perplexity's two runs (the reference's logits to a file, then the KL run), whole
 * processes in turn, on the same files, chunks and threads: seconds, peak memory and how far the figures are apart. And what one
 * more comparison costs once a yardstick is there.
 *
 * TARA_SMOLLM2_GGUF: an F16 or BF16 file of SmolLM2-135M, the reference. TARA_TEXT: running text. TARA_LLAMA_BIN: a folder with
 * llama-perplexity. TARA_BENCH_TYPES (Q4_K_M,Q2_K), TARA_BENCH_CHUNKS (24), TARA_BENCH_RUNS (3), TARA_BENCH_DIR.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createYardstick } from '../dist/src/index.js';
import { CLI, median, optional, paired, publish, timed } from './lib.mjs';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 3);
const CHUNKS = Number(process.env.TARA_BENCH_CHUNKS ?? 24);
const CONTEXT = 512;
const types = (process.env.TARA_BENCH_TYPES ?? 'Q4_K_M,Q2_K').split(',');
const threads = availableParallelism();
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-perplexity');
const reference = process.env.TARA_SMOLLM2_GGUF;
const text = process.env.TARA_TEXT;
if (!reference || !text) throw new Error('set TARA_SMOLLM2_GGUF to an F16 file of SmolLM2-135M and TARA_TEXT to a running text');

const dir = mkdtempSync(join(process.env.TARA_BENCH_DIR ?? tmpdir(), 'tara-bench-'));
const at = (name) => join(dir, name);

function ours(model) {
  const run = timed(process.execPath, [CLI, 'evaluate', model, '--reference', reference, '--text', text, '--context', String(CONTEXT), '--chunks', String(CHUNKS), '--threads', String(threads), '--json']);
  return { ...run, figures: JSON.parse(run.stdout) };
}

/** What llama-perplexity prints after its labels; null where its log thread ended before the last line was out. */
function printed(stdout) {
  if (!stdout.includes('Same top p:')) return null;
  const after = (label) => Number(new RegExp(`${label} *: *(-?[\\d.]+)`).exec(stdout)[1]);
  return { perplexity: after('Mean PPL\\(Q\\)'), kld: after('Mean    KLD'), p99: after('99.0%   KLD'), max: after('Maximum KLD'), topTokenAgreement: after('Same top p') / 100 };
}

function stock(model) {
  const common = ['-f', text, '-c', String(CONTEXT), '--chunks', String(CHUNKS), '-t', String(threads), '--kl-divergence-base', at('logits')];
  const first = timed(join(bin, 'llama-perplexity'), ['-m', reference, ...common]);
  const logitsBytes = statSync(at('logits')).size;
  const second = timed(join(bin, 'llama-perplexity'), ['-m', model, ...common, '--kl-divergence']);
  rmSync(at('logits'));
  return {
    seconds: first.seconds + second.seconds, cpuSeconds: first.cpuSeconds + second.cpuSeconds, peakRssBytes: Math.max(first.peakRssBytes, second.peakRssBytes), logitsBytes,
    figures: printed(second.stdout),
  };
}

const relative = (a, b) => Math.abs(a / b - 1);

function compared({ figures: own }, { figures: their }) {
  return {
    perplexity: relative(own.perplexity, their.perplexity), meanKld: relative(own.kld.mean, their.kld), p99Kld: relative(own.kld.p99, their.p99),
    maxKld: relative(own.kld.max, their.max), topTokenAgreement: Math.abs(own.topTokenAgreement - their.topTokenAgreement),
  };
}

const summary = (runs) => ({ seconds: median(runs.map(({ seconds }) => seconds)), cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)), peakRssBytes: median(runs.map(({ peakRssBytes }) => peakRssBytes)) });

async function measure(type) {
  const model = at(`${type}.gguf`);
  timed(process.execPath, [CLI, 'quantize', reference, model, '--type', type]);
  const pairs = await paired(RUNS, () => ours(model), bin ? () => stock(model) : () => undefined);
  const own = pairs.map(([a]) => a);
  const { perplexity, kld, topTokenAgreement } = own[0].figures;
  const result = { type, bytes: statSync(model).size, perplexity, kld, topTokenAgreement, ours: summary(own) };
  if (!bin) return result;
  const whole = pairs.find(([, b]) => b.figures !== null);
  return {
    ...result, llamaPerplexity: { ...summary(pairs.map(([, b]) => b)), logitsBytes: pairs[0][1].logitsBytes },
    timeRatio: median(pairs.map(([a, b]) => a.seconds / b.seconds)), apart: whole ? compared(...whole) : 'llama-perplexity printed no whole result',
  };
}

/** Seconds to make a yardstick, and for each comparison after that. */
async function yardstickSeconds() {
  const started = performance.now();
  const yardstick = await createYardstick({ reference, text, contextSize: CONTEXT, chunks: CHUNKS, threads });
  const made = performance.now();
  for (const type of types) await yardstick.compare(at(`${type}.gguf`));
  const compare = (performance.now() - made) / 1000 / types.length;
  await yardstick.dispose();
  return { create: (made - started) / 1000, compare };
}

try {
  const measured = [];
  for (const type of types) measured.push(await measure(type));
  publish('evaluate', {
    runs: RUNS, task: `perplexity and KL divergence of ${CHUNKS} chunks of ${CONTEXT} tokens, ${threads} threads`, types: measured, yardstickSeconds: await yardstickSeconds(),
    targets: { timeRatio: 1.1, perplexityApart: 1e-3, meanKldApart: 1e-2 },
  });
} finally {
  rmSync(dir, { recursive: true, force: true });
}
