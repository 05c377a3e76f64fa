/** What a text means, as a vector; the core provides it where an embedding model is named. */
import { createCapability } from '../tokens.js';

export interface Embedder {
  /** Length of every vector. Loads the model; rejects as `embed`. */
  dimensions(): Promise<number>;
  /**
   * A vector of length 1 for each text, in order; of zeros for a text without words. Only the first 256 tokens of a
   * text count. Each text is computed once and its vector shared: never write to one. Rejects as the engine's load
   * and embed do (TARA_FILE_NOT_FOUND, TARA_GGUF_INVALID, TARA_MODEL_UNSUPPORTED …).
   */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
}

/** Nobody provides it where no embedding model is named: `find` then answers undefined. */
export const embedder = createCapability<Embedder>('embedder');
