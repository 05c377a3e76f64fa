/** What a text means, as a vector; the core provides it where an embedding model is named. */
import { createCapability } from '../tokens.js';

export interface EmbedderOptions {
  /**
   * Where else to look inside the model, as shares of its depth: at 0.5 of six blocks, what enters block 3. The vector is
   * then followed by the mean of what is found there over the text's tokens, of length 1 too. Half way a model still tells
   * tone and wording, which the last layer of a sentence model has given up for meaning.
   */
  readonly depths?: readonly number[] | undefined;
}

export interface Embedder {
  /** Length of every vector. Loads the model; rejects as `embed`. */
  dimensions(): Promise<number>;
  /**
   * A vector of length 1 for each text, in order; of zeros for a text without words. Only the first 256 tokens of a
   * text count. Each text is computed once and its vector shared: never write to one. Rejects as the engine's load
   * and embed do (TARA_FILE_NOT_FOUND, TARA_GGUF_INVALID, TARA_MODEL_UNSUPPORTED …).
   */
  embed(texts: readonly string[], options?: EmbedderOptions): Promise<readonly Float32Array[]>;
}

/** Nobody provides it where no embedding model is named: `find` then answers undefined. */
export const embedder = createCapability<Embedder>('embedder');
