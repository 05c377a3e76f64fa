/** tf-idf similarity of a text to example utterances: stems and pairs of stems, cosine. */

export type Vector = ReadonlyMap<string, number>;

/** Words too common to tell utterances apart still form pairs. */
const COMMON = new Set('a an the and or of to in on at for with my your our is are was be do doe i you he she it we they me him her this that what how can could should would when where who why if not from by as have ha will am so but'.split(' '));

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

export interface Idf {
  (term: string): number;
}

/** Inverse document frequency over texts; an unknown term counts as one seen once. */
export function buildIdf(texts: readonly (readonly string[])[]): Idf {
  const counts = new Map<string, number>();
  for (const words of texts) for (const term of termsOf(words)) counts.set(term, (counts.get(term) ?? 0) + 1);
  const total = Math.max(1, texts.length);
  return (term) => Math.log(1 + total / (counts.get(term) ?? 1)) * (term.includes(' ') ? 0.5 : 1);
}

/** A vector of length 1 (empty for a text without terms). */
export function vectorOf(words: readonly string[], idf: Idf): Vector {
  const entries = [...termsOf(words)].map((term) => [term, idf(term)] as const);
  const length = Math.sqrt(entries.reduce((sum, [, value]) => sum + value * value, 0));
  return new Map(entries.map(([term, value]) => [term, value / (length || 1)]));
}

export interface ExampleIndex {
  /** 0..1: the nearest example, and a little of the next two. */
  similarity(vector: Vector): { readonly value: number; readonly nearest: number };
}

export function buildExamples(examples: readonly (readonly string[])[], idf: Idf): ExampleIndex {
  const postings = new Map<string, { readonly example: number; readonly value: number }[]>();
  examples.forEach((words, example) => {
    for (const [term, value] of vectorOf(words, idf)) postings.set(term, [...(postings.get(term) ?? []), { example, value }]);
  });
  return {
    similarity(vector) {
      const sums = new Map<number, number>();
      for (const [term, value] of vector) for (const posting of postings.get(term) ?? []) sums.set(posting.example, (sums.get(posting.example) ?? 0) + posting.value * value);
      const best = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 3);
      const [first = 0, second = 0, third = 0] = best.map(([, value]) => Math.min(1, value));
      return { value: 0.7 * first + 0.2 * second + 0.1 * third, nearest: best[0]?.[0] ?? -1 };
    },
  };
}
