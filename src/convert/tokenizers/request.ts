/** What a reader of one kind of tokenizer is given. */
import type { Blobs } from '../../plan/schema.js';
import type { ModelConfig } from '../checkpoint/config.js';
import type { TokenizerFiles } from './source.js';

export interface TokenizerRequest {
  readonly files: TokenizerFiles;
  readonly config: ModelConfig;
  /** Rows of the embedding. */
  readonly vocabSize: number;
  /** Takes the long arrays. */
  readonly blobs: Blobs;
  /** The pre-tokenizer's name where the caller knows better than its hash. */
  readonly pre: string | undefined;
}
