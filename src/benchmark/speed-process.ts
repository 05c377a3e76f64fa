/** The process that speed is measured in: a SpeedRequest as JSON on stdin, a SpeedAnswer as one line on stdout. */
import { text } from 'node:stream/consumers';
import { createEngine } from '../engine/index.js';
import { asTaraError } from '../errors.js';
import type { SpeedAnswer, SpeedRequest, SpeedRun } from './speed.js';

async function oneRun({ path, text: prompt, promptTokens, decodeTokens, threads }: SpeedRequest): Promise<SpeedRun> {
  await using engine = createEngine();
  const started = performance.now();
  const model = await engine.load(path, { slots: 1, contextSize: promptTokens + decodeTokens, threads });
  const loadMs = performance.now() - started;
  const tokens = (await model.tokenize(prompt)).subarray(0, promptTokens);
  const { usage, timings } = await model.generate(tokens, { maxTokens: decodeTokens, temperature: 0 }).result;
  return { loadMs, promptTokensPerSecond: timings.promptTokensPerSecond, decodeTokensPerSecond: usage.completionTokens > 1 ? timings.decodeTokensPerSecond : null };
}

async function answer(): Promise<SpeedAnswer> {
  const request = JSON.parse(await text(process.stdin)) as SpeedRequest;
  const runs: SpeedRun[] = [];
  for (let run = 0; run < request.runs; run += 1) runs.push(await oneRun(request));
  return { runs, memoryBytes: process.resourceUsage().maxRSS * 1024 };
}

const line = await answer().catch((thrown: unknown): SpeedAnswer => ({ error: asTaraError(thrown).toJSON() }));
process.stdout.write(`${JSON.stringify(line)}\n`);
