/**
 * The pre_tokenizer of tokenizer.json that a name of llama.cpp's stands for, for the names that the architectures here come
 * with, and a text on which any two of them differ.
 */
import type { Json } from '../checkpoint/files.js';

const byteLevel = (regex: boolean): Json => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: regex });
const split = (pattern: string): Json => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });
const sequence = (...pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });

/** Tiktoken's pattern with words as `letters`, other runs without `letters`, and `numbers` together. */
const tiktoken = (numbers: string, letters = '\\p{L}'): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?${letters === '\\p{L}' ? letters : `[${letters}]`}+|${numbers}| ?[^\\s${letters}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** The pattern that Qwen 2 and 3 split by. */
export const QWEN2_PATTERN = tiktoken('\\p{N}');

const digits: Json = { type: 'Digits', individual_digits: true };

/** Each with every structure that goes by its name; the first is the one that checkpoints of the family have. */
export const PRETOKENIZERS: Readonly<Record<string, readonly Json[]>> = {
  'gpt-2': [byteLevel(true)],
  // Tokenizers that were rebuilt from a GGUF file lack the digits, which show only behind blanks.
  smollm: [sequence(digits, byteLevel(true)), byteLevel(true)],
  starcoder: [sequence(digits, byteLevel(true))],
  'llama-bpe': [sequence(split(tiktoken('\\p{N}{1,3}')), byteLevel(false))],
  qwen2: [sequence(split(QWEN2_PATTERN), byteLevel(false))],
  'deepseek-r1-qwen': [sequence(split(QWEN2_PATTERN), byteLevel(false))],
  qwen35: [sequence(split(tiktoken('\\p{N}', '\\p{L}\\p{M}')), byteLevel(false))],
};

/** Numbers of every length, contractions in both cases, marks, blanks before line ends, words behind punctuation. */
export const PROBE_TEXT =
  "1 12 123 1234 12345 1234567890 2024-11-05 3.14159 x1y22z333 ٣٤٥ Ⅷ ½ 10km  20kg   end.\n\n\n  next\t\tcolumn \t mixed\r\n\r\n  if (a == b) {\n\t\treturn c;\n    }\n" +
  "don't DON'T I'll I'LL we've WE'VE she'd SHE'D it's IT'S they're THEY'RE ''quoted'' the the in in on on \"and\" (the) [in] {on} _of_ -to- /and/ #the @in $on %of .to ,and " +
  'हिन्दी में लिखा ไทยภาษา เทคโนโลยี 日本語のテキスト 한국어 텍스트 русский текст العربية نص עברית cafe\u0301 e\u0301t\u0301 n\u0303o …—“”‘’ •·¡¿ 👍🏽 👩‍👩‍👧 🇩🇪🇫🇷 ==> <= !== +++ --- ___ ~~~ ';
