/**
 * A checkpoint's tokenizer as GGUF keys, equal to what llama.cpp's converter writes.
 * Imports: errors, plan/schema, convert's file and entry helpers.
 */
import { TaraError } from '../../errors.js';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import type { Architecture } from '../architectures/index.js';
import type { ModelConfig } from '../config.js';
import { flag, overwriting, u32 } from '../entries.js';
import { bpeEntries } from './bpe.js';
import { llamaHfEntries } from './llama-hf.js';
import { tokenizerFiles } from './source.js';
import { sentencePieceEntries } from './spm.js';

export { parseSentencePiece, type SentencePieceModel } from './spm.js';
export { pretokenizerHash } from './pretokenizer.js';

const READERS = { sentencepiece: sentencePieceEntries, 'llama-hf': llamaHfEntries, bpe: bpeEntries } as const;

/** Code Llama's vocabulary and SmolLM2's (and Granite's) are told by their size, as the reference tells them. */
const CODE_LLAMA_VOCAB = 32016;
const NO_BOS_VOCAB = 49152;

/**
 * The tokenizer keys in the reference's order. `pre` names the pre-tokenizer where the caller knows
 * better than its hash. Throws TARA_TOKENIZER_MISSING, TARA_TOKENIZER_INVALID, TARA_PRETOKENIZER_UNKNOWN.
 */
export async function tokenizerEntries(dir: string, architecture: Architecture, config: ModelConfig, blobs: Blobs, pre?: string): Promise<MetadataEntry[]> {
  const vocabSize = config.count('vocab_size');
  const files = await tokenizerFiles(dir);
  const addPrefixSpace = files.tokenizerConfig?.['add_prefix_space'];
  for (const kind of architecture.tokenizers) {
    const entries = await READERS[kind](files, vocabSize, blobs, pre);
    if (!entries) continue;
    return overwriting([
      ...(typeof addPrefixSpace === 'boolean' ? [flag('tokenizer.ggml.add_space_prefix', addPrefixSpace)] : []),
      ...entries,
      ...(vocabSize === CODE_LLAMA_VOCAB ? [u32('tokenizer.ggml.eot_token_id', 32010)] : []),
      ...(vocabSize === NO_BOS_VOCAB ? [flag('tokenizer.ggml.add_bos_token', false)] : []),
    ]);
  }
  throw new TaraError('TARA_TOKENIZER_MISSING', { path: dir });
}
