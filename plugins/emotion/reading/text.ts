/**
 * Text as the model sees it: one spelling for quotes, contractions and tokenised punctuation; commas, masks and
 * digits are dropped, because in XED they tell neutral lines from emotional ones by style, not by meaning.
 */

/** Longer texts are read at both ends: this many UTF-16 units of each. */
export const TEXT_END = 4000;

/** At most 2 x TEXT_END units, cut at the middle; never in the middle of a surrogate pair that matters: halves are joined by a space. */
export const clip = (text: string): string =>
  text.length <= 2 * TEXT_END ? text : `${text.slice(0, TEXT_END).toWellFormed()} ${text.slice(-TEXT_END).toWellFormed()}`;

const QUOTES = /[\u2018\u2019\u02bc\u0060\u00b4\uff07]/g;
const MASK = /\[[a-z]+\]/g;
const TREEBANK = / (n't|'(?:s|m|re|ve|ll|d)\b)/g;
const SPLIT_WORD = /\b(wan|gon|got) (na|ta)\b/g;
const ELONGATED = /(\p{L})\1{2,}/gu;
/** A word with inner apostrophes, a run of ! or ?, or one pictograph. */
const TOKEN = /[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*|[!?]+|<3|[:;]-?[)(dp/]|\p{Extended_Pictographic}/gu;

/** Lower-case text in one spelling. */
export const normalise = (text: string): string =>
  clip(text)
    .normalize('NFKC')
    .toLowerCase()
    .replace(QUOTES, "'")
    .replace(MASK, ' ')
    .replace(TREEBANK, '$1')
    .replace(SPLIT_WORD, '$1$2')
    .replace(ELONGATED, '$1$1');

/** Tokens of a normalised text: words, runs of ! or ? (as `!`, `!!`, `?`, `?!` …), emoticons, emoji. */
export function tokens(normalised: string): string[] {
  const found = normalised.match(TOKEN) ?? [];
  return found.map((token) => (token.length > 2 && /^[!?]/.test(token) ? token.slice(0, 2) : token));
}

const COMMA_OR_DIGIT = /[,\d]/g;

/** The text as sentence vectors are trained on here: in its own spelling, without what tells XED's neutral lines by style. */
export const plain = (text: string): string =>
  clip(text)
    .normalize('NFKC')
    .replace(QUOTES, "'")
    .replace(/\[[A-Za-z]+\]/g, ' ')
    .replace(COMMA_OR_DIGIT, ' ')
    .replace(TREEBANK, '$1')
    .replace(/\b(wan|gon|got) (na|ta)\b/gi, '$1$2')
    .replace(/\s+/g, ' ')
    .trim();
