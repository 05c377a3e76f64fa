/**
 * `tara-gguf convert` from bf16 safetensors to f16, whole processes: SmolLM2-135M against convert_hf_to_gguf.py, and a
 * synthetic checkpoint of 1.5 billion parameters against a plain copy of its file (both to the disk, synced).
 *
 * TARA_BENCH_BASE: SmolLM2-135M-Instruct as a Hugging Face checkpoint. TARA_PYTHON: a Python with torch, transformers, gguf.
 * LLAMA_CPP_SRC: a llama.cpp checkout (its convert_hf_to_gguf.py).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, median, optional, paired, publish, timed } from './lib.mjs';
import { writeLargeCheckpoint } from './peers/large_checkpoint.mjs';

const RUNS = 5;
const LARGE_RUNS = 3;
const base = process.env.TARA_BENCH_BASE;
if (!base) throw new Error('set TARA_BENCH_BASE to a checkpoint folder of SmolLM2-135M-Instruct');
const python = optional('TARA_PYTHON', 'a Python with torch, transformers, gguf');
const source = optional('LLAMA_CPP_SRC', 'a llama.cpp checkout');

const scratch = mkdtempSync(join(tmpdir(), 'tara-bench-'));
const output = join(scratch, 'out.gguf');
const weightsOf = (dir) => statSync(join(dir, 'model.safetensors')).size;
const ours = (dir) => timed(process.execPath, [CLI, 'convert', dir, '--output', output, '--type', 'f16']);
const reference = () => timed(python, [join(source, 'convert_hf_to_gguf.py'), base, '--outfile', join(scratch, 'reference.gguf'), '--outtype', 'f16']);
const copy = (dir) => timed('sh', ['-c', 'cp --reflink=never "$0" "$1" && sync "$1"', join(dir, 'model.safetensors'), join(scratch, 'copy')]);

const figures = (runs, bytes) => {
  const seconds = median(runs.map((run) => run.seconds));
  return { seconds, bytesPerSecond: Math.round(bytes / seconds), peakRssBytes: median(runs.map(({ peakRssBytes }) => peakRssBytes)) };
};
const firsts = (pairs) => pairs.map(([a]) => a);
const seconds = (pairs) => pairs.map(([, b]) => b);

try {
  const small = await paired(RUNS, () => ours(base), python && source ? reference : () => undefined);
  const smallCopy = await paired(RUNS, () => ours(base), () => copy(base));
  const large = join(scratch, 'large');
  const parameters = writeLargeCheckpoint(large, base) / 2;
  const largeCopy = await paired(LARGE_RUNS, () => ours(large), () => copy(large));
  publish('convert', {
    runs: { small: RUNS, large: LARGE_RUNS },
    small: {
      task: 'SmolLM2-135M-Instruct bf16 safetensors -> f16 GGUF',
      ours: figures([...firsts(small), ...firsts(smallCopy)], weightsOf(base)),
      copy: figures(seconds(smallCopy), weightsOf(base)),
      ...(python && source ? { reference: figures(seconds(small), weightsOf(base)), timesFaster: median(small.map(([a, b]) => b.seconds / a.seconds)), target: 8 } : {}),
    },
    large: {
      task: 'a synthetic llama, bf16 safetensors -> f16 GGUF', parameters,
      ours: figures(firsts(largeCopy), weightsOf(large)), copy: figures(seconds(largeCopy), weightsOf(large)),
      secondsBesideCopy: median(largeCopy.map(([a, b]) => a.seconds / b.seconds)),
    },
    targets: { smallPeakRssBytes: 300e6, largePeakRssBytes: 700e6 },
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
