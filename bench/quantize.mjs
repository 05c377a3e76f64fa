/**
 * Whole processes, `tara-gguf quantize` against llama-quantize, in turn, on the same file and threads, and every pair of outputs
 * compared byte by byte: types, whole presets, several presets in one pass, with and without an importance matrix. Writes bench/results/quantize.json and .svg.
 * TARA_LLAMA_BIN: a folder with llama-quantize. TARA_BENCH_RUNS: pairs of each (5). TARA_SMOLLM2_GGUF: an F16 or BF16 file of it (optional). TARA_ISA: avx2, baseline.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeCall } from '../dist/src/engine/jobs.js';
import { CLI, machine, median, optional, paired, publish, timed } from './lib.mjs';
import { plot } from './plot.mjs';
import { syntheticImatrix, syntheticModel } from './synthetic-model.mjs';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 5);
/** llama-quantize takes ten to forty seconds with importance, and half a minute for IQ4. */
const runsOf = (type, weighted) => (type.startsWith('IQ4') ? 1 : weighted ? Math.min(RUNS, 3) : RUNS);
/** Times llama-quantize's speed that whole processes are to reach with AVX2. */
const TARGETS = { Q4_K_M: 8, Q2_K: 6, Q3_K_M: 6, Q5_K_M: 6, Q6_K: 6 };
const SMOLLM2_TARGET = 3;
const ONE_PASS_SHARE = 0.12;
const SINGLE = ['Q4_K_M', 'Q2_K', 'Q3_K_M', 'Q5_K_M', 'Q6_K', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'IQ4_NL', 'IQ4_XS'];
const WEIGHTED = ['Q4_K_M', 'Q2_K', 'Q3_K_M', 'Q5_K_M', 'Q6_K', 'Q4_0', 'IQ4_XS'];
const MANY = ['Q2_K', 'Q4_K_M', 'Q5_K_M', 'Q6_K'];
const threads = availableParallelism();
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-quantize');
const smol = optional('TARA_SMOLLM2_GGUF', 'an unquantized GGUF file of SmolLM2-135M');
const wanted = process.env.TARA_BENCH_TYPES?.split(',');
const types = (list) => (wanted ? list.filter((type) => wanted.includes(type)) : list);

const dir = mkdtempSync(join(process.env.TARA_BENCH_DIR ?? tmpdir(), 'tara-bench-'));
const at = (name) => join(dir, name);
const model = process.env.TARA_BENCH_MODEL ?? join(process.env.TARA_BENCH_DIR ?? tmpdir(), 'tara-bench-268m-bf16.gguf');
const imatrix = at('imatrix.gguf');

function same(a, b) {
  if (statSync(a).size !== statSync(b).size) return false;
  return spawnSync('cmp', ['-s', a, b]).status === 0;
}

const weightedBy = (file) => (file ? ['--imatrix', file] : []);
const ours = (input, type, output, file) => timed(process.execPath, [CLI, 'quantize', input, output, '--type', type, '--threads', String(threads), '--json', ...weightedBy(file)]);
const theirs = (input, type, output, file) => timed(join(bin, 'llama-quantize'), [...weightedBy(file), input, output, type, String(threads)]);
const summary = (pairs) => ({
  seconds: median(pairs.map(([a]) => a.seconds)),
  cpuSeconds: median(pairs.map(([a]) => a.cpuSeconds)),
  peakRssBytes: Math.max(...pairs.map(([a]) => a.peakRssBytes)),
  ...(bin ? { llamaQuantizeSeconds: median(pairs.map(([, b]) => b.seconds)), ratio: median(pairs.map(([a, b]) => b.seconds / a.seconds)), cpuRatio: median(pairs.map(([a, b]) => b.cpuSeconds / a.cpuSeconds)) } : {}),
});

async function one(input, type, file) {
  const [mine, stock] = [at('ours.gguf'), at('stock.gguf')];
  ours(input, type, mine, file); // file cached, output allocated
  const pairs = await paired(runsOf(type, file !== undefined), () => ours(input, type, mine, file), bin ? () => theirs(input, type, stock, file) : () => undefined);
  const inside = JSON.parse(pairs[0][0].stdout);
  const result = { type, imatrix: file !== undefined, runs: pairs.length, ...summary(pairs), runSeconds: inside.runSeconds, planSeconds: inside.planSeconds, ...(bin ? { identical: same(mine, stock) } : {}) };
  console.error(JSON.stringify(result));
  return result;
}

async function many(input) {
  const outputs = MANY.map((type) => at(`many-${type}.gguf`));
  const stocks = MANY.map((type) => at(`stock-${type}.gguf`));
  const all = () => timed(process.execPath, [CLI, 'quantize', input, at('many.gguf'), '--type', MANY.join(','), '--threads', String(threads), '--json']);
  const each = () => MANY.map((type, index) => theirs(input, type, stocks[index])).reduce((sum, { seconds, cpuSeconds, peakRssBytes }) => ({ seconds: sum.seconds + seconds, cpuSeconds: sum.cpuSeconds + cpuSeconds, peakRssBytes: Math.max(sum.peakRssBytes, peakRssBytes) }));
  const pairs = await paired(Math.max(1, RUNS >> 1), all, bin ? each : () => undefined);
  const made = summary(pairs);
  const result = { types: MANY, ...made, ...(bin ? { share: 1 / made.ratio, identical: outputs.every((output, index) => same(output, stocks[index])) } : {}) };
  console.error(JSON.stringify(result));
  return result;
}

try {
  const parameters = await syntheticModel(model);
  await syntheticImatrix(imatrix);
  const results = { presets: [], weighted: [], smollm2: [] };
  for (const type of types(SINGLE)) results.presets.push(await one(model, type));
  for (const type of types(WEIGHTED)) results.weighted.push(await one(model, type, imatrix));
  if (smol) for (const type of types(['Q4_K_M', 'Q8_0'])) results.smollm2.push(await one(smol, type));
  const together = !wanted || wanted.includes('many') ? await many(model) : undefined;
  const start = await paired(RUNS, () => timed(process.execPath, [CLI, '--version']), () => timed(process.execPath, ['-e', '0']));
  const name = process.env.TARA_BENCH_NAME ?? 'quantize';
  publish(name, {
    runs: RUNS, threads, instructions: nativeCall('quant.isas').best, parameters, bytes: statSync(model).size,
    targets: { ...TARGETS, SmolLM2: SMOLLM2_TARGET, fourInOnePass: ONE_PASS_SHARE, memoryBytes: 250e6 },
    ...results, together, startSeconds: median(start.map(([a]) => a.seconds)), nodeStartSeconds: median(start.map(([, b]) => b.seconds)),
    load: readFileSync('/proc/loadavg', 'utf8').trim(),
  });
  const weighted = (type) => results.weighted.find((row) => row.type === type)?.ratio;
  if (bin) {
    plot(name, {
      title: 'tara-gguf quantize: times as fast as llama-quantize, whole processes',
      note: `${machine().cpu}, ${threads} threads, ${Math.round(parameters / 1e6)} million bf16 weights; all files identical: ${[...results.presets, ...results.weighted, ...results.smollm2, ...(together ? [together] : [])].every(({ identical }) => identical) ? 'yes' : 'NO'}`,
      unit: 'x', series: ['without importance', 'with importance'],
      rows: [
        ...results.presets.map(({ type, ratio }) => ({ label: type, values: [ratio, weighted(type)], target: TARGETS[type] })),
        ...(together ? [{ label: `${MANY.length} presets in one pass`, values: [together.ratio], target: 1 / ONE_PASS_SHARE }] : []),
        ...results.smollm2.map(({ type, ratio }) => ({ label: `SmolLM2-135M ${type}`, values: [ratio], target: type === 'Q4_K_M' ? SMOLLM2_TARGET : undefined })),
      ],
    });
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
