/** Weighted keywords of all domains, matched on word boundaries: words, phrases of up to three words, beginnings and endings. */

import { wordsOf } from '../text/words.js';

export interface Keyword {
  readonly term: string;
  /** 0..1 */
  readonly weight: number;
}

export interface KeywordMatches {
  /** Sum of the weights of different keywords that are in the words, by domain. */
  readonly sums: Float64Array;
  /** The keywords, by domain; domains without one are left out. */
  readonly found: ReadonlyMap<number, readonly Keyword[]>;
}

export interface KeywordIndex {
  match(words: readonly string[]): KeywordMatches;
}

interface Posting {
  readonly domain: number;
  readonly keyword: Keyword;
}

type Postings = Map<string, Posting[]>;

const LONGEST_PHRASE = 3;
const SHORTEST_PART = 3;
const LONGEST_PART = 12;

/** One posting a domain and key: the heaviest. */
function put(postings: Postings, key: string, posting: Posting): void {
  if (key === '') return;
  const list = postings.get(key) ?? [];
  const at = list.findIndex(({ domain }) => domain === posting.domain);
  if (at < 0) list.push(posting);
  else if ((list[at]?.keyword.weight ?? 0) < posting.keyword.weight) list[at] = posting;
  postings.set(key, list);
}

/** An index over the keywords of domains 0, 1, 2 … */
export function buildKeywords(domains: readonly (readonly Keyword[])[]): KeywordIndex {
  const [phrases, beginnings, endings]: [Postings, Postings, Postings] = [new Map(), new Map(), new Map()];
  domains.forEach((keywords, domain) => {
    for (const keyword of keywords) {
      const term = keyword.term.trim().toLowerCase();
      if (term.startsWith('*')) put(endings, term.slice(1), { domain, keyword });
      else if (term.endsWith('*')) put(beginnings, term.slice(0, -1), { domain, keyword });
      else put(phrases, wordsOf(term).slice(0, LONGEST_PHRASE).join(' '), { domain, keyword });
    }
  });
  return {
    match(words) {
      const hits = new Set<Posting>();
      const look = (postings: Postings, key: string) => {
        for (const posting of postings.get(key) ?? []) hits.add(posting);
      };
      const seen = new Set<string>();
      words.forEach((word, i) => {
        for (let n = 2; n <= LONGEST_PHRASE && i + n <= words.length; n += 1) look(phrases, words.slice(i, i + n).join(' '));
        if (seen.has(word)) return;
        seen.add(word);
        look(phrases, word);
        for (let n = SHORTEST_PART; n <= Math.min(word.length, LONGEST_PART); n += 1) {
          look(beginnings, word.slice(0, n));
          if (n < word.length - 1) look(endings, word.slice(-n));
        }
      });
      const sums = new Float64Array(domains.length);
      const found = new Map<number, Keyword[]>();
      for (const { domain, keyword } of [...hits].sort((a, b) => b.keyword.weight - a.keyword.weight)) {
        sums[domain] = (sums[domain] ?? 0) + keyword.weight;
        const list = found.get(domain);
        if (list === undefined) found.set(domain, [keyword]);
        else list.push(keyword);
      }
      return { sums, found };
    },
  };
}

/** `strong, medium, weak` lists as keywords. */
export const parseTier = (list: string, weight: number): Keyword[] => list.split(',').map((term) => ({ term: term.trim(), weight }));
