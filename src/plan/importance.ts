/** The importance of tensors' columns, gathered from a plan's importance matrices for the executor: each entry once. */
import { readImatrix } from '../formats/imatrix.js';
import type { PlanWithBlobs, TensorRef } from './schema.js';
import { checkPins, invalid, readBefore } from './spans.js';

export class Importance {
  readonly #first = new Map<Float32Array, number>();
  #length = 0;

  private constructor(private readonly sources: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>) {}

  /** Throws TARA_FILE_CHANGED and what readImatrix throws. */
  static async read(p: PlanWithBlobs): Promise<Importance> {
    const sources = new Map<string, ReadonlyMap<string, Float32Array>>();
    for (const [id, source] of Object.entries(p.plan.sources)) {
      if (source.format !== 'imatrix') continue;
      const before = await readBefore(p, id, source);
      const file = before !== undefined && 'entries' in before ? before : await readImatrix(source.path);
      checkPins(file, source);
      sources.set(id, file.entries);
    }
    return new Importance(sources);
  }

  /** Where the importance of a tensor's columns begins; each slice of `rows` rows (an expert) has its own. Throws TARA_PLAN_INVALID. */
  place({ src, tensor }: TensorRef, name: string, ne: readonly number[]): { first: number; rows: number } {
    const entry = this.sources.get(src)?.get(tensor);
    if (entry === undefined) throw invalid(`${name}: there is no importance ${tensor} in ${src}`);
    if (entry.length !== (ne[0] ?? 1) * (ne[2] ?? 1)) throw invalid(`${name}: its importance has ${entry.length} values`);
    const first = this.#first.get(entry) ?? this.#length;
    if (first === this.#length) this.#length += entry.length;
    this.#first.set(entry, first);
    return { first, rows: ne[1] ?? 1 };
  }

  /** All that was placed, as float32; null for nothing. */
  bytes(): Uint8Array | null {
    if (this.#length === 0) return null;
    const all = new Float32Array(this.#length);
    for (const [entry, first] of this.#first) all.set(entry, first);
    return new Uint8Array(all.buffer);
  }
}
