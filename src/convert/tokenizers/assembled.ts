/** What transformers makes of a folder without tokenizer.json: vocab.json and merges.txt, or vocab.txt, in tokenizer.json's form. */
import type { Json } from '../checkpoint/files.js';
import { QWEN2_PATTERN } from './pretokenizer-structures.js';
import { tokenizerObject, tokenizerText, type TokenizerFiles } from './source.js';

/** The lines of a merges.txt that are merges. */
export const mergeLines = (content: string): string[] => {
  const lines = content.split('\n');
  return (lines[0]?.trimStart().startsWith('#') ? lines.slice(1) : lines).map((line) => line.trim().split(/\s+/)).filter((parts) => parts.length === 2).map((parts) => parts.join(' '));
};

const byteLevel = (options: { regex: boolean; prefix?: boolean }): Json => ({ type: 'ByteLevel', add_prefix_space: options.prefix ?? false, trim_offsets: true, use_regex: options.regex });

/** GPT-2's splitting, or Qwen's where the class says so. */
export async function assembledBpe({ dir, config }: TokenizerFiles, className: string | undefined): Promise<Json | undefined> {
  const [vocab, merges] = await Promise.all([tokenizerObject(dir, 'vocab.json'), tokenizerText(dir, 'merges.txt')]);
  if (!vocab || merges === undefined) return undefined;
  const qwen = className === 'Qwen2Tokenizer';
  const split = { type: 'Split', pattern: { Regex: QWEN2_PATTERN }, behavior: 'Isolated', invert: false };
  return {
    model: { type: 'BPE', vocab, merges: mergeLines(merges) },
    normalizer: qwen ? { type: 'NFC' } : null,
    pre_tokenizer: qwen ? { type: 'Sequence', pretokenizers: [split, byteLevel({ regex: false })] } : byteLevel({ regex: true, prefix: config?.['add_prefix_space'] === true }),
    post_processor: null,
    decoder: byteLevel({ regex: true }),
  };
}

/** BERT's normaliser and splitting; a token's id is its line. */
export async function assembledWordPiece({ dir, config }: TokenizerFiles): Promise<Json | undefined> {
  const content = await tokenizerText(dir, 'vocab.txt');
  if (content === undefined) return undefined;
  const lines = content.replace(/\n$/, '').split('\n');
  const special = (id: string): Json => ({ SpecialToken: { id, type_id: 0 } });
  return {
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(lines.map((line, id) => [line.trimEnd(), id])) },
    normalizer: {
      type: 'BertNormalizer', clean_text: true, handle_chinese_chars: config?.['tokenize_chinese_chars'] !== false,
      strip_accents: config?.['strip_accents'] ?? null, lowercase: config?.['do_lower_case'] !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'TemplateProcessing', single: [special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')], pair: [], special_tokens: {} },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  };
}
