/**
 * Reading model files for their SHA-256 and for NaN and infinities in one pass: 1 GB of bf16 safetensors against
 * `openssl dgst -sha256` on the same file, and two such files at once. Files lie in the page cache, as for openssl.
 */
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors, scanFiles } from 'tara-gguf';
import { median, paired, publish } from './lib.mjs';

const RUNS = 7;
const ROWS = 4096;
const COLUMNS = 4096;
const TENSORS = 30;

/** Random bf16 weights, all finite: the exponent's highest bit is cleared. */
function writeWeights(path) {
  const bytes = ROWS * COLUMNS * 2;
  const data = randomFillSync(Buffer.alloc(bytes));
  for (let at = 1; at < bytes; at += 2) data[at] &= 0xbf;
  const header = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: TENSORS }, (_, index) => [
    `model.layers.${index}.mlp.up_proj.weight`, { dtype: 'BF16', shape: [ROWS, COLUMNS], data_offsets: [index * bytes, (index + 1) * bytes] },
  ]))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  writeSync(file, length);
  writeSync(file, header);
  for (let index = 0; index < TENSORS; index += 1) writeSync(file, data);
  closeSync(file);
}

async function described(path) {
  const { tensors, size, mtimeMs } = await readSafetensors(path);
  return { path, bytes: size, mtimeMs, tensors };
}

async function seconds(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

const scratch = mkdtempSync(join(tmpdir(), 'tara-bench-'));
try {
  const paths = ['one.safetensors', 'two.safetensors'].map((name) => join(scratch, name));
  for (const path of paths) writeWeights(path);
  const files = await Promise.all(paths.map(described));
  const openssl = () => seconds(() => execFileSync('openssl', ['dgst', '-sha256', paths[0]]));
  const ours = (list, options) => seconds(() => scanFiles(list, options));
  const [one] = files;
  await openssl();
  const [{ sha256 }] = await scanFiles([one]);
  if (!execFileSync('openssl', ['dgst', '-sha256', '-r', paths[0]], { encoding: 'utf8' }).startsWith(sha256)) throw new Error('the hashes differ');
  const pairs = await paired(RUNS, () => ours([one]), openssl);
  const hashed = await paired(RUNS, () => ours([one]), () => ours([{ ...one, tensors: [] }]));
  const both = await paired(RUNS, () => ours(files), () => ours([one]));
  const scanned = [];
  for (let run = 0; run < RUNS; run += 1) scanned.push(await ours([one], { hash: false }));
  const bytes = statSync(paths[0]).size;
  const speed = (values) => Math.round(bytes / median(values));
  publish('cleanup', {
    task: `SHA-256 and NaN scan of ${bytes} bytes of bf16 safetensors`, runs: RUNS,
    ours: { seconds: median(pairs.map(([a]) => a)), bytesPerSecond: speed(pairs.map(([a]) => a)) },
    openssl: { seconds: median(pairs.map(([, b]) => b)), bytesPerSecond: speed(pairs.map(([, b]) => b)), version: execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim() },
    speedBesideOpenssl: median(pairs.map(([a, b]) => b / a)),
    hashAlone: { bytesPerSecond: speed(hashed.map(([, b]) => b)), scanAddsToTime: median(hashed.map(([a, b]) => a / b)) - 1 },
    scanAlone: { bytesPerSecond: speed(scanned) },
    twoFiles: { seconds: median(both.map(([a]) => a)), timesTheSpeedOfOne: median(both.map(([a, b]) => (2 * b) / a)) },
    targets: { speedBesideOpenssl: 0.8 },
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
