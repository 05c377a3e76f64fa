/** Long work on files, in the pool: hashing and copying, with progress read while they run. */
import { readError, TaraError, writeError, type Workers } from 'tara-gguf/plugin';
import { countOf, newCounter, type Counter } from './tasks/chunks.js';
import type { CopyInput, CopyOutput } from './tasks/copy.js';
import type { HashInput, HashOutput } from './tasks/hash.js';

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes are done, a few times a second and at the end. */
  onBytes?(bytes: number): void;
}

export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

export interface Work {
  /** Of a regular file; a link is a fault. */
  hash(path: string, options?: WorkOptions): Promise<Digest | { readonly fault: string }>;
  hashSpans(path: string, spans: NonNullable<HashInput['spans']>, options?: WorkOptions): Promise<readonly string[]>;
  /** Throws TARA_FILE_CHANGED, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_DISK_FULL, TARA_WRITE_FAILED, TARA_ABORTED. */
  copy(from: string, to: string, mode: number, options?: WorkOptions): Promise<Digest>;
}

const TICK_MS = 100;

async function counted<T>(run: (counter: Counter) => Promise<T>, onBytes: WorkOptions['onBytes']): Promise<T> {
  const counter = newCounter();
  const tell = () => onBytes?.(countOf(counter));
  const timer = onBytes === undefined ? undefined : setInterval(tell, TICK_MS);
  try {
    return await run(counter);
  } finally {
    clearInterval(timer);
    tell();
  }
}

const taskUrl = (name: 'copy' | 'hash'): string => new URL(`./tasks/${name}.js`, import.meta.url).href;

export function createWork({ runInPool }: Pick<Workers, 'runInPool'>): Work {
  const hash = (input: Omit<HashInput, 'counter'>, { signal, onBytes }: WorkOptions) =>
    counted((counter) => runInPool<HashOutput>(taskUrl('hash'), { ...input, counter }, signal && { signal }), onBytes);
  return {
    async hash(path, options = {}) {
      const { bytes, sha256: [sha256 = ''], fault } = await hash({ path }, options);
      return fault === undefined ? { bytes, sha256 } : { fault };
    },
    async hashSpans(path, spans, options = {}) {
      const { sha256, fault } = await hash({ path, spans }, options);
      if (fault !== undefined) throw readError(path, { code: fault });
      return sha256;
    },
    async copy(from, to, mode, { signal, onBytes } = {}) {
      const input: Omit<CopyInput, 'counter'> = { from, to, mode };
      const { bytes, sha256, changed, fault } = await counted((counter) => runInPool<CopyOutput>(taskUrl('copy'), { ...input, counter }, signal && { signal }), onBytes);
      if (fault?.path === from) throw readError(from, fault);
      if (fault !== undefined) throw writeError(to, fault);
      if (changed) throw new TaraError('TARA_FILE_CHANGED', { path: from });
      return { bytes, sha256 };
    },
  };
}
