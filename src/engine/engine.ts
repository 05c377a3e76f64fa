/** Loading models: the file is checked, then a native runner opens it. */
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { TaraError } from '../errors.js';
import { checkGgufLora, checkModel, type GgufFile, isGgufArray, metadataOf, readGguf } from '../formats/index.js';
import * as guard from './guard.js';
import { nativeCall, startJob } from './jobs.js';
import { closeRunner, NativeModel } from './model.js';
import { textReader } from './text-reader.js';
import type { Engine, LoadOptions, Model, ModelInfo } from './types.js';

const DEFAULT_CONTEXT = 4096;
const DEFAULT_SLOTS = 4;
const DEFAULT_QUEUED = 1024;
const CONTEXT_LIMIT = 1 << 20;
/** Bytes of an F16 value in the KV cache. */
const KV_BYTES = 2;

type Shape = { readonly contextSize: number; readonly slots: number; readonly maxQueued: number; readonly threads: number | undefined; readonly deterministic: boolean | undefined; readonly mmap: boolean | undefined; readonly gpuLayers: number | undefined };

function shapeOf(file: GgufFile, options: LoadOptions): Shape {
  const metadata = metadataOf(file);
  const trained = metadata.number(`${metadata.string('general.architecture')}.context_length`) ?? DEFAULT_CONTEXT;
  const contextSize = guard.whole('contextSize', options.contextSize, 8, CONTEXT_LIMIT) ?? Math.min(trained, DEFAULT_CONTEXT);
  if (contextSize > trained) throw guard.refuse('contextSize', `must be at most ${trained}, what the model was trained for`);
  return {
    contextSize,
    slots: guard.whole('slots', options.slots, 1, 64) ?? DEFAULT_SLOTS,
    maxQueued: guard.whole('maxQueued', options.maxQueued, 0, 1 << 20) ?? DEFAULT_QUEUED,
    threads: guard.whole('threads', options.threads, 1, 1024),
    deterministic: guard.boolean('deterministic', options.deterministic),
    mmap: guard.boolean('mmap', options.mmap),
    gpuLayers: guard.whole('gpuLayers', options.gpuLayers, 0, 1024),
  };
}

/** Bytes of keys and values for every position; 0 where the metadata does not tell. */
function cacheBytes(file: GgufFile, shape: Shape): number {
  const metadata = metadataOf(file);
  const arch = metadata.string('general.architecture');
  const perLayer = (key: string): number | undefined => {
    const value = metadata.get(`${arch}.${key}`);
    return isGgufArray(value) ? Math.max(0, ...value.items().map(Number)) : metadata.number(`${arch}.${key}`);
  };
  const [layers, heads, width] = [perLayer('block_count'), perLayer('attention.head_count'), perLayer('embedding_length')];
  if (layers === undefined || !heads || width === undefined) return 0;
  const kvHeads = perLayer('attention.head_count_kv') ?? heads;
  const lengths = (perLayer('attention.key_length') ?? width / heads) + (perLayer('attention.value_length') ?? width / heads);
  return shape.contextSize * shape.slots * layers * kvHeads * lengths * KV_BYTES;
}

/** The cache is written at once when it is made: what does not fit would end the process, not the call. */
function checkMemory(file: GgufFile, adapterBytes: number, shape: Shape): void {
  const limit = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  const needed = file.size + adapterBytes + cacheBytes(file, shape);
  if (needed <= limit) return;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new TaraError('TARA_OUT_OF_MEMORY', {
    reason: `weights and ${shape.slots} contexts of ${shape.contextSize} tokens need ${gib(needed)}, this machine has ${gib(limit)}`,
  });
}

/** Absolute paths of checked adapters by name, and their bytes together. */
async function readAdapters(base: GgufFile, value: unknown, signal: AbortSignal): Promise<{ adapters: Record<string, string>; bytes: number }> {
  const adapters = guard.record('adapters', value, (option, item) => resolve(guard.text(option, item)));
  let bytes = 0;
  for (const path of Object.values(adapters)) {
    const file = await readGguf(path, { signal });
    checkGgufLora(file, base);
    bytes += file.size;
  }
  return { adapters, bytes };
}

/** What the file says beyond what llama.cpp reports. */
function fileInfo(file: GgufFile): Pick<ModelInfo, 'chatTemplate' | 'metadata'> {
  const metadata: Record<string, string | number | boolean | bigint> = {};
  for (const { key, value } of file.metadata) if (!isGgufArray(value)) metadata[key] = value;
  return { chatTemplate: metadataOf(file).string('tokenizer.chat_template') ?? null, metadata };
}

class NativeEngine implements Engine {
  /** By runner. Weak, so that a forgotten model can be collected. */
  readonly #models = new Map<number, WeakRef<NativeModel>>();
  readonly #loads = new Set<Promise<Model>>();
  readonly #disposing = new AbortController();
  #disposed: Promise<void> | undefined;

  load(path: string, options: LoadOptions = {}): Promise<Model> {
    const load = this.#load(path, options);
    this.#loads.add(load);
    const forget = () => this.#loads.delete(load);
    load.then(forget, forget);
    return load;
  }

  async #load(path: string, options: LoadOptions): Promise<Model> {
    const outer = guard.signal('signal', options.signal);
    const signal = outer ? AbortSignal.any([outer, this.#disposing.signal]) : this.#disposing.signal;
    const check = () => {
      if (this.#disposed) throw new TaraError('TARA_DISPOSED', { what: 'the engine' });
      if (signal.aborted) throw new TaraError('TARA_ABORTED');
    };
    check();
    const absolute = resolve(guard.text('path', path));
    const file = await readGguf(absolute, { signal });
    checkModel(file);
    const shape = shapeOf(file, options);
    const { adapters, bytes } = await readAdapters(file, options.adapters, signal);
    checkMemory(file, bytes, shape);
    check();

    const { runner } = nativeCall('engine.create') as { runner: number };
    try {
      const onProgress = (progress: unknown) => options.onProgress?.((progress as { ratio: number }).ratio);
      const { data } = await startJob('engine.open', { runner, path: absolute, adapters, ...shape }, { signal, onProgress }).done;
      check();
      const model = new NativeModel(absolute, { ...(data as Omit<ModelInfo, 'chatTemplate' | 'metadata' | 'adapters'>), ...fileInfo(file), adapters: Object.keys(adapters) }, runner, textReader(file), Object.keys(adapters).sort().map((name) => adapters[name] ?? ''));
      this.#forgetCollected();
      this.#models.set(runner, new WeakRef(model));
      return model;
    } catch (error) {
      await closeRunner(runner);
      throw error;
    }
  }

  #forgetCollected(): void {
    for (const [runner, model] of this.#models) if (model.deref() === undefined) this.#models.delete(runner);
  }

  dispose(): Promise<void> {
    return (this.#disposed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#disposing.abort();
    await Promise.allSettled(this.#loads);
    await Promise.all([...this.#models.values()].map((model) => model.deref()?.dispose()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** An engine. It loads nothing native before the first model. */
export const createEngine = (): Engine => new NativeEngine();
