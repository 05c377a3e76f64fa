/** Makes a model, adapter or checkpoint folder safe and small before it is built. */
import { createCapability } from '../tokens.js';
import type { OnProgress } from './progress.js';

export interface CleanOptions {
  /** Where the cleaned copy goes; without it and without `inPlace` nothing is written. */
  readonly outputPath?: string;
  readonly inPlace?: boolean;
  /** Bytes; a larger file is an issue. */
  readonly maxFileBytes?: number;
  /** The base checkpoint that an adapter is checked against. */
  readonly baseDir?: string;
  /** Warnings make the result invalid too. */
  readonly strict?: boolean;
  /** Where the report is written as JSON. */
  readonly reportPath?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface CleanIssue {
  /** Stable upper-case code of the finding. */
  readonly code: string;
  /** File, relative to the cleaned folder. */
  readonly path: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
}

export interface CleanReport {
  readonly kind: 'hf-model' | 'peft-adapter' | 'gguf' | 'unknown';
  readonly valid: boolean;
  /** Validation score of the folder, 0..1. */
  readonly score: number;
  /** Path of the cleaned model; the input itself when it was cleaned in place or only checked. */
  readonly output: string;
  /** Files left out or removed, relative. */
  readonly removed: readonly string[];
  readonly issues: readonly CleanIssue[];
  readonly fixes: readonly { readonly code: string; readonly file: string }[];
  readonly bytesSaved: number;
  readonly seconds: number;
}

export interface Cleaner {
  clean(path: string, options?: CleanOptions): Promise<CleanReport>;
}

export const cleaner = createCapability<Cleaner>('cleaner');
