/**
 * The folder of tensors that were quantized before: one small GGUF file each, `KEY-SHA256.gguf`. The key says what its bytes
 * follow from; the hash is that of the file itself, so that a damaged one is known.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from '../../workers/index.js';
import { writeError } from '../../write-whole.js';

const ENTRY = /^([0-9a-f]{64})-([0-9a-f]{64})\.gguf$/;
const DRAFT = /^[0-9a-f]{64}-[0-9a-f-]{36}\.part$/;
/** No run leaves a draft alone for so long, unless it was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export interface StoreOptions {
  readonly pool: Pool;
  readonly signal?: AbortSignal | undefined;
}

export class TensorStore {
  readonly #names: Map<string, { readonly name: string; readonly hash: string }>;
  /** Two runs that make the same tensor at once write a draft each. */
  readonly #run = randomUUID();

  private constructor(readonly folder: string, names: readonly string[], private readonly options: StoreOptions) {
    this.#names = new Map(names.flatMap((name) => {
      const [, key, hash] = ENTRY.exec(name) ?? [];
      return key !== undefined && hash !== undefined ? [[key, { name, hash }] as const] : [];
    }));
  }

  /** Makes the folder where there is none. Throws TARA_WRITE_FAILED. */
  static async open(folder: string, options: StoreOptions): Promise<TensorStore> {
    const names = await mkdir(folder, { recursive: true }).then(() => readdir(folder)).catch((thrown: unknown) => { throw writeError(folder, thrown); });
    await Promise.all(names.filter((name) => DRAFT.test(name)).map(async (name) => {
      const written = await stat(join(folder, name)).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > ABANDONED_MS) await rm(join(folder, name), { force: true });
    }));
    return new TensorStore(folder, names, options);
  }

  /** The file of a key, its hash checked; a damaged one is removed. */
  async find(key: string): Promise<string | undefined> {
    const entry = this.#names.get(key);
    if (entry === undefined) return undefined;
    const path = join(this.folder, entry.name);
    if ((await this.#hash(path)) === entry.hash) return path;
    await rm(path, { force: true });
    return undefined;
  }

  /** Where the file of a key is written before it is taken in. */
  draft(key: string): string {
    return join(this.folder, `${key}-${this.#run}.part`);
  }

  /** Takes a written draft in under its hash; its path. */
  async take(key: string): Promise<string> {
    const path = join(this.folder, `${key}-${await this.#hash(this.draft(key))}.gguf`);
    await this.#place(this.draft(key), path);
    return path;
  }

  /** Removes what was written and not taken in. */
  async discard(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => rm(this.draft(key), { force: true })));
  }

  /** Bytes of all its files. */
  async bytes(): Promise<number> {
    const sizes = await Promise.all((await readdir(this.folder)).map(async (name) => (await stat(join(this.folder, name)).catch(() => undefined))?.size ?? 0));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Never in the place of another: a run may be reading that one, and its bytes are the same. */
  async #place(draft: string, path: string): Promise<void> {
    const failed = await link(draft, path).then(() => undefined, (cause: unknown) => (cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'));
    // Some file systems know no second names.
    if (failed === undefined || failed === 'EEXIST') await rm(draft, { force: true });
    else await rename(draft, path);
  }

  #hash(path: string): Promise<string> {
    return this.options.pool.run<string>('workers/hash-file', path, { signal: this.options.signal });
  }
}
