/** Llama's and Mistral's: SentencePiece, its tokenizer.json, or byte-level BPE, whichever is there, with rules for some vocabularies. */
import type { MetadataEntry } from '../../plan/schema.js';
import { flag, u32 } from '../entries.js';
import { bpeEntries } from './bpe.js';
import { llamaHfEntries } from './llama-hf.js';
import type { TokenizerRequest } from './request.js';
import { sentencePieceEntries } from './spm.js';

/** Code Llama's vocabulary and SmolLM2's (and Granite's) are told by their size, as the reference tells them. */
const CODE_LLAMA_VOCAB = 32016;
const NO_BOS_VOCAB = 49152;

/** The tokenizer keys, or undefined where the folder has none of the three. Throws what they throw. */
export async function llamaEntries(request: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const { files, vocabSize } = request;
  const entries = (await sentencePieceEntries(request)) ?? (await llamaHfEntries(request)) ?? (await bpeEntries(request));
  const addPrefixSpace = files.config?.['add_prefix_space'];
  return (
    entries && [
      ...(typeof addPrefixSpace === 'boolean' ? [flag('tokenizer.ggml.add_space_prefix', addPrefixSpace)] : []),
      ...entries,
      ...(vocabSize === CODE_LLAMA_VOCAB ? [u32('tokenizer.ggml.eot_token_id', 32010)] : []),
      ...(vocabSize === NO_BOS_VOCAB ? [flag('tokenizer.ggml.add_bos_token', false)] : []),
    ]
  );
}
