/**
 * A checkpoint's tokenizer as GGUF keys, equal to what llama.cpp's converter writes: one file for each kind that
 * an architecture can name. Imports: errors, formats, plan/schema, convert's file and entry helpers.
 */
import { TaraError } from '../../errors.js';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import type { Architecture } from '../architectures/index.js';
import type { ModelConfig } from '../checkpoint/config.js';
import { overwriting } from '../entries.js';
import { bpeEntries } from './bpe.js';
import { llamaEntries } from './llama.js';
import { tokenizerFiles } from './source.js';
import { gemmaEntries, phi3Entries, sentencePieceEntries } from './spm.js';
import { wordPieceEntries } from './wordpiece.js';

export { parseSentencePiece, type SentencePieceModel } from './spm.js';
export { pretokenizerHash } from './pretokenizer.js';

const READERS = { llama: llamaEntries, sentencepiece: sentencePieceEntries, gemma: gemmaEntries, phi3: phi3Entries, bpe: bpeEntries, wordpiece: wordPieceEntries } as const;

/** Several times the largest vocabulary there is; a number in a file must not decide how much is allocated. */
const MAX_VOCAB = 1 << 21;

/**
 * The tokenizer keys in the reference's order. `pre` names the pre-tokenizer where the caller knows better than its
 * hash. Throws TARA_TOKENIZER_MISSING, TARA_TOKENIZER_INVALID, TARA_PRETOKENIZER_UNKNOWN, TARA_PRETOKENIZER_MISMATCH.
 */
export async function tokenizerEntries(dir: string, architecture: Architecture, config: ModelConfig, blobs: Blobs, pre?: string): Promise<MetadataEntry[]> {
  const vocabSize = config.count('vocab_size');
  if (vocabSize > MAX_VOCAB) throw config.invalid(`vocab_size is ${vocabSize}; at most ${MAX_VOCAB} are taken`);
  const files = await tokenizerFiles(dir);
  for (const kind of architecture.tokenizers) {
    const entries = await READERS[kind]({ files, config, vocabSize, blobs, pre });
    if (entries) return overwriting(entries);
  }
  throw new TaraError('TARA_TOKENIZER_MISSING', { path: dir });
}
