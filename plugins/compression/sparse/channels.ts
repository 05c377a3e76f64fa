/** Layers and channels: what the model computes over calibration text, which of it can go, and the weights that make up for it. */

import { ChannelMoments, readPart, writeSafetensors, type GgufFile, type Model, type Narrowed, type NarrowingRequest, type Pruning, type SafetensorsDtype } from 'tara-gguf';
import type { Structure } from './world.js';

/** Rows of quantized blocks: a multiple of it holds every type. */
export const WIDTH_STEP = 256;
/** Bytes that moments may take. A model that needs more keeps its layers and channels. */
const MEMORY = 1 << 30;

const DTYPES: Readonly<Record<string, SafetensorsDtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };
const DOWN = /^blk\.(\d+)\.ffn_down\.weight$/;

interface Down {
  readonly layer: number;
  readonly tensor: string;
  readonly size: number;
  readonly rows: number;
  readonly dtype: SafetensorsDtype;
  readonly offset: number;
  readonly bytes: number;
}

/** The weights that read the channels, by layer; empty for a model that has others (experts), or too many for MEMORY. */
function downs({ tensors }: GgufFile): Down[] {
  const found = tensors.flatMap(({ name, ne, type, offset, bytes }): Down[] => {
    const [layer, dtype] = [DOWN.exec(name)?.[1], DTYPES[type]];
    return layer === undefined || dtype === undefined ? [] : [{ layer: Number(layer), tensor: name, size: ne[0] ?? 0, rows: ne[1] ?? 0, dtype, offset, bytes }];
  });
  const memory = found.reduce((sum, { size, rows }) => sum + 4 * size * ((size + 1) / 2 + rows), 0);
  const uniform = found.every(({ size }) => size === found[0]?.size);
  return uniform && memory <= MEMORY ? found.sort((a, b) => a.layer - b.layer) : [];
}

export interface SurgeryOptions {
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Made once for a model, it heals every structure that is asked of it. */
export class Surgery implements Disposable {
  readonly #made = new Map<string, Narrowed>();

  private constructor(readonly file: GgufFile, readonly influence: ReadonlyMap<number, number>, readonly width: number, private readonly list: readonly Down[], private readonly moments: ChannelMoments) {}

  /** Null for a model whose channels cannot be seen. Rejects as reading does. */
  static async open(file: GgufFile, model: Model, sequences: readonly Int32Array[], { signal, onProgress }: SurgeryOptions): Promise<Surgery | null> {
    const list = downs(file);
    const [first] = list;
    if (!first) return null;
    const moments = new ChannelMoments(list.map(({ layer, tensor, size, rows }) => ({ layer, tensor, size, rows })), MEMORY);
    try {
      const influence = await moments.read(model, sequences, { signal, onProgress });
      return new Surgery(file, new Map(list.map(({ layer }, index) => [layer, influence[index] ?? 0])), first.size, list, moments);
    } catch (error) {
      moments[Symbol.dispose]();
      throw error;
    }
  }

  /** What each layer that stays must be, by its own place. */
  #wanted({ layers, width }: Structure): { layer: number; width: number; next: boolean }[] {
    const gone = new Set(layers);
    return this.list.flatMap(({ layer }) => {
      const next = gone.has(layer + 1);
      return gone.has(layer) || (!next && width === null) ? [] : [{ layer, width: width ?? this.width, next }];
    });
  }

  /** Writes the refitted weights to `path`; null where there are none. */
  async heal(structure: Structure, path: string, { threads, signal, onProgress }: SurgeryOptions): Promise<Pruning> {
    const wanted = this.#wanted(structure);
    const keyOf = (layer: number, width: number, next: boolean): string => `${layer} ${width} ${next}`;
    const missing = wanted.filter(({ layer, width, next }) => !this.#made.has(keyOf(layer, width, next)));
    const requests: NarrowingRequest[] = [];
    for (const { layer, width, next } of missing) {
      const index = this.list.findIndex((one) => one.layer === layer);
      const down = this.list[index];
      if (down) requests.push({ index, dtype: down.dtype, bytes: await readPart(this.file.path, down.offset, down.bytes), next, widths: [width] });
    }
    if (requests.length > 0) {
      const made = await this.moments.narrow(requests, { threads, signal, onProgress });
      for (const one of made) {
        const layer = this.list[one.index]?.layer ?? 0;
        this.#made.set(keyOf(layer, one.width, requests.find(({ index }) => index === one.index)?.next ?? false), one);
      }
    }
    const healed = wanted.flatMap(({ layer, width, next }) => {
      const one = this.#made.get(keyOf(layer, width, next));
      return one ? [{ layer, ...one }] : [];
    });
    if (healed.length === 0) return this.#structure(structure, {});
    await writeSafetensors(path, healed.map(({ layer, width, weight }) => ({
      name: `blk.${layer}.ffn_down.weight`, dtype: 'F32' as const, shape: [weight.length / width, width], data: new Uint8Array(weight.buffer, weight.byteOffset, weight.byteLength),
    })), { signal });
    const channels = structure.width === null ? undefined : Object.fromEntries(healed.map(({ layer, kept }) => [layer, kept]));
    return { ...this.#structure(structure, { channels }), weights: path };
  }

  #structure({ layers }: Structure, rest: Pruning): Pruning {
    const gone = new Set(layers);
    return { ...rest, ...(layers.length > 0 && { layers: this.list.map(({ layer }) => layer).filter((layer) => !gone.has(layer)) }) };
  }

  [Symbol.dispose](): void {
    this.moments[Symbol.dispose]();
  }
}
