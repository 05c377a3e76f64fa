/**
 * Decode speed of one stream against llama-bench's tg, same model, same threads, in turn.
 * TARA_TEST_MODEL: a GGUF file (default: the cached demo model). TARA_LLAMA_BIN: a folder with llama-bench.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fetchModel } from '../scripts/models.mjs';
import { CLI, median, optional, paired, publish, timed } from './lib.mjs';

const RUNS = 16;
const TOKENS = 128;
const threads = availableParallelism();
const model = process.env.TARA_TEST_MODEL ?? (await fetchModel('smollm2'));
const bin = optional('TARA_LLAMA_BIN', 'a folder with llama-bench');

function ours() {
  const { stdout } = timed(process.execPath, [CLI, 'generate', model, '--prompt', 'Once upon a time', '--raw', '--temperature', '0', '--max-tokens', String(TOKENS), '--threads', String(threads), '--json']);
  return JSON.parse(stdout).timings.decodeTokensPerSecond;
}

function llamaBench() {
  const { stdout } = timed(join(bin, 'llama-bench'), ['-m', model, '-t', String(threads), '-p', '0', '-n', String(TOKENS), '-r', '1', '-o', 'json']);
  return JSON.parse(stdout)[0].avg_ts;
}

const pairs = await paired(RUNS, ours, bin ? llamaBench : () => undefined);
publish('decode', {
  runs: RUNS,
  task: `greedy decode of ${TOKENS} tokens, ${threads} threads`,
  tokensPerSecond: median(pairs.map(([a]) => a)),
  ...(bin ? { llamaBench: median(pairs.map(([, b]) => b)), ratio: median(pairs.map(([a, b]) => a / b)), target: 0.97 } : {}),
});
