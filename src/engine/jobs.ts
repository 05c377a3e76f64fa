/** Native jobs as promises and async iterables. */
import { isMainThread } from 'node:worker_threads';
import { fromPlain, TaraError, type ErrorFields } from '../errors.js';
import { loadBinding } from './loader.js';
import type { Binding, NativeEvent } from './native.js';

export interface JobResult {
  readonly data: unknown;
  readonly blob: ArrayBuffer | undefined;
}

export interface JobOptions {
  readonly blobs?: readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: unknown) => void) | undefined;
  /** Called in order, before `done` settles. */
  readonly onChunk?: ((chunk: JobResult) => void) | undefined;
}

export interface Job {
  readonly done: Promise<JobResult>;
  /** Asks the job to stop; `done` rejects with TARA_ABORTED when it has. */
  cancel(): void;
}

interface Pending {
  readonly options: JobOptions;
  resolve(result: JobResult): void;
  reject(error: Error): void;
}

const pending = new Map<number, Pending>();
let binding: Binding | undefined;

const resultOf = (event: NativeEvent): JobResult => ({ data: JSON.parse(event.data) as unknown, blob: event.blob });

function deliver(event: NativeEvent): void {
  const job = pending.get(event.job);
  if (!job) return;
  switch (event.type) {
    case 'progress':
      job.options.onProgress?.(JSON.parse(event.data));
      return;
    case 'chunk':
      job.options.onChunk?.(resultOf(event));
      return;
    case 'done':
      pending.delete(event.job);
      job.resolve(resultOf(event));
      return;
    case 'failed':
      pending.delete(event.job);
      job.reject(fromPlain(JSON.parse(event.data) as { code: string; fields: ErrorFields }));
  }
}

/** One callback that throws must not lose the other jobs' events: it fails its own job. */
function dispatch(events: readonly NativeEvent[]): void {
  for (const event of events) {
    try {
      deliver(event);
    } catch (error) {
      const job = pending.get(event.job);
      pending.delete(event.job);
      binding?.cancel(event.job);
      job?.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

function connect(): Binding {
  if (binding) return binding;
  const connected = loadBinding();
  connected.listen(dispatch);
  // At process.exit() and after an uncaught exception Node runs no native hook before static destructors.
  if (isMainThread) process.once('exit', () => connected.call('system.shutdown', '{}'));
  binding = connected;
  return connected;
}

/** What the addon throws synchronously: an Error with `code` and JSON `fields`. */
function fromNative(thrown: unknown): Error {
  if (thrown instanceof Error && 'code' in thrown && 'fields' in thrown) {
    return fromPlain({ code: String(thrown.code), fields: JSON.parse(String(thrown.fields)) as ErrorFields });
  }
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Starts a native job. Throws TARA_ABORTED when the signal already is aborted. */
export function startJob(kind: string, params: unknown, options: JobOptions = {}): Job {
  const native = connect();
  const { signal } = options;
  if (signal?.aborted) throw new TaraError('TARA_ABORTED');
  let id: number;
  try {
    id = native.start(kind, typeof params === 'string' ? params : JSON.stringify(params), options.blobs ?? []);
  } catch (error) {
    throw fromNative(error);
  }
  const cancel = () => native.cancel(id);
  signal?.addEventListener('abort', cancel, { once: true });
  const done = new Promise<JobResult>((resolve, reject) => {
    pending.set(id, { options, resolve, reject });
  }).finally(() => signal?.removeEventListener('abort', cancel));
  return { done, cancel };
}

/** A cheap synchronous question to the addon. */
export function nativeCall(kind: string, params: unknown = {}): unknown {
  const native = connect();
  try {
    return JSON.parse(native.call(kind, JSON.stringify(params))) as unknown;
  } catch (error) {
    throw fromNative(error);
  }
}
