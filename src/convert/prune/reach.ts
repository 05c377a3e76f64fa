/**
 * How a tokenizer comes to a token: the two parts that it merges last, and theirs in turn. Merges inside a token are made as they
 * would be in the token's text alone, and with fewer tokens only others can be missing. So a vocabulary that holds, with each of its
 * tokens, the parts on its way reads every text that needs none of the lost ones as before.
 */

/** The parts that become the text in one last merge; none for a single character, undefined where the text does not become one token. */
export type Parts = (text: string) => readonly string[] | undefined;

/** How early two neighbours are merged, lower first; undefined where they are not. */
type Order = (left: string, right: string) => number | undefined;

/** Merges the neighbours that come first, the leftmost of equals, until none can be. */
function partsBy(order: Order, text: string): readonly string[] | undefined {
  const symbols = Array.from(text);
  let last: readonly string[] = [];
  while (symbols.length > 1) {
    let [at, first] = [-1, Infinity];
    for (let index = 0; index + 1 < symbols.length; index += 1) {
      const found = order(symbols[index] ?? '', symbols[index + 1] ?? '');
      if (found !== undefined && found < first) [at, first] = [index, found];
    }
    if (at < 0) return undefined;
    last = symbols.splice(at, 2, `${symbols[at] ?? ''}${symbols[at + 1] ?? ''}`);
  }
  return last;
}

/** Byte-pair encoding: ranks by `LEFT RIGHT`. */
export const byMerges = (ranks: ReadonlyMap<string, number>): Parts => (text) => partsBy((left, right) => ranks.get(`${left} ${right}`), text);

/** SentencePiece as llama.cpp reads it: any two neighbours that make a piece, the best score first. */
export const byScores = (ids: ReadonlyMap<string, number>, scores: readonly number[]): Parts => (text) => partsBy((left, right) => {
  const id = ids.get(left + right);
  return id === undefined ? undefined : -(scores[id] ?? 0);
}, text);
