/** A pool of worker threads; failures keep their codes and cancelling never kills a thread. */
import { availableParallelism } from 'node:os';
import { isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Piscina } from 'piscina';
import { fromPlain, TaraError, type ErrorFields } from '../errors.js';
import { packageRoot } from '../package-root.js';

/** What a task's module gets beside its input. */
export interface TaskContext {
  /** Throws TARA_ABORTED once the caller has cancelled; ask between pieces of work. */
  check(): void;
}

/** A module for the pool exports one of these by default. Input and output must be cloneable. */
export type PoolTask<Input, Output> = (input: Input, context: TaskContext) => Output | Promise<Output>;

export interface Pool {
  /**
   * Runs the default export of `module`: a path below this package's compiled sources (`convert/worker`), or an
   * absolute path or file URL. Rejects with the task's own error code; TARA_ABORTED when the signal fires.
   */
  run<Output>(module: string, input: unknown, options?: { signal?: AbortSignal | undefined }): Promise<Output>;
  close(): Promise<void>;
}

export interface PoolMessage {
  readonly module: string;
  readonly input: unknown;
  readonly cancelled: Int32Array;
}

export type PoolAnswer = { readonly ok: true; readonly output: unknown } | { readonly ok: false; readonly error: { readonly code: string; readonly fields: ErrorFields } };

/** Workers run compiled code, also when the caller is a source file under a test runner. */
const compiled = (path: string): string => join(packageRoot(), 'dist', 'src', path);

/** A module beside a source file under a test runner is its compiled one. */
function compiledUrl(url: string): string {
  const inside = relative(packageRoot(), fileURLToPath(url));
  return inside.startsWith(`plugins${sep}`) || inside.startsWith(`src${sep}`) ? pathToFileURL(join(packageRoot(), 'dist', inside)).href : url;
}

function moduleUrl(module: string): string {
  if (module.startsWith('file:')) return compiledUrl(module);
  return pathToFileURL(isAbsolute(module) ? module : compiled(`${module}.js`)).href;
}

/** A pool over a way to run a message; a signal becomes the message's flag, a failure an error with its own code. */
function poolOver(answerTo: (message: PoolMessage) => Promise<PoolAnswer>, close: () => Promise<void>, urlOf = moduleUrl): Pool {
  return {
    async run<Output>(module: string, input: unknown, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Output> {
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
      const cancelled = new Int32Array(new SharedArrayBuffer(4));
      const cancel = () => Atomics.store(cancelled, 0, 1);
      signal?.addEventListener('abort', cancel, { once: true });
      try {
        const answer = await answerTo({ module: urlOf(module), input, cancelled });
        if (!answer.ok) throw fromPlain(answer.error);
        return answer.output as Output;
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
    },
    close,
  };
}

export function createPool({ threads = availableParallelism() }: { threads?: number } = {}): Pool {
  const start = async () => new (await import('piscina')).Piscina({ filename: compiled(join('workers', 'entry.js')), minThreads: 0, maxThreads: threads, idleTimeout: 2_000 });
  let started: Promise<Piscina> | undefined;
  return poolOver(async (message) => (await (await (started ??= start())).run(message)) as PoolAnswer, async () => (await started)?.close());
}

/** Runs tasks of this package in this thread, for a process that has nothing else to do meanwhile. */
export const inlinePool: Pool = poolOver(async (message) => (await import('./entry.js')).default(message), () => Promise.resolve(), (module) => new URL(`../${module}.js`, import.meta.url).href);

let shared: Pool | undefined;

/** The process's own pool; idle threads end by themselves and never keep the process alive. */
export const sharedPool = (): Pool => (shared ??= createPool());
