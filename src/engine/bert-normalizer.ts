/**
 * BERT's normalisation as Hugging Face's tokenizers have it: control characters go, Chinese characters stand alone, accents
 * are stripped, case is folded, and a word of more than 100 characters is unknown. Weights are loaded so that llama.cpp
 * leaves case and accents alone (its own tables strip vowel signs and take no Korean apart).
 */

export interface BertOptions {
  readonly lowercase: boolean;
  readonly stripAccents: boolean;
}

/** Left out: controls but tab and line ends, formats, private characters, and U+FFFD. */
const DROPPED = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu;

const CHINESE = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** A run that no blank or punctuation divides. */
const LONG_WORD = /[^\p{White_Space}\p{P}$+<=>^`|~]{101,}/gu;

/** A letter that no vocabulary has: a word with it is unknown. The last Anatolian hieroglyph. */
const NOWHERE = '\u{14646}';

/** Each character by itself: the end of a word does not change how a sigma is written. */
export const lowered = (text: string): string => Array.from(text, (char) => char.toLowerCase()).join('');

export const bertNormalizer = ({ lowercase, stripAccents }: BertOptions) => (text: string): string => {
  const clean = text.replace(DROPPED, '').replace(CHINESE, ' $& ');
  const stripped = stripAccents ? clean.normalize('NFD').replace(/\p{Mn}/gu, '') : clean;
  const folded = lowercase ? lowered(stripped) : stripped;
  // llama.cpp writes the start of a word as U+2581, which must not be read as one, and drops characters that are none.
  return folded.replace(LONG_WORD, NOWHERE).replace(/[▁\p{Cn}]/gu, NOWHERE);
};
