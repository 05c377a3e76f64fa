/** Loaded models by path, shared through leases and kept while memory allows. */
import { stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Engine, LoadOptions, Model } from '../engine/index.js';
import { TaraError } from '../errors.js';

export interface ModelStoreOptions {
  /** Bytes of model files that may stay loaded without a lease; a quarter of the machine's memory when omitted. */
  readonly idleBytes?: number;
}

/** The right to use a model until `release`; releasing twice is harmless. */
export interface Lease {
  readonly model: Model;
  release(): void;
  [Symbol.dispose](): void;
}

export interface ModelStore {
  /** Loads the model unless it is loaded already. Rejects as engine.load does. */
  acquire(path: string, options?: LoadOptions): Promise<Lease>;
  /** Unloads everything; leases in use end with TARA_DISPOSED. */
  close(): Promise<void>;
}

interface Resident {
  readonly key: string;
  readonly bytes: number;
  readonly model: Promise<Model>;
  leases: number;
  lastUse: number;
}

/** The promise, or TARA_ABORTED as soon as the signal fires. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolvePromise, reject) => {
    const abort = () => reject(new TaraError('TARA_ABORTED'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolvePromise, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

export function createModelStore(engine: Engine, { idleBytes = totalmem() / 4 }: ModelStoreOptions = {}): ModelStore {
  const residents = new Map<string, Resident>();
  let uses = 0;
  let closed = false;

  const unload = async (resident: Resident): Promise<void> => {
    residents.delete(resident.key);
    const model = await resident.model.catch(() => undefined);
    await model?.dispose();
  };

  /** Unloads idle models, least recently used first, until the rest fits. */
  const trim = (): void => {
    const idle = [...residents.values()].filter(({ leases }) => leases === 0).sort((a, b) => a.lastUse - b.lastUse);
    let bytes = idle.reduce((sum, resident) => sum + resident.bytes, 0);
    for (const resident of idle) {
      if (bytes <= idleBytes) return;
      bytes -= resident.bytes;
      void unload(resident);
    }
  };

  const leaseOf = (resident: Resident, model: Model): Lease => {
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      resident.leases -= 1;
      trim();
    };
    return { model, release, [Symbol.dispose]: release };
  };

  return {
    async acquire(path, options = {}) {
      if (closed) throw new TaraError('TARA_DISPOSED', { what: 'the model store' });
      const { signal, ...shape } = options;
      const key = JSON.stringify([resolve(path), { ...shape, onProgress: undefined }]);
      let resident = residents.get(key);
      if (!resident) {
        // Nothing may come between the look-up and the entry, or two callers would load twice.
        const size = stat(path).then(({ size: bytes }) => bytes, () => 0);
        // One caller's signal must not end a load that others wait for.
        const model = engine.load(path, shape);
        resident = { key, bytes: 0, model, leases: 0, lastUse: 0 };
        residents.set(key, resident);
        const entry = resident;
        void size.then((bytes) => Object.assign(entry, { bytes }));
        model.catch(() => residents.delete(key));
      }
      resident.leases += 1;
      resident.lastUse = uses++;
      try {
        return leaseOf(resident, await untilAborted(resident.model, signal));
      } catch (error) {
        resident.leases -= 1;
        trim();
        throw error;
      }
    },
    async close() {
      closed = true;
      await Promise.all([...residents.values()].map(unload));
    },
  };
}
