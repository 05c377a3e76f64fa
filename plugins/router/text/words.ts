/** Words of a text as keywords and examples are compared: lower case, without plural and -ing or -ed endings. */

/** Longer texts are read up to here, in UTF-16 units. */
export const TEXT_LIMIT = 8000;

const WORD = /[\p{L}\p{N}]+(?:['+#.:-]+[\p{L}\p{N}]+)*(?:\+\+|#)?/gu;
const CACHE_LIMIT = 20_000;
const stems = new Map<string, string>();

function cut(word: string): string {
  const base = word.replace(/'s$/, '');
  if (base.length < 4 || /\d/.test(base)) return base;
  const single = base.endsWith('ies') && base.length > 4 ? `${base.slice(0, -3)}y` : /[^sui]s$/.test(base) ? base.slice(0, -1) : base;
  const bare = single.replace(/(?:ing|ed)$/, '');
  if (bare === single || bare.length < 3 || !/[aeiouy]/.test(bare)) return single.replace(/e$/, '');
  return bare.replace(/([^aeiouls])\1$/, '$1').replace(/e$/, '');
}

/** The stem of a lower-case word; remembered. */
export function stem(word: string): string {
  const known = stems.get(word);
  if (known !== undefined) return known;
  const made = cut(word);
  if (stems.size < CACHE_LIMIT) stems.set(word, made);
  return made;
}

/** Stems in order. A hyphenated word gives itself and its parts are not repeated. */
export const wordsOf = (text: string): string[] =>
  (text.slice(0, TEXT_LIMIT).toWellFormed().normalize('NFKC').toLowerCase().replace(/[\u2018\u2019]/g, "'").match(WORD) ?? []).filter((word) => word.length <= 40).map(stem);
