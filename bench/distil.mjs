/**
 * Distillation: what of the domain-loss gap between a student and its teacher it closes, scored on unseen items, and how fast it trains.
 *
 * TARA_BENCH_BASE: SmolLM2-135M-Instruct as a checkpoint or GGUF file, the one the adapters belong to.
 * TARA_BENCH_ADAPTERS: a folder with one PEFT folder a domain (default: examples/adapters). TARA_BENCH_DOMAINS: two of them (healthcare,business).
 * TARA_DATA: a folder with domain-text/DOMAIN.jsonl, which is scored, and calibration/DOMAIN.jsonl, which is trained on (default: examples).
 * TARA_BENCH_STUDENT: a preset (Q2_K), or a GGUF file with the teacher's vocabulary, such as a pruned one. TARA_BENCH_NAME: of the result (distil).
 * TARA_BENCH_MINUTES (20), TARA_BENCH_TRAIN (the product's default), TARA_BENCH_ITEMS: scored items a domain (all), TARA_BENCH_CHUNKS: of them
 * that KL divergence is measured on (24), TARA_BENCH_COMPARE=no: without speeds in the report, TARA_BENCH_RUNS: steps that the speed
 * of training is a median of (5). TARA_LLAMA_BIN: a folder of llama.cpp's tools, for llama-perplexity and llama-bench of the distilled file
 * (without it they are left out).
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, createTaraEngine } from '../dist/src/index.js';
import { readGguf } from '../dist/src/formats/index.js';
import { evaluate } from '../dist/src/measure/index.js';
import { domainLoss, itemTokens, readLossItems } from '../dist/src/models/index.js';
import { layoutOf } from '../dist/src/train/architecture.js';
import { distil } from '../dist/src/train/index.js';
import { LABELS } from '../dist/src/train/labels.js';
import { Network, NOTHING } from '../dist/src/train/network.js';
import { batchOf, batchesOf, grouped } from '../dist/src/train/texts.js';
import { withPlain } from '../dist/src/train/plain.js';
import { ROOT } from '../scripts/lib.mjs';
import { median, optional, paired, publish } from './lib.mjs';

const base = process.env.TARA_BENCH_BASE;
if (!base) throw new Error('set TARA_BENCH_BASE to the base model of the adapters');
const adapters = optional('TARA_BENCH_ADAPTERS', 'a folder of adapters; examples/adapters has three') ?? join(ROOT, 'examples', 'adapters');
const data = optional('TARA_DATA', 'a folder with domain-text and calibration; examples has few items') ?? join(ROOT, 'examples');
const domains = (process.env.TARA_BENCH_DOMAINS ?? 'healthcare,business').split(',');
const wanted = process.env.TARA_BENCH_STUDENT ?? 'Q2_K';
const minutes = Number(process.env.TARA_BENCH_MINUTES ?? 20);
const train = process.env.TARA_BENCH_TRAIN?.split(',');
const items = Number(process.env.TARA_BENCH_ITEMS ?? Infinity);
const chunks = Number(process.env.TARA_BENCH_CHUNKS ?? 24);
const runs = Number(process.env.TARA_BENCH_RUNS ?? 5);
const compare = process.env.TARA_BENCH_COMPARE !== 'no';
const tools = optional('TARA_LLAMA_BIN', "llama.cpp's tools, which read the distilled file, too");

const scratch = mkdtempSync(join(tmpdir(), 'tara-distil-bench-'));
const engine = createTaraEngine();
const [teacher, student, output] = ['teacher', 'student', 'distilled'].map((name) => join(scratch, `${name}.gguf`));
const calibration = domains.map((name) => join(data, 'calibration', `${name}.jsonl`));
const unseen = domains.map((name) => join(data, 'domain-text', `${name}.jsonl`));

/** Tokens a second of steps with norms and LoRA of rank 16 on every matrix, and with norms and factors of blocks: forward, backward, update. */
async function throughput(parts) {
  const model = await engine.load(teacher, { slots: 1, contextSize: 512 });
  const sequences = [];
  for (const path of calibration) for (const item of (await readLossItems(path)).slice(0, 20)) sequences.push((await itemTokens(model, item)).slice(0, 256));
  await model.dispose();
  const [batch] = batchesOf(sequences, sequences.map((_, index) => index), 1024);
  const groups = batchOf(sequences, grouped(sequences, batch));
  const network = await Network.open(layoutOf(await readGguf(student)), { ...NOTHING, ...parts });
  const labelled = { ...groups, labels: await network.teach(groups, LABELS, 0) };
  const speeds = [];
  for (let run = 0; run <= runs; run += 1) {
    const started = performance.now();
    const { tokens } = await network.step(labelled, LABELS, { norm: 0, scale: 0, lora: 0, decay: 0, clip: 1 });
    speeds.push((1000 * tokens) / (performance.now() - started));
  }
  network.close();
  return median(speeds.slice(1));
}

/** Size, loss of each domain's unseen items, and against the teacher on the same text. */
async function scored(path) {
  const losses = {};
  const model = await engine.load(path, { slots: 1, contextSize: 1024 });
  for (const [index, name] of domains.entries()) losses[name] = (await domainLoss(model, (await readLossItems(unseen[index])).slice(0, items))).meanLoss;
  await model.dispose();
  const { kld, bitsPerByte } = await evaluate({ engine, model: path, reference: teacher, text: unseen, chunks });
  return { bytes: statSync(path).size, domainLoss: Object.values(losses).reduce((sum, loss) => sum + loss, 0) / domains.length, losses, kld: kld.mean, kldError: kld.error, bitsPerByte };
}

function tool(name, args) {
  const { status, stdout, stderr, error } = spawnSync(join(tools, name), args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (error || status !== 0) throw new Error(`${name} failed: ${error?.message ?? stderr.slice(-2000)}`);
  return { stdout, stderr };
}

/** What llama.cpp's own tools say of the distilled file and of the student, beside what we say of the same text. */
async function inLlamaCpp() {
  const text = join(scratch, 'unseen.txt');
  const items = unseen.flatMap((path) => readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
  writeFileSync(text, items.map((item) => item.text ?? `${item.prompt}\n${item.response}`).join('\n\n'));
  const perplexity = async (path) => ({
    ours: (await evaluate({ engine, model: path, text, chunks })).perplexity,
    llamaPerplexity: Number(/Final estimate: PPL = (\S+)/.exec(Object.values(tool('llama-perplexity', ['-m', path, '-f', text, '-c', '512', '--chunks', String(chunks)])).join('\n'))[1]),
  });
  const decoded = (path) => JSON.parse(tool('llama-bench', ['-m', path, '-p', '0', '-n', '64', '-r', '1', '-o', 'json']).stdout)[0].avg_ts;
  const pairs = await paired(5, () => decoded(output), () => decoded(student));
  return { student: await perplexity(student), distilled: await perplexity(output), decodeRatio: median(pairs.map(([a, b]) => a / b)) };
}

try {
  const merged = { base, adapters: domains.map((name) => ({ dir: join(adapters, name), weight: 1 / domains.length })) };
  await convert({ ...merged, outputs: [{ id: 'teacher', path: teacher, type: 'bf16' }, ...(wanted.endsWith('.gguf') ? [] : [{ id: 'student', path: student, type: wanted }])] });
  if (wanted.endsWith('.gguf')) copyFileSync(wanted, student);
  const speed = { normsAndLora: await throughput({ norms: true, rank: 16 }), normsAndScales: await throughput({ norms: true, scales: true }) };
  console.error(`tokens/s: ${JSON.stringify(speed)}`);
  const report = await distil({ student, teacher, text: calibration, output, minutes, train, compare, engine, onProgress: (fraction, detail) => console.error(`${(100 * fraction).toFixed(1)} % ${detail}`) });
  const [ofTeacher, before, after] = [await scored(teacher), await scored(student), await scored(output)];
  const plain = await withPlain(teacher, report.bytes, scratch, {}, async (path, preset) => ({ preset, ...(await scored(path)) }));
  publish(process.env.TARA_BENCH_NAME ?? 'distil', {
    task: `${wanted.endsWith('.gguf') ? 'a file' : wanted} of SmolLM2 merged with ${domains.join(' and ')}, taught for ${minutes} minutes on calibration items, scored on unseen ones`,
    tokensPerSecond: speed,
    unseen: { teacher: ofTeacher, before, after, plain },
    recovered: { domainLoss: (before.domainLoss - after.domainLoss) / (before.domainLoss - ofTeacher.domainLoss), kld: 1 - after.kld / before.kld },
    ...(tools && { inLlamaCpp: await inLlamaCpp() }),
    targets: { recoveredDomainLoss: 0.4, normsAndLoraTokensPerSecond: 150 },
    report: { ...report, output: undefined },
  });
} finally {
  await engine.dispose();
  rmSync(scratch, { recursive: true, force: true });
}
