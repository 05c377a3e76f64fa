/** How fast a file loads and answers, and the memory that takes: measured in a fresh process, as one that serves it would be. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fromPlain, TaraError, type ErrorFields } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { median } from './machine.js';
import type { Speed } from './types.js';

/** Read in one batch, as llama-bench's pp256. */
export const PROMPT_TOKENS = 256;
export const DECODE_TOKENS = 64;

export interface SpeedRequest {
  readonly path: string;
  /** The prompt is its first tokens. */
  readonly text: string;
  readonly promptTokens: number;
  readonly decodeTokens: number;
  readonly threads: number | undefined;
  readonly runs: number;
}

export interface SpeedRun {
  readonly loadMs: number;
  readonly promptTokensPerSecond: number;
  /** Null where nothing was decoded after the first token. */
  readonly decodeTokensPerSecond: number | null;
}

/** What the process writes as its one line. */
export type SpeedAnswer =
  | { readonly runs: readonly SpeedRun[]; readonly memoryBytes: number }
  | { readonly error: { readonly code: string; readonly fields: ErrorFields } };

const entry = (): string => join(packageRoot(), 'dist', 'src', 'benchmark', 'speed-process.js');

/** The one line of the process. Rejects when it says none: ended by a signal, or out of memory. */
function ask(request: SpeedRequest, signal: AbortSignal | undefined): Promise<SpeedAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entry()], { stdio: ['pipe', 'pipe', 'ignore'], signal, killSignal: 'SIGKILL' });
    let line = '';
    let failure: Error | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => { line += text; });
    child.on('error', (error) => { failure = error; });
    // A process that died at once reads nothing; its end says why.
    child.stdin.on('error', () => undefined).end(JSON.stringify(request));
    child.on('close', (code, killed) => {
      if (signal?.aborted) return reject(new TaraError('TARA_ABORTED'));
      try {
        resolve(JSON.parse(line) as SpeedAnswer);
      } catch (cause) {
        const reason = failure?.message ?? `the measuring process ended with ${killed ?? `code ${code}`}`;
        reject(new TaraError('TARA_DECODE_FAILED', { reason }, { cause: failure ?? cause }));
      }
    });
  });
}

/** Medians over the runs, each of which loads the file anew. Rejects as engine.load and generate do, and with TARA_DECODE_FAILED, TARA_ABORTED. */
export async function measureSpeed(request: SpeedRequest, signal?: AbortSignal): Promise<Speed> {
  const answer = await ask(request, signal);
  if ('error' in answer) throw fromPlain(answer.error);
  const decode = answer.runs.flatMap(({ decodeTokensPerSecond }) => (decodeTokensPerSecond === null ? [] : [decodeTokensPerSecond]));
  return {
    loadMs: median(answer.runs.map(({ loadMs }) => loadMs)),
    promptTokensPerSecond: median(answer.runs.map(({ promptTokensPerSecond }) => promptTokensPerSecond)),
    decodeTokensPerSecond: decode.length === 0 ? null : median(decode),
    memoryBytes: answer.memoryBytes,
  };
}
