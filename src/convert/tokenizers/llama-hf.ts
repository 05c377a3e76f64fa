/** Llama 2 and Mistral checkpoints that carry their SentencePiece vocabulary only as a tokenizer.json with byte fallback. */
import { TaraError } from '../../errors.js';
import type { Blobs, MetadataEntry } from '../../plan/schema.js';
import { f32Array, i32Array, stringArray, text } from '../entries.js';
import { isRecord } from '../files.js';
import { namedSpecials, type TokenizerFiles } from './source.js';
import { specialEntries } from './special.js';
import { TOKEN } from './token-types.js';

const BYTE_TOKEN = /^<0x[0-9A-Fa-f]{2}>$/;

/** No scores are stored in such a file; the reference writes this one for every token. */
const SCORE = -1000;

/** The tokenizer keys, or undefined where the folder's tokenizer is none of this kind. Throws TARA_TOKENIZER_INVALID. */
export async function llamaHfEntries(files: TokenizerFiles, vocabSize: number, blobs: Blobs): Promise<MetadataEntry[] | undefined> {
  const { path, tokenizer, tokenizerConfig } = files;
  const model = tokenizer?.['model'];
  if (!tokenizer || !isRecord(model) || model['type'] !== 'BPE' || model['byte_fallback'] !== true || !isRecord(model['vocab'])) return undefined;
  if (!isRecord(tokenizer['decoder']) || tokenizer['decoder']['type'] !== 'Sequence') return undefined;
  const invalid = (reason: string): TaraError => new TaraError('TARA_TOKENIZER_INVALID', { path, reason });

  const specials = new Set(['<s>', '</s>', '<unk>', ...namedSpecials(tokenizerConfig)]);
  const base = Object.keys(model['vocab']).length;
  const tokens: string[] = [];
  const types: number[] = [];
  const put = (token: string, id: unknown, type: number): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw invalid(`token ${JSON.stringify(token)} has id ${String(id)}, but vocab_size is ${vocabSize}`);
    }
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(model['vocab'])) {
    put(token, id, BYTE_TOKEN.test(token) ? TOKEN.byte : specials.has(token) ? TOKEN.control : TOKEN.normal);
  }
  for (const token of Array.isArray(tokenizer['added_tokens']) ? (tokenizer['added_tokens'] as unknown[]) : []) {
    const [content, id] = isRecord(token) ? [token['content'], token['id']] : [];
    if (typeof content !== 'string') throw invalid('an added token must have an id and a content');
    // Added tokens that are part of the base vocabulary keep the type they have there.
    if (typeof id !== 'number' || id >= base) put(content, id, specials.has(content) ? TOKEN.control : TOKEN.userDefined);
  }
  for (let id = 0; id < tokens.length; id++) if (tokens[id] === undefined) throw invalid(`no token has id ${id}`);
  return [
    text('tokenizer.ggml.model', 'llama'),
    text('tokenizer.ggml.pre', 'default'),
    stringArray(blobs, 'tokenizer.ggml.tokens', tokens),
    f32Array(blobs, 'tokenizer.ggml.scores', tokens.map(() => SCORE)),
    i32Array(blobs, 'tokenizer.ggml.token_type', types),
    ...(await specialEntries(files, { blobs, vocabSize: tokens.length })),
  ];
}
