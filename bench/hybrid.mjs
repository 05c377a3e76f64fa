/**
 * Hybrid files against llama-quantize's presets of no fewer bytes: mean KL divergence from the F16 model, scored by
 * llama-perplexity on text that no calibration saw, both made with the same importance matrix of llama-imatrix.
 *
 * TARA_BENCH_BASE: the model as a checkpoint folder or GGUF file (the targets speak of SmolLM2-135M, rescaled).
 * TARA_LLAMA_BIN: folder of llama.cpp's tools. TARA_DATA: folder with calibration/*.jsonl and text/wikitext2.valid.txt;
 * the first half of that text is calibration, the part behind three fifths of it is scored.
 * TARA_BENCH_PRESETS (Q4_K_M,IQ4_NL,Q2_K: the first search learns what the others use), TARA_BENCH_CHUNKS (24), TARA_BENCH_MATRIX=own for
 * our own matrix in the hybrid files. TARA_BENCH_WORK: a folder that is kept, so that a run goes on where another ended. TARA_BENCH_RESULT:
 * the result's name, for another model (bench/padded-model.mjs makes one whose rows k-quants can hold).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, publish } from './lib.mjs';

const [base, tools, data] = ['TARA_BENCH_BASE', 'TARA_LLAMA_BIN', 'TARA_DATA'].map((name) => {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
});
const presets = (process.env.TARA_BENCH_PRESETS ?? 'Q4_K_M,IQ4_NL,Q2_K').split(',').filter((name) => name !== '');
const chunks = process.env.TARA_BENCH_CHUNKS ?? '24';
const own = process.env.TARA_BENCH_MATRIX === 'own';
const result = process.env.TARA_BENCH_RESULT ?? 'hybrid';
/** Most of the stock preset's divergence that is allowed, on the model that the targets speak of. */
const TARGETS = result === 'hybrid' ? { Q2_K: 0.22, IQ4_NL: 0.52, Q4_K_M: 0.48 } : {};
/** About what a search reads of its own texts. */
const CALIBRATION_CHUNKS = '40';
const threads = process.env.TARA_BENCH_THREADS ?? String(availableParallelism());
const kept = process.env.TARA_BENCH_WORK;
const scratch = kept ?? mkdtempSync(join(tmpdir(), 'tara-hybrid-bench-'));
if (kept) mkdirSync(kept, { recursive: true });
/** Makes a file unless an earlier run made it. */
const once = (path, make) => { if (!existsSync(path)) make(); };

function call(command, args) {
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 << 20 });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.slice(-2000)}`);
  return { out: stdout, all: stdout + stderr, seconds: (performance.now() - started) / 1000 };
}
const tool = (name, ...args) => call(join(tools, name), args);
const tara = (...args) => call(process.execPath, [CLI, ...args]);

/** Mean KL divergence with its standard error, and agreement, as llama-perplexity prints them. */
function scored(path) {
  const { all } = tool('llama-perplexity', '-m', path, '-c', '512', '--chunks', chunks, '-t', threads, '--kl-divergence-base', join(scratch, 'base.kld'), '--kl-divergence');
  const [, mean, error] = /Mean\s+KLD:\s+(\S+)\s+±\s+(\S+)/.exec(all) ?? [];
  const [, agreement] = /Same top p:\s+(\S+)/.exec(all) ?? [];
  return { bytes: statSync(path).size, kld: Number(mean), kldError: Number(error), topTokenAgreement: Number(agreement) / 100 };
}

try {
  const float = join(scratch, 'float.gguf');
  once(float, () => tara('convert', base, '--output', float, '--type', 'f16'));
  const calibration = join(data, 'calibration');
  const items = readdirSync(calibration).filter((name) => name.endsWith('.jsonl')).map((name) => join(calibration, name));
  const lines = readFileSync(join(data, 'text', 'wikitext2.valid.txt'), 'utf8').split('\n');
  const [running, unseen, all] = ['running.txt', 'unseen.txt', 'all.txt'].map((name) => join(scratch, name));
  writeFileSync(running, lines.slice(0, lines.length >> 1).join('\n'));
  writeFileSync(unseen, lines.slice(Math.floor(lines.length * 0.6)).join('\n'));
  const asText = (line) => {
    const { prompt, response, text } = JSON.parse(line);
    return text ?? `${prompt}\n${response}`;
  };
  // Half running text, half items, from all files alike.
  const byFile = items.map((path) => readFileSync(path, 'utf8').split('\n').filter((line) => line.trim() !== '').map(asText));
  const mixed = byFile[0].flatMap((_, index) => byFile.flatMap((file) => file[index] ?? []));
  writeFileSync(all, `${lines.slice(0, lines.length >> 2).join('\n').slice(0, 120_000)}\n\n${mixed.join('\n\n').slice(0, 120_000)}`);

  const matrix = join(scratch, 'imatrix.gguf');
  once(matrix, () => tool('llama-imatrix', '-m', float, '-f', all, '-c', '512', '--chunks', CALIBRATION_CHUNKS, '-t', threads, '-o', matrix));
  const logits = join(scratch, 'base.kld');
  once(logits, () => tool('llama-perplexity', '-m', float, '-f', unseen, '-c', '512', '--chunks', chunks, '-t', threads, '--kl-divergence-base', logits));

  const done = join(scratch, 'rows.json');
  const rows = existsSync(done) ? JSON.parse(readFileSync(done, 'utf8')).filter(({ preset }) => !presets.includes(preset)) : [];
  for (const preset of presets) {
    const [stock, hybrid] = ['stock', 'hybrid'].map((kind) => join(scratch, `${kind}-${preset}.gguf`));
    tool('llama-quantize', '--imatrix', matrix, float, stock, preset, threads);
    const { out, seconds } = tara(
      'quantize', float, hybrid, '--type', preset, '--compression-type', 'hybrid', '--target-size', String(statSync(stock).size), ...(own ? [] : ['--imatrix', matrix]),
      ...[...items, running].flatMap((path) => ['--text', path]), '--threads', threads, '--home', join(scratch, 'home'), '--json',
    );
    const { compression } = JSON.parse(out);
    const [before, after] = [scored(stock), scored(hybrid)];
    const ratio = after.kld / before.kld;
    rows.push({ preset, stock: before, hybrid: after, ratio, target: TARGETS[preset] ?? null, met: TARGETS[preset] === undefined ? null : ratio <= TARGETS[preset], seconds, evidence: compression.evidence });
    console.error(`${preset}: ${before.bytes} -> ${after.bytes} bytes, KL ${before.kld} -> ${after.kld}, ratio ${ratio.toFixed(3)} (target ${TARGETS[preset] ?? '-'}), ${seconds.toFixed(0)} s`);
    if (kept) writeFileSync(done, JSON.stringify(rows));
    rmSync(stock);
    rmSync(hybrid);
  }
  publish(result, { task: `hybrid files against stock presets, ${chunks} chunks of 512 of unseen text, llama-perplexity`, matrix: own ? 'own in the hybrid files' : 'llama-imatrix in both', threads: Number(threads), rows });
} finally {
  if (!kept) rmSync(scratch, { recursive: true, force: true });
}
