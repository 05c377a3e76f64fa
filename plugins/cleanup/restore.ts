/** Configuration fields that are missing and that tensors and the remaining fields leave one answer for. */
import { familyOf, familyOfArchitecture, prefixIn, sizeIn, tensorRules, type Family } from './architecture.js';
import type { JsonObject } from './json-text.js';
import { agreed, layersIn, votesOf, type ShapedTensor, type Votes } from './observe.js';

export interface Restored {
  /** Fields and their values. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Fields that are needed and have no single answer. */
  readonly unknown: readonly string[];
}

/** The quotient where it is a whole number from 1. */
const whole = (product: number | undefined, factor: number | undefined): number | undefined =>
  product !== undefined && factor !== undefined && factor > 0 && product % factor === 0 && product >= factor ? product / factor : undefined;

interface Heads {
  readonly heads: number | undefined;
  readonly kvHeads: number | undefined;
  readonly head: number | undefined;
}

/** Solves q = heads x head and kv = kvHeads x head for what the configuration leaves out. */
function solveHeads(family: Family, config: JsonObject, votes: Votes, hidden: number | undefined): Heads {
  const { keys } = family;
  const given = { heads: sizeIn(config, keys.heads), kvHeads: sizeIn(config, keys.kvHeads), head: sizeIn(config, keys.headDim) };
  if (keys.kvHeads === null) return given;
  const q = agreed(votes, 'q');
  const qkv = agreed(votes, 'qkv');
  const kv = agreed(votes, 'kv') ?? (qkv !== undefined && q !== undefined ? whole(qkv - q, 2) : undefined);
  const head = given.head ?? agreed(votes, 'head') ?? whole(q, given.heads) ?? whole(kv, given.kvHeads)
    ?? (given.heads === undefined ? undefined : whole(hidden, given.heads));
  return { heads: given.heads ?? whole(q, head), kvHeads: given.kvHeads ?? whole(kv, head), head };
}

function sizeFields(family: Family, config: JsonObject, votes: Votes, layers: number): Restored {
  const { keys } = family;
  const fields: Record<string, unknown> = {};
  const unknown: string[] = [];
  const put = (key: string | null, value: number | undefined): void => {
    if (key === null || (config[key] ?? null) !== null) return;
    if (value === undefined) unknown.push(key);
    else fields[key] = value;
  };
  const hidden = sizeIn(config, keys.hidden) ?? agreed(votes, 'hidden');
  put(keys.vocab, agreed(votes, 'vocab'));
  put(keys.hidden, hidden);
  put(keys.layers, layers > 0 ? layers : undefined);
  put(keys.positions, agreed(votes, 'positions'));
  // GPT-2's inner size is four times the hidden one where it is not given.
  if (keys.positions === null) put(keys.inner, agreed(votes, 'inner'));
  const { heads, kvHeads, head } = solveHeads(family, config, votes, hidden);
  put(keys.heads, heads);
  // Optional fields are missing only where their default is not what the tensors have.
  if (kvHeads !== undefined && kvHeads !== (family.kvHeadsDefault ?? heads)) put(keys.kvHeads, kvHeads);
  const headDefault = family.headDimDefault ?? (hidden !== undefined && heads !== undefined ? Math.floor(hidden / heads) : undefined);
  if (head !== undefined && head !== headDefault) put(keys.headDim, head);
  return { fields, unknown };
}

/** What is missing in a configuration, by its tensors (all of them; none where the weights are incomplete). */
export function restore(config: JsonObject, tensors: ReadonlyMap<string, ShapedTensor>): Restored {
  const given = typeof config.model_type === 'string';
  const family = familyOf(config.model_type) ?? (given ? undefined : familyOfArchitecture(config.architectures));
  if (family === undefined) return { fields: {}, unknown: given ? [] : ['model_type'] };
  const prefix = prefixIn(family, tensors);
  const fields: Record<string, unknown> = given ? {} : { model_type: family.modelType };
  if (config.architectures == null && prefix !== '') fields.architectures = [family.architecture];
  if (config.tie_word_embeddings == null && !family.tiedByDefault && tensors.size > 0 && prefix !== '' && !tensors.has('lm_head.weight')) fields.tie_word_embeddings = true;
  const layers = layersIn(family, prefix, tensors.keys());
  const votes = votesOf(tensorRules(family, config, { layers: Math.min(layers, 4096), prefix, tied: true }), tensors);
  const sizes = sizeFields(family, config, votes, layers);
  return { fields: { ...fields, ...sizes.fields }, unknown: sizes.unknown };
}
