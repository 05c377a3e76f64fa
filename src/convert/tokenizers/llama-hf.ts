/** Llama 2 and Mistral checkpoints that carry their SentencePiece vocabulary only as a tokenizer.json with byte fallback. */
import { join } from 'node:path';
import type { MetadataEntry } from '../../plan/schema.js';
import { text } from '../entries.js';
import { isRecord } from '../checkpoint/files.js';
import { namedSpecials, tokenizerClass } from './added.js';
import type { TokenizerRequest } from './request.js';
import { invalidTokenizer } from './source.js';
import { specialEntries } from './special.js';
import { TOKEN } from './token-types.js';
import { checkedId, checkedText, vocabularyEntries, type Vocabulary } from './vocabulary.js';

const BYTE_TOKEN = /^<0x[0-9A-Fa-f]{2}>$/;

/** No scores are stored in such a file; the reference writes this one for every token. */
const SCORE = -1000;

/** The tokenizer keys, or undefined where the folder's tokenizer is none of this kind. Throws TARA_TOKENIZER_INVALID. */
export async function llamaHfEntries({ files, config, vocabSize, blobs }: TokenizerRequest): Promise<MetadataEntry[] | undefined> {
  const { dir, tokenizer } = files;
  const model = tokenizer?.['model'];
  if (!tokenizer || !isRecord(model) || model['type'] !== 'BPE' || model['byte_fallback'] !== true || !isRecord(model['vocab'])) return undefined;
  if (!isRecord(tokenizer['decoder']) || tokenizer['decoder']['type'] !== 'Sequence') return undefined;
  const path = join(dir, 'tokenizer.json');

  const specials = new Set(namedSpecials(files, tokenizerClass(files, config.find('model_type'))));
  const entries = Object.entries(model['vocab']);
  const vocabulary: Vocabulary = { tokens: [], types: [], scores: [] };
  const put = (token: string, given: unknown, type: number): void => {
    const id = checkedId(path, checkedText(path, token), given, vocabSize);
    const there = vocabulary.tokens[id];
    if (there !== undefined && there !== token) throw invalidTokenizer(path, `tokens ${JSON.stringify(there)} and ${JSON.stringify(token)} have the same id ${id}`);
    vocabulary.tokens[id] = token;
    vocabulary.types[id] = type;
    vocabulary.scores[id] = SCORE;
  };
  for (const [token, id] of entries) put(token, id, BYTE_TOKEN.test(token) ? TOKEN.byte : specials.has(token) ? TOKEN.control : TOKEN.normal);
  const added = tokenizer['added_tokens'] ?? [];
  if (!Array.isArray(added)) throw invalidTokenizer(path, 'added_tokens must be a list');
  for (const token of added as unknown[]) {
    const [content, id] = isRecord(token) ? [token['content'], token['id']] : [];
    if (typeof content !== 'string') throw invalidTokenizer(path, 'an added token must have an id and a content');
    // Added tokens that are part of the base vocabulary keep the type they have there.
    if (!Object.hasOwn(model['vocab'], content)) put(content, id, specials.has(content) ? TOKEN.control : TOKEN.userDefined);
  }
  for (let id = 0; id < vocabulary.tokens.length; id++) if (vocabulary.tokens[id] === undefined) throw invalidTokenizer(path, `no token has id ${id}`);
  return [
    text('tokenizer.ggml.model', 'llama'),
    text('tokenizer.ggml.pre', 'default'),
    ...vocabularyEntries(blobs, vocabulary, true),
    ...(await specialEntries(files, { blobs, vocabSize: vocabulary.tokens.length })),
  ];
}
