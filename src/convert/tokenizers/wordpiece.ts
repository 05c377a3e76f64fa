/** WordPiece: BERT's vocabulary, from tokenizer.json or vocab.txt. */
import { join } from 'node:path';
import type { MetadataEntry } from '../../plan/schema.js';
import { text, u32 } from '../entries.js';
import { isRecord } from '../checkpoint/files.js';
import { tokenizerClass } from './added.js';
import { assembledWordPiece } from './assembled.js';
import { baseVocabulary } from './base-vocabulary.js';
import { namedPretokenizer, recogniseWordPiece } from './pretokenizer.js';
import type { TokenizerRequest } from './request.js';
import { invalidTokenizer } from './source.js';
import { specialEntries } from './special.js';
import { TOKEN } from './token-types.js';
import { vocabularyEntries } from './vocabulary.js';

/** llama.cpp marks the start of a word, BERT its continuation. */
const spelled = (token: string, type: number | undefined): string => (type === TOKEN.control ? token : token.startsWith('##') ? token.slice(2) : `▁${token}`);

/** The tokenizer keys of a WordPiece checkpoint, or undefined where it has none. Throws TARA_TOKENIZER_INVALID. */
export async function wordPieceEntries({ files, config, vocabSize, blobs, pre }: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const tokenizer = files.tokenizer ?? (await assembledWordPiece(files));
  if (!tokenizer) return undefined;
  const path = join(files.dir, files.tokenizer ? 'tokenizer.json' : 'vocab.txt');
  const model = tokenizer['model'];
  // Old files name no type.
  const prefixed = isRecord(model) && model['continuing_subword_prefix'] === '##';
  if (!isRecord(model) || (model['type'] !== 'WordPiece' && !(model['type'] === undefined && prefixed))) throw invalidTokenizer(path, 'its model must be WordPiece');
  const vocabulary = baseVocabulary(path, tokenizer, files, tokenizerClass(files, config.find('model_type') ?? 'bert'), vocabSize);
  return [
    u32('tokenizer.ggml.token_type_count', config.number('type_vocab_size') === undefined ? 2 : config.count('type_vocab_size')),
    text('tokenizer.ggml.model', 'bert'),
    text('tokenizer.ggml.pre', pre === undefined ? recogniseWordPiece(path, tokenizer) : namedPretokenizer(pre)),
    ...vocabularyEntries(blobs, { ...vocabulary, tokens: vocabulary.tokens.map((token, id) => spelled(token, vocabulary.types[id])) }, false),
    ...(await specialEntries(files, { blobs, vocabSize })),
  ];
}
