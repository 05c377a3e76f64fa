/** Weighted keywords matched on word boundaries: words, phrases of up to three words, beginnings and endings. */

import { wordsOf } from './words.js';

export interface Keyword {
  readonly term: string;
  /** 0..1 */
  readonly weight: number;
}

export interface KeywordIndex {
  /** Sum of the weights of different keywords in the words, and the keywords, heaviest first. */
  match(words: readonly string[]): { readonly sum: number; readonly found: readonly Keyword[] };
}

const LONGEST_PHRASE = 3;
const SHORTEST_PART = 3;
const LONGEST_PART = 12;

export function buildKeywords(keywords: readonly Keyword[]): KeywordIndex {
  const phrases = new Map<string, Keyword>();
  const beginnings = new Map<string, Keyword>();
  const endings = new Map<string, Keyword>();
  const put = (map: Map<string, Keyword>, key: string, keyword: Keyword) => {
    if (key !== '' && (map.get(key)?.weight ?? 0) < keyword.weight) map.set(key, keyword);
  };
  for (const keyword of keywords) {
    const term = keyword.term.trim().toLowerCase();
    if (term.startsWith('*')) put(endings, term.slice(1), keyword);
    else if (term.endsWith('*')) put(beginnings, term.slice(0, -1), keyword);
    else put(phrases, wordsOf(term).slice(0, LONGEST_PHRASE).join(' '), keyword);
  }
  return {
    match(words) {
      const found = new Set<Keyword>();
      const look = (map: Map<string, Keyword>, key: string) => {
        const keyword = map.get(key);
        if (keyword !== undefined) found.add(keyword);
      };
      words.forEach((word, i) => {
        look(phrases, word);
        for (let n = 2; n <= LONGEST_PHRASE && i + n <= words.length; n += 1) look(phrases, words.slice(i, i + n).join(' '));
        for (let n = SHORTEST_PART; n <= Math.min(word.length, LONGEST_PART); n += 1) {
          look(beginnings, word.slice(0, n));
          if (n < word.length - 1) look(endings, word.slice(-n));
        }
      });
      const sorted = [...found].sort((a, b) => b.weight - a.weight);
      return { sum: sorted.reduce((sum, { weight }) => sum + weight, 0), found: sorted };
    },
  };
}

/** `strong, medium, weak` lists as keywords. */
export const parseTier = (list: string, weight: number): Keyword[] => list.split(',').map((term) => ({ term: term.trim(), weight }));

