/**
 * Loaded models by path, shared through leases and kept while memory allows. With a budget, who needs a model that does not
 * fit beside those in use waits its turn: first come, first served, each until its deadline.
 */
import { stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Engine, LoadOptions, Model } from '../engine/index.js';
import { TaraError } from '../errors.js';

export interface ModelStoreOptions {
  /** Bytes of model files that may stay loaded without a lease; a quarter of the machine's memory when omitted. */
  readonly idleBytes?: number;
  /** Bytes of model files that may be loaded at once, in use or not; any number when omitted. */
  readonly budgetBytes?: number;
  /** Milliseconds that a caller waits for memory; a minute when omitted. */
  readonly waitMs?: number;
}

export interface AcquireOptions extends LoadOptions {
  /** Which of several loads of the same file, each with a context of its own; 0 when omitted. */
  readonly replica?: number;
}

/** The right to use a model until `release`; releasing twice is harmless. */
export interface Lease {
  readonly model: Model;
  /** Names the model, its file as it was loaded, and how it was loaded: what two leases with the same one say is the same. */
  readonly identity: string;
  release(): void;
  [Symbol.dispose](): void;
}

export interface ModelStore {
  /** Loads the model unless it is loaded already. Rejects as engine.load does; with a budget also with TARA_MODEL_TOO_LARGE and TARA_MEMORY_BUSY. */
  acquire(path: string, options?: AcquireOptions): Promise<Lease>;
  /** Unloads everything; leases in use end with TARA_DISPOSED, and so do those who wait. */
  close(): Promise<void>;
}

interface Resident {
  readonly key: string;
  readonly identity: string;
  readonly bytes: number;
  readonly model: Promise<Model>;
  leases: number;
  lastUse: number;
}

/** A model to load. */
interface Wanted {
  readonly path: string;
  readonly key: string;
  readonly identity: string;
  readonly bytes: number;
  readonly shape: LoadOptions;
}

interface Waiter extends Wanted {
  readonly since: number;
  admit(resident: Resident): void;
  reject(error: TaraError): void;
}

/** A file as it is now; the engine says what is wrong with one that is not there. */
const stampOf = async (path: string): Promise<{ readonly bytes: number; readonly stamp: string }> => {
  const { size, mtimeMs, ino } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0, ino: 0 }));
  return { bytes: size, stamp: `${resolve(path)} ${size} ${mtimeMs} ${ino}` };
};

/** Share of its time after which a waiter goes before all who come later, also those whose model is loaded: else that model might never leave. */
const PATIENCE = 0.25;

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

export function createModelStore(engine: Engine, { idleBytes = totalmem() / 4, budgetBytes = Number.POSITIVE_INFINITY, waitMs = 60_000 }: ModelStoreOptions = {}): ModelStore {
  const residents = new Map<string, Resident>();
  /** First come, first served. */
  const waiting: Waiter[] = [];
  /** Bytes of models that are being unloaded: still in memory. */
  let leavingBytes = 0;
  let uses = 0;
  let closed = false;

  const unload = async (resident: Resident): Promise<void> => {
    residents.delete(resident.key);
    leavingBytes += resident.bytes;
    try {
      const model = await resident.model.catch(() => undefined);
      await model?.dispose();
    } finally {
      leavingBytes -= resident.bytes;
      pump();
    }
  };

  /** Least recently used first; what is loading has a lease. */
  const idle = (): Resident[] => [...residents.values()].filter(({ leases }) => leases === 0).sort((a, b) => a.lastUse - b.lastUse);

  /** Unloads idle models until the rest fits. */
  const trim = (): void => {
    const all = idle();
    let bytes = all.reduce((sum, resident) => sum + resident.bytes, 0);
    for (const resident of all) {
      if (bytes <= idleBytes) return;
      bytes -= resident.bytes;
      void unload(resident);
    }
  };

  /** Whether so much more fits now. Unloads idle models where that will make room; pump is called when they are gone. */
  const hasRoom = (bytes: number): boolean => {
    const used = [...residents.values()].reduce((sum, resident) => sum + resident.bytes, leavingBytes);
    let lacking = used + bytes - budgetBytes;
    if (lacking <= 0) return true;
    const all = idle();
    if (all.reduce((sum, resident) => sum + resident.bytes, leavingBytes) < lacking) return false;
    lacking -= leavingBytes;
    for (const resident of all) {
      if (lacking <= 0) break;
      lacking -= resident.bytes;
      void unload(resident);
    }
    return false;
  };

  /** Enters a model as loading. The caller takes its lease before anything else can happen. */
  const enter = ({ path, key, identity, bytes, shape }: Wanted): Resident => {
    const resident: Resident = { key, identity, bytes, model: engine.load(path, shape), leases: 0, lastUse: 0 };
    residents.set(key, resident);
    resident.model.catch(() => {
      if (residents.get(key) === resident) residents.delete(key);
      pump();
    });
    return resident;
  };

  const take = (resident: Resident): Resident => {
    resident.leases += 1;
    resident.lastUse = uses++;
    return resident;
  };

  /** Serves those who wait, in order, as far as memory reaches. */
  function pump(): void {
    for (let first = waiting[0]; first !== undefined && !closed; first = waiting[0]) {
      const resident = residents.get(first.key);
      if (resident === undefined && !hasRoom(first.bytes)) return;
      waiting.shift();
      first.admit(take(resident ?? enter(first)));
    }
  }

  function wait(wanted: Wanted, signal: AbortSignal | undefined): Promise<Resident> {
    return new Promise((resolvePromise, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const at = waiting.indexOf(waiter);
        if (at >= 0) waiting.splice(at, 1);
      };
      const waiter: Waiter = {
        ...wanted, since: performance.now(),
        admit(resident) {
          leave();
          resolvePromise(resident);
        },
        reject(error) {
          leave();
          reject(error);
          // Those behind may need less.
          pump();
        },
      };
      const timer = setTimeout(() => waiter.reject(new TaraError('TARA_MEMORY_BUSY', { path: wanted.path, seconds: waitMs / 1000 })), waitMs);
      const abort = () => waiter.reject(new TaraError('TARA_ABORTED'));
      signal?.addEventListener('abort', abort, { once: true });
      waiting.push(waiter);
    });
  }

  const leaseOf = (resident: Resident, model: Model): Lease => {
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      give(resident);
    };
    return { model, identity: resident.identity, release, [Symbol.dispose]: release };
  };

  const give = (resident: Resident): void => {
    resident.leases -= 1;
    trim();
    pump();
  };

  /** A resident with the caller's lease on it. A file that was replaced is another model. */
  async function admitted(path: string, replica: number, shape: LoadOptions, signal: AbortSignal | undefined): Promise<Resident> {
    const [{ bytes, stamp }, ...adapters] = await Promise.all([stampOf(path), ...Object.values(shape.adapters ?? {}).map(stampOf)]);
    const identity = JSON.stringify([stamp, adapters.map((file) => file.stamp), { ...shape, onProgress: undefined }]);
    const key = `${replica} ${identity}`;
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    if (closed) throw new TaraError('TARA_DISPOSED', { what: 'the model store' });
    if (bytes > budgetBytes) throw new TaraError('TARA_MODEL_TOO_LARGE', { path, bytes, budget: budgetBytes });
    // Nothing may come between this look-up and the lease, or two callers would load twice, or one would lose its model.
    const known = residents.get(key);
    const first = waiting[0];
    if (known !== undefined && (first === undefined || performance.now() - first.since < PATIENCE * waitMs)) return take(known);
    const wanted: Wanted = { path, key, identity, bytes, shape };
    return first === undefined && hasRoom(bytes) ? take(enter(wanted)) : wait(wanted, signal);
  }

  return {
    async acquire(path, options = {}) {
      if (closed) throw new TaraError('TARA_DISPOSED', { what: 'the model store' });
      const { signal, replica = 0, ...shape } = options;
      const resident = await admitted(path, replica, shape, signal);
      try {
        // One caller's signal must not end a load that others wait for.
        return leaseOf(resident, await untilAborted(resident.model, signal));
      } catch (error) {
        give(resident);
        throw error;
      }
    },
    async close() {
      closed = true;
      for (const waiter of [...waiting]) waiter.reject(new TaraError('TARA_DISPOSED', { what: 'the model store' }));
      await Promise.all([...residents.values()].map(unload));
    },
  };
}
