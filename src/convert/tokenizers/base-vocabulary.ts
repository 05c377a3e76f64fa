/** The vocabulary of a BPE or WordPiece checkpoint: the model's own tokens with the added ones laid over them. */
import { isRecord, type Json } from '../checkpoint/files.js';
import { addedTokens } from './added.js';
import { decodeByteLevel } from './byte-level.js';
import { usesByteLevel } from './pretokenizer.js';
import { invalidTokenizer, type TokenizerFiles } from './source.js';
import { looksSpecial } from './special.js';
import { TOKEN } from './token-types.js';
import { checkedId, checkedText, emptyVocabulary, type Vocabulary } from './vocabulary.js';

/** The tokens of `model.vocab` by text. Throws TARA_TOKENIZER_INVALID, also for two tokens of one id. */
function baseTokens(path: string, model: Json, size: number): Map<string, number> {
  if (!isRecord(model['vocab'])) throw invalidTokenizer(path, 'model.vocab must be an object');
  const entries = Object.entries(model['vocab']);
  if (entries.length > size) throw invalidTokenizer(path, `it has ${entries.length} tokens, but vocab_size is ${size}`);
  const taken = new Array<string | undefined>(size).fill(undefined);
  const tokens = new Map<string, number>();
  for (const [token, value] of entries) {
    const id = checkedId(path, checkedText(path, token), value, size);
    if (taken[id] !== undefined) throw invalidTokenizer(path, `tokens ${JSON.stringify(taken[id])} and ${JSON.stringify(token)} have the same id ${id}`);
    taken[id] = token;
    tokens.set(token, id);
  }
  return tokens;
}

/** `tokenizer` is tokenizer.json or what stands for it, `path` where it came from. Throws TARA_TOKENIZER_INVALID. */
export function baseVocabulary(path: string, tokenizer: Json, files: TokenizerFiles, className: string | undefined, size: number): Vocabulary {
  const model = isRecord(tokenizer['model']) ? tokenizer['model'] : {};
  const base = baseTokens(path, model, size);
  const vocabulary = emptyVocabulary(size);
  const { tokens, types } = vocabulary;
  for (const [token, id] of base) {
    tokens[id] = token;
    types[id] = TOKEN.normal;
  }
  const byteLevel = usesByteLevel(tokenizer['decoder']);
  const owners = new Map<number, string>();
  for (const { id, content, special, normalized } of addedTokens(files, className, base)) {
    const owner = owners.get(checkedId(path, content, id, size));
    if (owner !== undefined) throw invalidTokenizer(path, `added tokens ${JSON.stringify(owner)} and ${JSON.stringify(content)} have the same id ${id}`);
    owners.set(id, content);
    // llama.cpp expects such tokens as they look after encoding and decoding.
    const spelling = byteLevel && !normalized ? decodeByteLevel(content) : content;
    const control = special || looksSpecial(spelling);
    tokens[id] = control ? spelling : spelling.replaceAll('▁', ' ');
    types[id] = control ? TOKEN.control : TOKEN.userDefined;
  }
  return vocabulary;
}
