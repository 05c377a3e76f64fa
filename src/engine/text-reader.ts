/**
 * A text on its way to llama.cpp's tokenizer, made to come out as by the tokenizer that the model was trained with: control
 * tokens are those that the file says (llama.cpp takes further ones by their looks) and stand for themselves, longest first
 * from the left; what lies between them is normalised where llama.cpp would not, or not in the same way.
 */
import { isGgufArray, metadataOf, type GgufFile } from '../formats/index.js';
import { bertNormalizer, lowered } from './bert-normalizer.js';
import { isNormalized, sentencePieceNormalizer } from './sentencepiece-normalizer.js';

export interface TextReader {
  /**
   * The bytes that native code tokenizes: UTF-8, in which 0xFF and four bytes stand for a token. Control tokens written as
   * text are read where `parseSpecial`; those that a user defined always are.
   */
  read(text: string, parseSpecial: boolean): Uint8Array;
  /** Whether `read` finds the control tokens; otherwise llama.cpp must. */
  readonly findsSpecials: boolean;
}

interface Special {
  readonly id: number;
  readonly text: string;
  readonly userDefined: boolean;
}

/** GGUF's token types. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;

const TOKEN_MARK = 0xff;

/** Longer texts, which fit no context, are left as they are: normalising would hold up the event loop. */
const MAX_NORMALIZED = 1 << 20;

/** Pre-tokenizers of checkpoints whose tokenizer.json composes characters first; GGUF has no key for it. */
const COMPOSING = ['qwen2', 'qwen35', 'deepseek-r1-qwen'];

/** The end tokens that files name: special whatever their type says. */
const NAMED = ['bos', 'eos', 'eot', 'eom'].map((kind) => `tokenizer.ggml.${kind}_token_id`);

interface Token {
  readonly id: number;
  readonly type: number;
  readonly text: string;
}

const isTyped = (file: GgufFile): boolean => isGgufArray(metadataOf(file).get('tokenizer.ggml.token_type'));

/** The tokens that `wanted` picks; texts are decoded for those alone, as there are hundreds of thousands. */
function* tokensOf(file: GgufFile, wanted: (type: number, id: number) => boolean): Generator<Token> {
  const metadata = metadataOf(file);
  const [tokens, types] = [metadata.get('tokenizer.ggml.tokens'), metadata.get('tokenizer.ggml.token_type')];
  if (!isGgufArray(tokens) || !isGgufArray(types) || tokens.of !== 'string' || types.of !== 'int32') return;
  const typeOf = new DataView(types.bytes.buffer, types.bytes.byteOffset, types.bytes.byteLength);
  const texts = Buffer.from(tokens.bytes.buffer, tokens.bytes.byteOffset, tokens.bytes.byteLength);
  for (let id = 0, at = 0; id < Math.min(tokens.length, types.length); id++) {
    const length = texts.readUInt32LE(at);
    const type = typeOf.getInt32(4 * id, true);
    if (length > 0 && wanted(type, id)) yield { id, type, text: texts.toString('utf8', at + 8, at + 8 + length) };
    at += 8 + length;
  }
}

/** The tokens that stand for themselves. */
function specialsOf(file: GgufFile): Special[] {
  const metadata = metadataOf(file);
  const named = new Set(NAMED.map((key) => metadata.number(key)));
  const special = (type: number, id: number): boolean => type === CONTROL || type === UNKNOWN || type === USER_DEFINED || named.has(id);
  return Array.from(tokensOf(file, special), ({ id, type, text }) => ({ id, text, userDefined: type === USER_DEFINED }));
}

function* normalPieces(file: GgufFile): Generator<string> {
  for (const { text } of tokensOf(file, (type) => type === NORMAL)) yield text;
}

type Part = string | number;
type Split = (text: string) => Part[];

/** Splits a text at the longest of `specials` from the left. */
function splitter(specials: readonly Special[]): Split {
  if (specials.length === 0) return (text) => [text];
  const byStart = new Map<string, Special[]>();
  for (const special of [...specials].sort((a, b) => b.text.length - a.text.length)) {
    const start = String.fromCodePoint(special.text.codePointAt(0) ?? 0);
    const there = byStart.get(start);
    if (there) there.push(special);
    else byStart.set(start, [special]);
  }
  const starts = new RegExp(`[${[...byStart.keys()].map((start) => `\\u{${start.codePointAt(0)?.toString(16)}}`).join('')}]`, 'gu');
  return (text) => {
    const parts: Part[] = [];
    let from = 0;
    starts.lastIndex = 0;
    for (let match = starts.exec(text); match; match = starts.exec(text)) {
      const { index } = match;
      const special = byStart.get(match[0])?.find((candidate) => text.startsWith(candidate.text, index));
      if (!special) continue;
      if (index > from) parts.push(text.slice(from, index));
      parts.push(special.id);
      starts.lastIndex = from = index + special.text.length;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  };
}

function normalizerOf(file: GgufFile): (text: string) => string {
  const metadata = metadataOf(file);
  const option = (key: string): boolean | undefined => {
    const value = metadata.get(`tokenizer.ggml.normalizer.${key}`);
    return typeof value === 'boolean' ? value : undefined;
  };
  const model = metadata.string('tokenizer.ggml.model');
  if (model === 'bert') {
    const lowercase = option('lowercase') ?? true;
    return bertNormalizer({ lowercase, stripAccents: option('strip_accents') ?? lowercase });
  }
  // Native code takes this option, too, from llama.cpp.
  if (model === 'whitespace' && option('lowercase') === true) return lowered;
  // Gemma's, which put no space in front, never normalise.
  const dummyPrefix = metadata.get('tokenizer.ggml.add_space_prefix') !== false;
  if (model === 'llama' && dummyPrefix && isNormalized(normalPieces(file))) return sentencePieceNormalizer;
  return COMPOSING.includes(metadata.string('tokenizer.ggml.pre') ?? '') ? (text) => text.normalize('NFC') : (text) => text;
}

const utf8 = new TextEncoder();

const encoded = (part: Part): Uint8Array => {
  if (typeof part === 'string') return utf8.encode(part);
  const mark = new Uint8Array(5);
  mark[0] = TOKEN_MARK;
  new DataView(mark.buffer).setUint32(1, part, true);
  return mark;
};

export function textReader(file: GgufFile): TextReader {
  const specials = specialsOf(file);
  const normalize = normalizerOf(file);
  const all = splitter(specials);
  const userDefined = splitter(specials.filter((special) => special.userDefined));
  return {
    findsSpecials: isTyped(file),
    read: (text, parseSpecial) => {
      // Half of a character becomes U+FFFD before anything compares or composes.
      const parts = (parseSpecial ? all : userDefined)(text.toWellFormed());
      const normalized = text.length > MAX_NORMALIZED ? parts : parts.map((part) => (typeof part === 'string' ? normalize(part) : part));
      return normalized.length === 1 && normalized[0] !== undefined ? encoded(normalized[0]) : Buffer.concat(normalized.map(encoded));
    },
  };
}
