/**
 * config.json as transformers 4 or 5 wrote it, in one spelling: text_config is merged upwards, what
 * transformers fills in by itself is filled in, and rope_theta + rope_scaling become rope parameters.
 */
import { TaraError } from '../errors.js';
import { isRecord, type Json } from './files.js';

export interface ModelConfig {
  readonly path: string;
  /** The file as it is. */
  readonly raw: Json;
  /** Rotary parameters in transformers 5's spelling (rope_type, rope_theta, factor, …), or per attention kind below full_attention and sliding_attention. */
  readonly rope: Json;
  /** The first of `keys` that is set, whatever its type. */
  find(...keys: string[]): unknown;
  /** The first of `keys` that is set, a finite number. Throws TARA_CONFIG_INVALID when it is set to something else. */
  number(...keys: string[]): number | undefined;
  /** Like `number`, but a positive integer that must be there. */
  count(...keys: string[]): number;
  boolean(key: string): boolean | undefined;
  invalid(reason: string): TaraError;
}

const SUBCONFIGS = ['text_config', 'llm_config', 'language_config'] as const;

/** The value of a config before any architecture is known: its own name for the model, from the text part where it has one. */
export function architectureOf(config: Json): string | undefined {
  for (const part of [...SUBCONFIGS.map((key) => config[key]), config]) {
    const names = isRecord(part) ? part['architectures'] : undefined;
    if (Array.isArray(names) && typeof names[0] === 'string') return names[0];
  }
  return undefined;
}

function ropeParameters(values: Json): Json {
  const given = [values['rope_parameters'], values['rope_scaling']].find(isRecord) ?? {};
  if ('full_attention' in given || 'sliding_attention' in given) return given;
  const rope: Record<string, unknown> = { ...given };
  for (const key of ['rope_theta', 'partial_rotary_factor', 'original_max_position_embeddings']) {
    if (rope[key] == null && values[key] != null) rope[key] = values[key];
  }
  if (rope['rope_type'] == null && rope['type'] != null) rope['rope_type'] = rope['type'];
  const extended = rope['rope_type'] === 'yarn' || rope['rope_type'] === 'longrope' || rope['rope_type'] === 'llama3';
  if (extended && rope['original_max_position_embeddings'] == null && values['max_position_embeddings'] != null) {
    rope['original_max_position_embeddings'] = values['max_position_embeddings'];
  }
  return rope;
}

/** `assumed` gives what transformers fills in for keys that are not set. */
export function modelConfig(path: string, raw: Json, assumed: (given: Json) => Json): ModelConfig {
  const text = SUBCONFIGS.map((key) => raw[key]).find(isRecord) ?? {};
  const set = Object.fromEntries(Object.entries({ ...raw, ...text }).filter(([, value]) => value != null));
  const values: Json = { ...assumed(set), ...set };
  const invalid = (reason: string): TaraError => new TaraError('TARA_CONFIG_INVALID', { path, reason });
  const find = (...keys: string[]): unknown => values[keys.find((key) => values[key] != null) ?? ''];
  const number = (...keys: string[]): number | undefined => {
    const value = find(...keys);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(`${keys[0]} must be a number`);
    return value;
  };
  return {
    path,
    raw,
    rope: ropeParameters(values),
    find,
    number,
    count: (...keys) => {
      const value = number(...keys);
      if (value === undefined) throw invalid(`${keys[0]} is missing`);
      if (!Number.isSafeInteger(value) || value < 1 || value > 0xffffffff) throw invalid(`${keys[0]} must be a positive integer`);
      return value;
    },
    boolean: (key) => {
      const value = find(key);
      if (value === undefined || typeof value === 'boolean') return value;
      throw invalid(`${key} must be true or false`);
    },
    invalid,
  };
}
