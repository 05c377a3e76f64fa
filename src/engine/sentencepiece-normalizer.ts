/**
 * SentencePiece's default normalisation, nmt_nfkc with extra blanks removed. GGUF has no key for it and the converter that
 * sets the standard drops it, so it is told by the vocabulary: pieces come from normalised text, so a model that
 * normalises has none that normalising changes. Llama's, Mistral's and Gemma's do not normalise, and show it early
 * (runs of blanks, line ends, superscripts).
 */

/** Controls but NUL, those that are blanks, and U+0080 to U+009E with one exception. */
const GONE = /(?![\0\t\n\f\r\u0080-\u008e\u0090-\u009e])\p{Cc}/gu;
const BLANK = /[\t\n\f\r\u061c\u1680\u200b\u200c\u200e\u200f\u2028\u2029▁\ufeff\ufffd]/gu;

/** A character with what may combine with it. */
const CLUSTER = /[^][\p{M}\u1161-\u1175\u11a8-\u11c2]*/gu;

/** The longest composition that SentencePiece's table has: of a character and at most this many behind it. */
const MAX_COMBINED = 4;

/** NFKC from left to right as SentencePiece's table has it: characters compose in the order in which they stand, never rearranged. */
function composed(cluster: string): string {
  const chars = Array.from(cluster);
  let result = '';
  for (let at = 0; at < chars.length;) {
    const combines = (count: number): boolean => {
      const part = chars.slice(at, at + count);
      return Array.from(part.join('').normalize('NFKC')).length === 1 && part.map((char) => char.normalize('NFKD')).join('') === part.join('').normalize('NFKD');
    };
    let count = Math.min(MAX_COMBINED, chars.length - at);
    while (count > 1 && !combines(count)) count--;
    const part = chars.slice(at, at + count).join('');
    // The full-width tilde stays.
    result += part === '～' ? part : part.normalize('NFKC');
    at += count;
  }
  return result;
}

const mapped = (text: string): string => text.replace(GONE, '').replace(BLANK, ' ').replace(CLUSTER, composed);

export const sentencePieceNormalizer = (text: string): string => mapped(text).replace(/ +/g, ' ').replace(/^ | $/g, '');

/** Whether the normal pieces of a vocabulary, spelled with U+2581 for blanks, could all come from normalised text. */
export function isNormalized(pieces: Iterable<string>): boolean {
  let count = 0;
  for (const piece of pieces) {
    if (piece.includes('▁▁') || mapped(piece.replaceAll('▁', ' ')) !== piece.replaceAll('▁', ' ')) return false;
    count++;
  }
  return count > 0;
}
