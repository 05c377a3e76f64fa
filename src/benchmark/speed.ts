/** How fast a file loads and answers, and the memory that takes. */
import type { Engine } from '../engine/index.js';
import { median } from './machine.js';
import type { Speed } from './types.js';

/** Read in one batch, as llama-bench's pp256. */
export const PROMPT_TOKENS = 256;
export const DECODE_TOKENS = 64;

export interface SpeedRequest {
  readonly engine: Engine;
  readonly path: string;
  /** The prompt is its first tokens. */
  readonly text: string;
  readonly promptTokens: number;
  readonly decodeTokens: number;
  readonly threads: number | undefined;
  readonly runs: number;
  readonly signal?: AbortSignal | undefined;
}

interface SpeedRun {
  readonly loadMs: number;
  readonly promptTokensPerSecond: number;
  /** Null where nothing was decoded after the first token. */
  readonly decodeTokensPerSecond: number | null;
  readonly memoryBytes: number;
}

async function oneRun({ engine, path, text, promptTokens, decodeTokens, threads, signal }: SpeedRequest): Promise<SpeedRun> {
  const before = process.memoryUsage.rss();
  const started = performance.now();
  await using model = await engine.load(path, { slots: 1, contextSize: promptTokens + decodeTokens, threads, signal });
  const loadMs = performance.now() - started;
  const tokens = (await model.tokenize(text)).subarray(0, promptTokens);
  const { usage, timings } = await model.generate(tokens, { maxTokens: decodeTokens, temperature: 0, signal }).result;
  return {
    loadMs,
    promptTokensPerSecond: timings.promptTokensPerSecond,
    decodeTokensPerSecond: usage.completionTokens > 1 ? timings.decodeTokensPerSecond : null,
    // The allocator may serve small buffers from what an earlier model left; the weights are always resident.
    memoryBytes: Math.max(model.info.bytes, process.memoryUsage.rss() - before),
  };
}

/** Medians over the runs, each of which loads the file anew; the most memory of any. Rejects as engine.load and generate do. */
export async function measureSpeed(request: SpeedRequest): Promise<Speed> {
  const runs: SpeedRun[] = [];
  for (let run = 0; run < request.runs; run += 1) runs.push(await oneRun(request));
  const decode = runs.flatMap(({ decodeTokensPerSecond }) => (decodeTokensPerSecond === null ? [] : [decodeTokensPerSecond]));
  return {
    loadMs: median(runs.map(({ loadMs }) => loadMs)),
    promptTokensPerSecond: median(runs.map(({ promptTokensPerSecond }) => promptTokensPerSecond)),
    decodeTokensPerSecond: decode.length === 0 ? null : median(decode),
    memoryBytes: Math.max(...runs.map(({ memoryBytes }) => memoryBytes)),
  };
}
