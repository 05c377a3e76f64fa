/**
 * build-phase from a safetensors base with two adapters to Q4_K_M, whole processes, against the Python chain:
 * PEFT merge_and_unload, convert_hf_to_gguf.py, llama-quantize.
 *
 * TARA_BENCH_BASE: SmolLM2-135M-Instruct as a Hugging Face checkpoint. TARA_PYTHON: a Python with torch, transformers, peft, gguf.
 * LLAMA_CPP_SRC: a llama.cpp checkout (its convert_hf_to_gguf.py). TARA_LLAMA_BIN: a folder with llama-quantize.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';
import { CLI, median, optional, paired, publish, timed } from './lib.mjs';

const RUNS = 3;
const base = process.env.TARA_BENCH_BASE;
if (!base) throw new Error('set TARA_BENCH_BASE to a checkpoint folder of SmolLM2-135M-Instruct');
const python = optional('TARA_PYTHON', 'a Python with torch, transformers, peft, gguf');
const source = optional('LLAMA_CPP_SRC', 'a llama.cpp checkout');
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-quantize');

const scratch = mkdtempSync(join(tmpdir(), 'tara-bench-'));
const adapter = (name) => join(ROOT, 'examples', 'adapters', name);
const cli = (home, ...args) => timed(process.execPath, [CLI, ...args, '--home', home, '--json']);

function ours(run) {
  const home = join(scratch, `home-${run}`);
  cli(home, 'create-phase', '1', '--quantization', 'Q4_K_M', '--base', base);
  for (const name of ['healthcare', 'education']) {
    cli(home, 'add-domain', '1', name, '--adapter-path', adapter(name));
    cli(home, 'update-domain', name, '--status', 'complete');
  }
  return cli(home, 'build-phase', '1');
}

const chain = (run) => timed(python, [join(ROOT, 'bench', 'peers', 'peft_chain.py'), base, adapter('healthcare'), adapter('education'), source, bin, join(scratch, `chain-${run}`)]);

try {
  const full = python && source && bin;
  const pairs = await paired(RUNS, ours, full ? chain : () => undefined);
  const figures = (runs) => ({ seconds: median(runs.map(({ seconds }) => seconds)), peakRssBytes: median(runs.map(({ peakRssBytes }) => peakRssBytes)) });
  publish('build-phase', {
    runs: RUNS,
    task: 'SmolLM2-135M-Instruct bf16 safetensors + 2 LoRA adapters -> Q4_K_M',
    ours: figures(pairs.map(([a]) => a)),
    ...(full ? { pythonChain: figures(pairs.map(([, b]) => b)), ratioSeconds: median(pairs.map(([a, b]) => a.seconds / b.seconds)), target: 0.25 } : {}),
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
