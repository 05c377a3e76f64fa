/** What a cut takes off a file, from the sizes of its tensors as the preset writes them: close enough to choose by, and settled by the written file. */

import type { GgufFile } from 'tara-gguf';
import type { Cut } from './world.js';

export interface Shape {
  /** Tokens, layers, and channels of a feed-forward network. */
  readonly tokens: number;
  readonly layers: number;
  readonly width: number;
}

export interface Sizes extends Shape {
  /** Of the file with nothing cut. */
  readonly bytes: number;
  readonly of: (cut: Cut) => number;
}

const PER_TOKEN = new Set(['token_embd.weight', 'output.weight']);
const TOKEN_LISTS = /^tokenizer\.ggml\.(tokens|scores|token_type|merges)$/;
const LAYER = /^blk\.(\d+)\./;
const WIDE = /\.ffn_(gate|up|down)\.weight$/;

/** `file`: the model in the preset's types. */
export function sizesOf(file: GgufFile, shape: Shape): Sizes {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const lists = file.metadata.flatMap(({ key, value }) => (TOKEN_LISTS.test(key) && typeof value === 'object' ? [value.bytes.length] : []));
  const perToken = (sum(file.tensors.flatMap(({ name, bytes }) => (PER_TOKEN.has(name) ? [bytes] : []))) + sum(lists)) / shape.tokens;
  const inLayers = file.tensors.flatMap(({ name, bytes }) => (LAYER.test(name) ? [{ layer: Number(LAYER.exec(name)?.[1]), wide: WIDE.test(name), bytes }] : []));
  return {
    ...shape,
    bytes: file.size,
    of: ({ tokens, layers, width }) => {
      const gone = new Set(layers);
      const lost = sum(inLayers.map(({ layer, wide, bytes }) => (gone.has(layer) ? bytes : wide && width !== null ? bytes * (1 - width / shape.width) : 0)));
      return Math.round(file.size - perToken * (shape.tokens - tokens) - lost);
    },
  };
}
