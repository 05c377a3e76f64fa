/** What the benchmarks share: running a process with its time and peak memory, medians of paired runs, results with the machine's CPU. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';

export const CLI = join(ROOT, 'bin', 'tara-gguf.js');

export const machine = () => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  platform: `${process.platform}-${process.arch}`,
  node: process.versions.node,
});

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Runs a command to its end: { seconds, cpuSeconds, peakRssBytes, stdout }. Peak memory is the largest single process, as GNU time reports it. */
export function timed(command, args, options = {}) {
  const started = performance.now();
  const result = spawnSync('/usr/bin/time', ['-f', '%M %U %S', command, ...args], { encoding: 'utf8', maxBuffer: 256 << 20, ...options });
  const seconds = (performance.now() - started) / 1000;
  if (result.error) throw new Error(`/usr/bin/time is needed (apt install time): ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr.slice(-2000)}`);
  // Its line is the last; a program may leave a colour code before it.
  const [, kilobytes, user, system] = /(\d+) ([\d.]+) ([\d.]+)\s*$/.exec(result.stderr).map(Number);
  return { seconds, cpuSeconds: user + system, peakRssBytes: kilobytes * 1024, stdout: result.stdout };
}

/** Runs both in turn, A B B A …, so that the ratio holds when the machine's speed drifts. */
export async function paired(runs, a, b) {
  const pairs = [];
  for (let i = 0; i < runs; i += 1) {
    if (i % 2 === 0) pairs.push([await a(i), await b(i)]);
    else pairs.push([await b(i), await a(i)].reverse());
  }
  return pairs;
}

/** Writes bench/results/NAME.json and prints it. */
export function publish(name, result) {
  const document = { benchmark: name, machine: machine(), ...result };
  mkdirSync(join(ROOT, 'bench', 'results'), { recursive: true });
  writeFileSync(join(ROOT, 'bench', 'results', `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
  console.log(JSON.stringify(document, null, 2));
}

/** An environment variable that names something optional; prints why the comparison is left out when it is not set. */
export function optional(variable, what) {
  const value = process.env[variable];
  if (!value) console.log(`without ${variable} (${what}) the comparison is left out`);
  return value;
}
