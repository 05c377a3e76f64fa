/** The vocabulary checks of a model: what llama.cpp v0.5.0's llama-vocab.cpp asserts or indexes without looking. */
import type { GgufMetadata } from './file.js';
import { type GgufArray, isGgufArray } from './array.js';

export type Refuse = (reason: string) => Error;

/** Real vocabularies stay below 1 KiB; tries cost a node for each byte. */
const LONGEST_TOKEN = 1 << 16;
const LONGEST_TEMPLATE = 1 << 20;
/** A missing id written as -1. */
const NO_TOKEN = 0xffffffff;
const BYTE_TOKEN = 6;

interface Tokenizer {
  readonly merges?: true;
  /** The ids that llama.cpp assumes where the file gives none. */
  readonly bos?: number;
  readonly eos?: number;
  readonly sep?: number;
  readonly addBos?: true;
  readonly addEos?: true;
  /** Beginning and separator are put around every text, whatever the flags say. */
  readonly framed?: true;
}

const TOKENIZERS: Readonly<Record<string, Tokenizer>> = {
  llama: { bos: 1, eos: 2, addBos: true },
  bert: { bos: 101, sep: 102, framed: true },
  gpt2: { merges: true, bos: 11, eos: 11 },
  hybriddna: { merges: true, bos: 11, eos: 11 },
  whitespace: { merges: true, bos: 11, eos: 11 },
  gemma4: { merges: true, addBos: true },
  t5: { eos: 1, addEos: true },
  plamo2: { bos: 1, eos: 2 },
  rwkv: {},
  test: {},
};

/** Pre-tokenizers of the BPE family whose models begin with bos even where no flag says so. */
const PRE_WITH_BOS = new Set([
  'llama3', 'llama-v3', 'llama-bpe', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2', 'jina-v5-nano', 'tekken', 'chameleon',
]);
const PRE_WITHOUT_MERGES = 'kimi-k2';

const SPECIAL_IDS = [
  'bos', 'eos', 'eot', 'eom', 'unknown', 'seperator', 'padding', 'mask', 'fim_pre', 'fim_suf', 'fim_mid', 'fim_pad', 'fim_rep', 'fim_sep', 'prefix', 'suffix', 'middle',
].map((name) => `tokenizer.ggml.${name}_token_id`);

function array(metadata: GgufMetadata, key: string, types: readonly string[], refuse: Refuse): GgufArray | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (!isGgufArray(value) || !types.includes(value.of)) throw refuse(`${key} is no array of ${types.join(' or ')}`);
  return value;
}

function checkTokens(metadata: GgufMetadata, refuse: Refuse): number {
  const tokens = array(metadata, 'tokenizer.ggml.tokens', ['string'], refuse);
  if (tokens === undefined) throw refuse('the vocabulary has no tokenizer.ggml.tokens');
  if (tokens.length === 0) throw refuse('the vocabulary is empty');
  if ((tokens.longest ?? 0) > LONGEST_TOKEN) throw refuse(`a token has ${tokens.longest} bytes`);
  if (tokens.repeat !== undefined) throw refuse(`token ${tokens.repeat} stands in the vocabulary before`);
  for (const [key, types] of [['tokenizer.ggml.scores', ['float32', 'int32']], ['tokenizer.ggml.token_type', ['int32']]] as const) {
    const values = array(metadata, key, types, refuse);
    if (values !== undefined && values.length !== tokens.length) throw refuse(`${key} has ${values.length} items for ${tokens.length} tokens`);
  }
  return tokens.length;
}

function checkSpecialIds(metadata: GgufMetadata, tokens: number, refuse: Refuse): void {
  for (const key of SPECIAL_IDS) {
    const value = metadata.get(key);
    if (value === undefined || value === NO_TOKEN) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= tokens) {
      throw refuse(`${key} is ${isGgufArray(value) ? 'an array' : value}, the vocabulary has ${tokens} tokens`);
    }
  }
}

/** A token that the tokenizer adds to a text must exist: llama.cpp asserts it at the first text. */
function checkAdded(metadata: GgufMetadata, tokenizer: Tokenizer, tokens: number, refuse: Refuse): void {
  const pre = metadata.string('tokenizer.ggml.pre') ?? '';
  const flag = (name: string, fallback: boolean): boolean => {
    const value = metadata.get(`tokenizer.ggml.${name}`);
    return typeof value === 'boolean' ? value : fallback;
  };
  const exists = (key: string, fallback: number | undefined): boolean => {
    const value = metadata.number(`tokenizer.ggml.${key}_token_id`);
    return (value !== undefined && value < tokens) || (fallback !== undefined && fallback < tokens);
  };
  const framed = tokenizer.framed === true;
  const bosDefault = pre === 'glm4' || pre === 'chatglm-bpe' ? undefined : tokenizer.bos;
  const addBos = framed || flag('add_bos_token', tokenizer.addBos === true || (tokenizer.merges === true && PRE_WITH_BOS.has(pre)));
  // llama.cpp turns it on for these whatever the file says.
  const forced = tokenizer === TOKENIZERS['gemma4'] || (tokenizer.merges === true && (pre === 'gemma4' || pre === 'granite-embed-multi-311m'));
  if ((addBos || forced) && !exists('bos', bosDefault)) throw refuse('texts begin with a bos token that the vocabulary does not have');
  if (!framed && flag('add_eos_token', tokenizer.addEos === true) && !exists('eos', tokenizer.eos)) {
    throw refuse('texts end with an eos token that the vocabulary does not have');
  }
  if (framed && !exists('seperator', tokenizer.sep)) throw refuse('texts end with a separator that the vocabulary does not have');
}

function checkByteTokens(metadata: GgufMetadata, refuse: Refuse): void {
  const types = metadata.get('tokenizer.ggml.token_type');
  if (!isGgufArray(types)) return;
  const view = new DataView(types.bytes.buffer, types.bytes.byteOffset, types.bytes.byteLength);
  for (let index = 0; index < types.length; index++) {
    if (view.getInt32(index * 4, true) === BYTE_TOKEN) throw refuse(`token ${index} is a byte token, which a WordPiece vocabulary cannot have`);
  }
}

/**
 * Checks the vocabulary and gives its number of tokens, or undefined for a model without one.
 * Throws what `refuse` makes.
 */
export function checkVocab(metadata: GgufMetadata, refuse: Refuse): number | undefined {
  const model = metadata.string('tokenizer.ggml.model');
  if (model === undefined) throw refuse('tokenizer.ggml.model is missing');
  // A template is bounded and otherwise left alone: it runs where text is made from messages, never here.
  const template = metadata.string('tokenizer.chat_template');
  if (template !== undefined && template.length > LONGEST_TEMPLATE) throw refuse(`the chat template has ${template.length} characters`);
  if (model === 'none' || model === 'no_vocab') return undefined;
  const tokenizer = Object.hasOwn(TOKENIZERS, model) ? TOKENIZERS[model] : undefined;
  if (tokenizer === undefined) throw refuse(`the tokenizer ${model.slice(0, 40)} is unknown`);

  const tokens = checkTokens(metadata, refuse);
  const merges = array(metadata, 'tokenizer.ggml.merges', ['string'], refuse);
  if (tokenizer.merges && merges === undefined && metadata.string('tokenizer.ggml.pre') !== PRE_WITHOUT_MERGES) throw refuse('the vocabulary has no tokenizer.ggml.merges');
  array(metadata, 'tokenizer.ggml.suppress_tokens', ['int32'], refuse);
  checkSpecialIds(metadata, tokens, refuse);
  checkAdded(metadata, tokenizer, tokens, refuse);
  if (model === 'bert') checkByteTokens(metadata, refuse);
  return tokens;
}
