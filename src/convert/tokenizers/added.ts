/**
 * Added and special tokens of a byte-level BPE or WordPiece checkpoint, gathered from tokenizer.json,
 * tokenizer_config.json, added_tokens.json and special_tokens_map.json as transformers 5 gathers them.
 */
import { join } from 'node:path';
import { isRecord, type Json } from '../checkpoint/files.js';
import { invalidTokenizer, type TokenizerFiles } from './source.js';
import { checkedId, checkedText } from './vocabulary.js';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Matched after normalisation; otherwise the text must hold it as it is. */
  readonly normalized: boolean;
}

const SPECIAL_NAMES = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;

/** What a class of transformers names where the files name nothing: `bos_token` and so on. */
const CLASS_SPECIALS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  GPT2Tokenizer: { unk: '<|endoftext|>', bos: '<|endoftext|>', eos: '<|endoftext|>' },
  Qwen2Tokenizer: { unk: '<|endoftext|>', eos: '<|endoftext|>', pad: '<|endoftext|>' },
  BertTokenizer: { unk: '[UNK]', sep: '[SEP]', pad: '[PAD]', cls: '[CLS]', mask: '[MASK]' },
  LlamaTokenizer: { unk: '<unk>', bos: '<s>', eos: '</s>' },
  GemmaTokenizer: { unk: '<unk>', bos: '<bos>', eos: '<eos>', pad: '<pad>', mask: '<mask>' },
};

/** The class of a folder that names none, by its model_type. */
const MODEL_CLASSES: Readonly<Record<string, string>> = { gpt2: 'GPT2Tokenizer', qwen2: 'Qwen2Tokenizer', qwen3: 'Qwen2Tokenizer', bert: 'BertTokenizer' };

/** transformers' class for this tokenizer, without "Fast"; undefined where it reads tokenizer.json as it is. */
export function tokenizerClass({ config }: TokenizerFiles, modelType: unknown): string | undefined {
  const named = config?.['tokenizer_class'];
  const name = typeof named === 'string' ? named.replace(/Fast$/, '') : typeof modelType === 'string' && Object.hasOwn(MODEL_CLASSES, modelType) ? MODEL_CLASSES[modelType] : undefined;
  return name !== undefined && Object.hasOwn(CLASS_SPECIALS, name) ? name : undefined;
}

/** The special tokens that the files, or their class, name. */
export function namedSpecials({ config, specials }: TokenizerFiles, className: string | undefined): string[] {
  const named = { ...config, ...(isRecord(config?.['added_tokens_decoder']) ? {} : specials) };
  const more = named['additional_special_tokens'] ?? named['extra_special_tokens'];
  const assumed = className === undefined ? {} : (CLASS_SPECIALS[className] ?? {});
  const values: unknown[] = [
    ...SPECIAL_NAMES.map((kind) => (`${kind}_token` in named ? named[`${kind}_token`] : assumed[kind])),
    ...(Array.isArray(more) ? (more as unknown[]) : isRecord(more) ? Object.values(more) : []),
  ];
  return values.map((value) => (isRecord(value) ? value['content'] : value)).filter((value): value is string => typeof value === 'string' && value !== '');
}

interface Listed {
  readonly path: string;
  readonly id: unknown;
  readonly token: Json;
}

/** Every listing of an added token, in the order in which later ones overrule earlier ones. */
function listings({ dir, tokenizer, config, added }: TokenizerFiles, specials: ReadonlySet<string>): Listed[] {
  const [inTokenizer, inConfig] = [join(dir, 'tokenizer.json'), join(dir, 'tokenizer_config.json')];
  const record = (path: string, token: unknown): Json => {
    if (!isRecord(token)) throw invalidTokenizer(path, 'an added token must be an object');
    return token;
  };
  const list = tokenizer?.['added_tokens'] ?? [];
  if (!Array.isArray(list)) throw invalidTokenizer(inTokenizer, 'added_tokens must be a list');
  const decoder = config?.['added_tokens_decoder'];
  if (decoder != null && !isRecord(decoder)) throw invalidTokenizer(inConfig, 'added_tokens_decoder must be an object');
  const besides = decoder
    ? Object.entries(decoder).map(([id, token]) => ({ path: inConfig, id: Number(id), token: record(inConfig, token) }))
    : tokenizer
      ? []
      : Object.entries(added ?? {}).map(([content, id]) => ({ path: join(dir, 'added_tokens.json'), id, token: { content, special: specials.has(content) } }));
  return [...list.map((token: unknown) => ({ path: inTokenizer, id: record(inTokenizer, token)['id'], token: record(inTokenizer, token) })), ...besides];
}

/**
 * The added tokens by content. A token of the base vocabulary keeps its id there, whatever a listing says, and a named
 * special token that is in neither is left out: no text has it. Throws TARA_TOKENIZER_INVALID.
 */
export function addedTokens(files: TokenizerFiles, className: string | undefined, vocab: ReadonlyMap<string, number>): AddedToken[] {
  const named = namedSpecials(files, className);
  const names = new Set(named);
  const tokens = new Map<string, AddedToken>();
  for (const { path, id, token } of listings(files, names)) {
    const content = token['content'];
    if (typeof content !== 'string') throw invalidTokenizer(path, 'an added token must have an id and a content');
    if (content === '') continue;
    // A class that builds its tokenizer anew makes every named token special.
    const special = token['special'] === true || (className !== undefined && names.has(content));
    const normalized = typeof token['normalized'] === 'boolean' ? token['normalized'] : !special;
    tokens.set(checkedText(path, content), { id: vocab.get(content) ?? tokens.get(content)?.id ?? checkedId(path, content, id), content, special, normalized });
  }
  for (const content of named) {
    const id = vocab.get(content);
    if (id !== undefined && !tokens.has(content)) tokens.set(content, { id, content, special: true, normalized: false });
  }
  return [...tokens.values()];
}
