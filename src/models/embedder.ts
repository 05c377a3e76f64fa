/** Sentence embeddings of one model, computed once a text, whoever asks. */
import { createHash } from 'node:crypto';
import { TaraError } from '../errors.js';
import type { Model } from '../engine/index.js';
import { metadataOf, readGguf } from '../formats/index.js';
import type { Embedder } from '../kernel/capabilities/index.js';
import type { Lease } from './store.js';

/** Tokens of a text that are read: what sentence models are trained on. */
const MAX_TOKENS = 256;
/** Nothing that is read of a text lies beyond this many UTF-16 units. */
const MAX_UNITS = 8192;
/** More than the start and end tokens of any tokenizer. */
const SPECIALS = 8;
/** Vectors that are kept. */
const REMEMBERED = 2048;

export interface ModelSource {
  /** A lease on the model, loaded for contexts of `contextSize` tokens. */
  acquire(path: string, options: { readonly contextSize: number; readonly slots: number }): Promise<Lease>;
}

/** The text as it is embedded and remembered: spaces do not count. */
const normalise = (text: string): string => text.slice(0, MAX_UNITS).toWellFormed().normalize('NFC').replace(/\s+/g, ' ').trim();

/** No text is kept, only its digest. */
const keyOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/** The longest beginning that is sure to fit the context. A tokenizer makes no more tokens than bytes. */
async function fitting(model: Model, text: string): Promise<string> {
  const limit = model.info.contextSize;
  let rest = text;
  while (Buffer.byteLength(rest) + SPECIALS > limit) {
    const { length } = await model.tokenize(rest, { parseSpecial: true });
    if (length <= limit) return rest;
    rest = rest.slice(0, Math.floor(rest.length * (limit / length) * 0.95)).toWellFormed();
  }
  return rest;
}

interface Shape {
  readonly contextSize: number;
  readonly blocks: number;
}

async function readShape(path: string): Promise<Shape> {
  const metadata = metadataOf(await readGguf(path));
  const number = (key: string) => metadata.number(`${metadata.string('general.architecture')}.${key}`);
  return { contextSize: Math.min(MAX_TOKENS, number('context_length') ?? MAX_TOKENS), blocks: number('block_count') ?? 0 };
}

/** A text as the model read it: its embedding, and what entered `blocks`. */
interface Read {
  readonly embedding: Float32Array;
  readonly inputs: ReadonlyMap<number, Float32Array>;
}

interface Entry {
  readonly blocks: readonly number[];
  readonly read: Promise<Read>;
}

function split(row: Float32Array, blocks: readonly number[]): Read {
  const width = row.length / (blocks.length + 1);
  const part = (index: number) => row.slice(index * width, (index + 1) * width);
  return { embedding: part(0), inputs: new Map(blocks.map((block, index) => [block, part(index + 1)])) };
}

function join({ embedding, inputs }: Read, blocks: readonly number[]): Float32Array {
  if (blocks.length === 0) return embedding;
  const parts = [embedding, ...blocks.map((block) => inputs.get(block) ?? new Float32Array(0))];
  const row = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (row.set(part, at), at + part.length), 0);
  return row;
}

/** An embedder over a GGUF file, which is loaded at the first text and leased while it works. Nothing is loaded here. */
export function createEmbedder(path: string, { acquire }: ModelSource): Embedder {
  let shape: Promise<Shape> | undefined;
  /** In order of use, the last used at the end. */
  const known = new Map<string, Entry>();
  /** All that anybody looked at with success: a text is then computed once, whoever asks first. */
  const looked = new Set<number>();

  const shapeOf = (): Promise<Shape> =>
    (shape ??= readShape(path).catch((error: unknown) => {
      shape = undefined;
      throw error;
    }));

  async function withModel<T>(work: (model: Model) => Promise<T>): Promise<T> {
    using lease = await acquire(path, { contextSize: (await shapeOf()).contextSize, slots: 1 });
    if (!lease.model.info.embeds) throw new TaraError('TARA_MODEL_UNSUPPORTED', { path, reason: 'it gives no embeddings' });
    return await work(lease.model);
  }

  /** A text of no words points nowhere. */
  const readAll = (texts: readonly string[], blocks: readonly number[]): Promise<readonly Read[]> =>
    withModel(async (model) => {
      const parts: string[] = [];
      for (const text of texts) parts.push(await fitting(model, text));
      const rows = await model.embed(parts.filter((part) => part !== ''), { blocks });
      const next = rows.values();
      return parts.map((part) => split((part === '' ? undefined : next.next().value) ?? new Float32Array(model.info.embeddingLength * (blocks.length + 1)), blocks));
    });

  /** Starts all of them as one job; each text then has its own promise, which goes when it fails. */
  function remember(texts: ReadonlyMap<string, string>, wanted: readonly number[]): void {
    const blocks = [...new Set([...looked, ...wanted])];
    const reads = readAll([...texts.values()], blocks);
    reads.then(() => blocks.forEach((block) => looked.add(block)), () => undefined);
    [...texts.keys()].forEach((key, index) => {
      const read = reads.then((all) => all[index] as Read);
      const entry = { blocks, read };
      read.catch(() => {
        if (known.get(key) === entry) known.delete(key);
      });
      known.set(key, entry);
    });
  }

  async function blocksAt(depths: readonly number[]): Promise<readonly number[]> {
    const { blocks } = await shapeOf();
    return depths.map((depth) => Math.max(0, Math.min(blocks - 1, Math.floor(depth * blocks))));
  }

  async function rowsOf(texts: readonly string[], blocks: readonly number[]): Promise<readonly Float32Array[]> {
    const wanted = texts.map(normalise).map((text) => ({ text, key: keyOf(text) }));
    const complete = (entry: Entry | undefined) => entry !== undefined && blocks.every((block) => entry.blocks.includes(block));
    const missing = new Map(wanted.filter(({ key }) => !complete(known.get(key))).map(({ text, key }) => [key, text]));
    if (missing.size > 0) remember(missing, blocks);
    const rows = wanted.map(({ key }) => {
      const entry = known.get(key) as Entry;
      known.delete(key);
      known.set(key, entry);
      return entry.read.then((read) => join(read, blocks));
    });
    for (const key of known.keys()) {
      if (known.size <= REMEMBERED) break;
      known.delete(key);
    }
    return Promise.all(rows);
  }

  return {
    dimensions: () => withModel((model) => Promise.resolve(model.info.embeddingLength)),
    embed: async (texts, { depths = [] } = {}) => rowsOf(texts, depths.length === 0 ? [] : await blocksAt(depths)),
  };
}
