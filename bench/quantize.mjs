/**
 * Whole processes, `tara-gguf quantize` against llama-quantize, in turn, on the same file and threads, and every pair of outputs
 * compared byte by byte: types, whole presets, several presets in one pass, with and without an importance matrix. Writes bench/results/quantize.json and .svg,
 * which keep the rows of each instruction set and, while the machine is the same, of types that were not measured anew.
 * TARA_LLAMA_BIN: a folder with llama-quantize. TARA_BENCH_RUNS: pairs of each (5). TARA_SMOLLM2_GGUF: an F16 or BF16 file of it (optional). TARA_ISA: avx2, baseline.
 * TARA_BENCH_TYPES: some rows only, as `Q4_K_M,Q6_K+imatrix,smollm2,many`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeCall } from '../dist/src/engine/jobs.js';
import { ROOT } from '../scripts/lib.mjs';
import { CLI, machine, median, optional, paired, publish, timed } from './lib.mjs';
import { plot } from './plot.mjs';
import { syntheticImatrix, syntheticModel } from './synthetic-model.mjs';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 5);
/** llama-quantize takes ten to forty seconds with importance, and half a minute for IQ4. */
const runsOf = (type, weighted) => (type.startsWith('IQ4') ? 1 : weighted ? Math.min(RUNS, 3) : RUNS);
/** Times llama-quantize's speed that whole processes are to reach with any instruction set from AVX2 on; with AVX-512, Q4_K_M 10. */
const TARGETS = { Q4_K_M: 8, Q2_K: 6, Q3_K_M: 6, Q5_K_M: 6, Q6_K: 6 };
const AVX512_TARGET = 10;
const SMOLLM2_TARGET = 3;
const ONE_PASS_SHARE = 0.12;
const SINGLE = ['Q4_K_M', 'Q2_K', 'Q3_K_M', 'Q5_K_M', 'Q6_K', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'IQ4_NL', 'IQ4_XS'];
const WEIGHTED = ['Q4_K_M', 'Q2_K', 'Q3_K_M', 'Q5_K_M', 'Q6_K', 'Q4_0', 'IQ4_XS'];
const ISAS = ['avx512', 'avx2', 'baseline', 'ggml'];
const MANY = ['Q2_K', 'Q4_K_M', 'Q5_K_M', 'Q6_K'];
const threads = availableParallelism();
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-quantize');
const smol = optional('TARA_SMOLLM2_GGUF', 'an unquantized GGUF file of SmolLM2-135M');
const wanted = process.env.TARA_BENCH_TYPES?.split(',');
const types = (list, suffix = '') => (wanted ? list.filter((type) => wanted.includes(type + suffix)) : list);
// With certificates of its own Node 20 reads them at every start, for 30 ms that have nothing to do with quantizing.
delete process.env.NODE_EXTRA_CA_CERTS;

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

/** What was measured before on this machine, by instruction set. */
function earlier(name) {
  const file = join(ROOT, 'bench', 'results', `${name}.json`);
  const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return JSON.stringify(found.machine) === JSON.stringify(machine()) ? found.instructions ?? {} : {};
}

/** Rows in the order of `list`, those measured now in the place of older ones. */
const merged = (list, older = [], newer = []) => list.flatMap((type) => [...newer, ...older].find((row) => row.type === type) ?? []);

/** Bars for each instruction set, and for importance with the best one. */
function draw(name, instructions, parameters) {
  const isas = Object.keys(instructions).sort((a, b) => ISAS.indexOf(a) - ISAS.indexOf(b));
  const best = instructions[isas[0]];
  const ratio = (isa, kind, type) => instructions[isa][kind].find((row) => row.type === type)?.ratio;
  const all = Object.values(instructions).flatMap(({ presets, weighted, smollm2, together }) => [...presets, ...weighted, ...smollm2, ...(together ? [together] : [])]);
  plot(name, {
    title: 'tara-gguf quantize: times as fast as llama-quantize, whole processes',
    note: `${machine().cpu}, ${threads} threads, ${Math.round(parameters / 1e6)} million bf16 weights; all files identical: ${all.every(({ identical }) => identical) ? 'yes' : 'NO'}`,
    unit: 'x', series: [...isas, `${isas[0]}, importance`],
    rows: [
      ...best.presets.map(({ type }) => ({ label: type, values: [...isas.map((isa) => ratio(isa, 'presets', type)), ratio(isas[0], 'weighted', type)], target: TARGETS[type] })),
      ...(best.together ? [{ label: `${MANY.length} presets in one pass`, values: isas.map((isa) => instructions[isa].together?.ratio), target: 1 / ONE_PASS_SHARE }] : []),
      ...best.smollm2.map(({ type }) => ({ label: `SmolLM2-135M ${type}`, values: isas.map((isa) => ratio(isa, 'smollm2', type)), target: type === 'Q4_K_M' ? SMOLLM2_TARGET : undefined })),
    ],
  });
}

try {
  const parameters = await syntheticModel(model);
  await syntheticImatrix(imatrix);
  const { best } = nativeCall('quant.isas');
  const name = process.env.TARA_BENCH_NAME ?? 'quantize';
  const before = earlier(name);
  const mine = before[best] ?? {};
  const results = { presets: [], weighted: [], smollm2: [] };
  for (const type of types(SINGLE)) results.presets.push(await one(model, type));
  for (const type of types(WEIGHTED, '+imatrix')) results.weighted.push(await one(model, type, imatrix));
  if (smol && (!wanted || wanted.includes('smollm2'))) for (const type of ['Q4_K_M', 'Q8_0']) results.smollm2.push(await one(smol, type));
  const together = !wanted || wanted.includes('many') ? await many(model) : mine.together;
  const start = await paired(RUNS, () => timed(process.execPath, [CLI, '--version']), () => timed(process.execPath, ['-e', '0']));
  const instructions = {
    ...before,
    [best]: {
      presets: merged(SINGLE, mine.presets, results.presets), weighted: merged(WEIGHTED, mine.weighted, results.weighted), smollm2: merged(['Q4_K_M', 'Q8_0'], mine.smollm2, results.smollm2), together,
      startSeconds: median(start.map(([a]) => a.seconds)), nodeStartSeconds: median(start.map(([, b]) => b.seconds)), load: readFileSync('/proc/loadavg', 'utf8').trim(),
    },
  };
  publish(name, {
    runs: RUNS, threads, parameters, bytes: statSync(model).size,
    targets: { ...TARGETS, avx512: { Q4_K_M: AVX512_TARGET }, SmolLM2: SMOLLM2_TARGET, fourInOnePass: ONE_PASS_SHARE, memoryBytes: 250e6 }, instructions,
  });
  if (bin) draw(name, instructions, parameters);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
