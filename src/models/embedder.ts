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

export interface EmbedderOptions {
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

/** An embedder over a GGUF file, which is loaded at the first text and leased while it works. Nothing is loaded here. */
export function createEmbedder(path: string, { acquire }: EmbedderOptions): Embedder {
  let contextSize: Promise<number> | undefined;
  /** In order of use, the last used at the end. */
  const known = new Map<string, Promise<Float32Array>>();

  const readContext = async (): Promise<number> => {
    const metadata = metadataOf(await readGguf(path));
    return Math.min(MAX_TOKENS, metadata.number(`${metadata.string('general.architecture')}.context_length`) ?? MAX_TOKENS);
  };

  async function withModel<T>(work: (model: Model) => Promise<T>): Promise<T> {
    contextSize ??= readContext();
    const size = await contextSize.catch((error: unknown) => {
      contextSize = undefined;
      throw error;
    });
    using lease = await acquire(path, { contextSize: size, slots: 1 });
    if (!lease.model.info.embeds) throw new TaraError('TARA_MODEL_UNSUPPORTED', { path, reason: 'it gives no embeddings' });
    return await work(lease.model);
  }

  /** A text of no words points nowhere. */
  const embedAll = (texts: readonly string[]): Promise<readonly Float32Array[]> =>
    withModel(async (model) => {
      const parts: string[] = [];
      for (const text of texts) parts.push(await fitting(model, text));
      const rows = await model.embed(parts.filter((part) => part !== ''));
      const next = rows.values();
      return parts.map((part) => (part === '' ? undefined : next.next().value) ?? new Float32Array(model.info.embeddingLength));
    });

  /** Starts all of them as one job; each text then has its own promise, which goes when it fails. */
  function remember(texts: ReadonlyMap<string, string>): void {
    const rows = embedAll([...texts.values()]);
    [...texts.keys()].forEach((key, index) => {
      const row = rows.then((all) => all[index] ?? new Float32Array(0));
      row.catch(() => known.delete(key));
      known.set(key, row);
    });
  }

  return {
    dimensions: () => withModel((model) => Promise.resolve(model.info.embeddingLength)),
    async embed(texts) {
      const wanted = texts.map(normalise).map((text) => ({ text, key: keyOf(text) }));
      const missing = new Map(wanted.filter(({ key }) => !known.has(key)).map(({ text, key }) => [key, text]));
      if (missing.size > 0) remember(missing);
      const rows = wanted.map(({ key }) => {
        const row = known.get(key);
        known.delete(key);
        if (row !== undefined) known.set(key, row);
        return row ?? new Float32Array(0);
      });
      for (const key of known.keys()) {
        if (known.size <= REMEMBERED) break;
        known.delete(key);
      }
      return Promise.all(rows);
    },
  };
}
