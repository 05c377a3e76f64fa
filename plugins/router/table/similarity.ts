/** tf-idf similarity of a text to the example utterances of all domains: stems and pairs of stems, cosine. */

import { createBest, type Nearest } from './nearest.js';

/** Words too common to tell utterances apart still form pairs. */
const COMMON = new Set('a an the and or of to in on at for with my your our is are was be do doe i you he she it we they me him her this that what how can could should would when where who why if not from by as have ha will am so but'.split(' '));

/** The nearest example counts most. */
const SHARES = [0.7, 0.2, 0.1];

/** Different terms of a text: stems, and pairs of neighbours. */
export function termsOf(words: readonly string[]): Set<string> {
  const terms = new Set<string>();
  words.forEach((word, i) => {
    if (!COMMON.has(word)) terms.add(word);
    const next = words[i + 1];
    if (next !== undefined) terms.add(`${word} ${next}`);
  });
  return terms;
}

interface Posting {
  readonly row: number;
  readonly value: number;
}

export interface ExampleIndex {
  nearest(words: readonly string[]): Nearest;
}

/** `owners`: the domain, below `domains`, of each example. */
export function buildExamples(examples: readonly (readonly string[])[], owners: Int32Array, domains: number): ExampleIndex {
  const counts = new Map<string, number>();
  const terms = examples.map(termsOf);
  for (const own of terms) for (const term of own) counts.set(term, (counts.get(term) ?? 0) + 1);
  // Inverse document frequency; an unknown term counts as one seen once.
  const idf = (term: string) => Math.log(1 + Math.max(1, examples.length) / (counts.get(term) ?? 1)) * (term.includes(' ') ? 0.5 : 1);
  const vectorOf = (own: ReadonlySet<string>): [string, number][] => {
    const entries = [...own].map((term): [string, number] => [term, idf(term)]);
    const length = Math.sqrt(entries.reduce((sum, [, value]) => sum + value * value, 0)) || 1;
    return entries.map(([term, value]) => [term, value / length]);
  };
  const postings = new Map<string, Posting[]>();
  terms.forEach((own, row) => {
    for (const [term, value] of vectorOf(own)) {
      const list = postings.get(term);
      if (list === undefined) postings.set(term, [{ row, value }]);
      else list.push({ row, value });
    }
  });
  const sums = new Float64Array(examples.length);
  return {
    nearest(words) {
      const touched: number[] = [];
      for (const [term, value] of vectorOf(termsOf(words))) {
        for (const posting of postings.get(term) ?? []) {
          if (sums[posting.row] === 0) touched.push(posting.row);
          sums[posting.row] = (sums[posting.row] ?? 0) + posting.value * value;
        }
      }
      const best = createBest(domains, SHARES.length);
      for (const row of touched) {
        best.offer(owners[row] ?? 0, row, Math.min(1, sums[row] ?? 0));
        sums[row] = 0;
      }
      return best.weighted(SHARES);
    },
  };
}
