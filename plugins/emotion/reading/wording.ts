/** How strongly a text is worded, whatever it feels. */

const STRONG = /\b(?:so|very|really|extremely|incredibly|absolutely|totally|utterly|completely|terribly|never|ever|worst|best|hate|love|furious|terrified|devastated|thrilled|disgusting|desperate|furiously|beyond|whole life|heart is broken)\b/g;
const WEAK = /\b(?:a bit|a little|bit|slightly|somewhat|mildly|kind of|sort of|kinda|fairly|pretty|rather|quite|not too|nothing serious|small|minor)\b/g;
const CAPITALS = /\b[A-Z]{3,}\b/g;
const PICTOGRAPHS = /\p{Extended_Pictographic}/gu;

/** -1 .. 1: intensifiers, capitals, emoji and exclamation marks against downtoners. */
export function wording(text: string): number {
  const lower = text.toLowerCase();
  const count = (pattern: RegExp, of: string, most: number) => Math.min(most, of.match(pattern)?.length ?? 0);
  const up = count(STRONG, lower, 2) * 0.35 + count(/!/g, text, 3) * 0.2 + count(CAPITALS, text, 2) * 0.2 + count(PICTOGRAPHS, text, 2) * 0.1;
  return Math.max(-1, Math.min(1, up - count(WEAK, lower, 2) * 0.5));
}
