/** Fewer tokens: which keys change, and to what. */
import { isGgufArray, itemsAt, type GgufArray } from '../../formats/gguf/array.js';
import { metadataOf, type GgufEntry, type GgufFile } from '../../formats/gguf/file.js';
import { DEFAULT_IDS, isIdKey, MERGES, refusePruning, SCORES, specialIds, TOKENS, TYPES, vocabularyOf } from './vocabulary.js';

const SUPPRESSED = 'tokenizer.ggml.suppress_tokens';

/** Those whose both parts and result stay. */
function keptMerges(merges: GgufArray, kept: ReadonlySet<string>): GgufArray {
  const places = merges.items().flatMap((item, place) => {
    const merge = String(item);
    // As llama.cpp parts them.
    const space = merge.indexOf(' ', 1);
    const [left, right] = [merge.slice(0, space), merge.slice(space + 1)];
    return kept.has(left) && kept.has(right) && kept.has(left + right) ? [place] : [];
  });
  return itemsAt(merges, places);
}

/** Throws TARA_PRUNING_REFUSED where a token that must stay, or that a kept one is merged from, would go. */
function checkKept(file: GgufFile, tokens: readonly number[]): void {
  const { size, required, parts } = vocabularyOf(file);
  const kept = new Set(tokens);
  const refuse = (reason: string): never => { throw refusePruning(file.path, reason); };
  tokens.forEach((id, at) => {
    if (!Number.isInteger(id) || id < 0 || id >= size || (at > 0 && id <= (tokens[at - 1] ?? 0))) refuse('the tokens that stay are no ascending ids of its vocabulary');
  });
  for (const id of required) if (!kept.has(id)) refuse(`token ${id} must stay: it is a byte, a control token, or named by a key or the chat template`);
  for (const id of tokens) for (const part of parts[id] ?? []) if (!kept.has(part)) refuse(`token ${id} is merged from token ${part}, which would go`);
}

/** The metadata with the tokens at new places. Throws TARA_PRUNING_REFUSED. */
export function keepTokens(file: GgufFile, tokens: readonly number[]): GgufEntry[] {
  checkKept(file, tokens);
  const metadata = metadataOf(file);
  const architecture = metadata.string('general.architecture') ?? '';
  const places = new Map(tokens.map((id, place) => [id, place]));
  const texts = metadata.get(TOKENS);
  const kept = new Set(isGgufArray(texts) ? itemsAt(texts, tokens).items().map(String) : []);
  const changed = file.metadata.map((entry): GgufEntry => {
    const { key, value } = entry;
    if (isIdKey(key) && typeof value === 'number') return { ...entry, value: places.get(value) ?? value };
    if (key === `${architecture}.vocab_size`) return { ...entry, value: tokens.length };
    if (!isGgufArray(value)) return entry;
    if (key === TOKENS || key === SCORES || key === TYPES) return { ...entry, value: itemsAt(value, tokens) };
    if (key === MERGES) return { ...entry, value: keptMerges(value, kept) };
    if (key === SUPPRESSED) {
      const ids = value.items().flatMap((id) => places.get(Number(id)) ?? []);
      return { ...entry, value: { ...itemsAt(value, []), length: ids.length, bytes: new Uint8Array(Int32Array.from(ids).buffer), items: () => ids } };
    }
    return entry;
  });
  // What llama.cpp assumes of ids holds for the old places.
  const named = new Set(file.metadata.map(({ key }) => key));
  const assumed = Object.keys(DEFAULT_IDS[metadata.string('tokenizer.ggml.model') ?? ''] ?? {}).flatMap((name): GgufEntry[] => {
    const key = `tokenizer.ggml.${name}_token_id`;
    const place = places.get(specialIds(file).get(key) ?? -1);
    return named.has(key) || place === undefined ? [] : [{ key, type: 'uint32', value: place }];
  });
  return [...changed, ...assumed];
}
