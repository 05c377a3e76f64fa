/** What a question itself asks for: how complex and urgent it is, and how much context it needs. */

export interface Query {
  /** 0..1 */
  readonly complexity: number;
  /** 0..1 */
  readonly urgency: number;
  /** Tokens that the question and a reply need. */
  readonly contextTokens: number;
}

const URGENT = /\b(?:urgent(?:ly)?|asap|emergency|immediately|right (?:now|away)|hurry|quick(?:ly)?|deadline|in (?:\d+|five|ten) minutes|critical|can(?:'|’)?t wait|help me now|before (?:midnight|noon|tomorrow))\b/gi;
/** Words that tie clauses together, and ask for more than a fact. */
const INVOLVED = /\b(?:because|although|whereas|compare|difference|explain|why|trade-?offs?|step by step|analy[sz]e|design|evaluate|prove|derive|strategy|however|while|unless|assuming|given that)\b/gi;
/** Longer texts are as long as this. */
const LONG_WORDS = 120;
const REPLY_TOKENS = 512;
/** Of English; other scripts take up to three bytes a token less well, so bytes are counted. */
const BYTES_PER_TOKEN = 3.5;
/** What is looked at. */
const READ_UNITS = 8000;

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
const clamp = (value: number): number => Math.max(0, Math.min(1, value));

export function readQuery(text: string, words: number): Query {
  const read = text.slice(0, READ_UNITS);
  const exclaimed = Math.min(3, count(read, /!/g));
  return {
    complexity: clamp(Math.log1p(words) / Math.log1p(LONG_WORDS) * 0.5 + count(read, INVOLVED) * 0.15 + count(read, /[,;:]/g) * 0.03 + Math.max(0, count(read, /\?/g) - 1) * 0.1),
    urgency: clamp(count(read, URGENT) * 0.5 + exclaimed * 0.1),
    contextTokens: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN) + REPLY_TOKENS,
  };
}
