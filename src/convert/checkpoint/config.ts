/**
 * config.json as transformers 4 or 5 wrote it, in one spelling: text_config is merged upwards, what
 * transformers fills in by itself is filled in, and rope_theta + rope_scaling become rope parameters.
 */
import { TaraError } from '../../errors.js';
import { oneLine } from '../../formats/one-line.js';
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

const EXTENDED: readonly unknown[] = ['llama3', 'yarn', 'longrope'];

const nonNull = (values: Json): Json => Object.fromEntries(Object.entries(values).filter(([, value]) => value != null));

/** Rotary parameters of one kind of attention, completed as transformers 5 does. */
function completed(given: Json, values: Json, theta: unknown): Json {
  const stated = nonNull(given);
  const rope: Json = {
    ...(theta == null ? {} : { rope_theta: theta }),
    ...(values['partial_rotary_factor'] == null ? {} : { partial_rotary_factor: values['partial_rotary_factor'] }),
    ...stated,
    rope_type: stated['rope_type'] ?? stated['type'] ?? 'default',
  };
  if (!EXTENDED.includes(rope['rope_type']) || rope['original_max_position_embeddings'] != null) return rope;
  return { ...rope, original_max_position_embeddings: values['max_position_embeddings'] };
}

/** transformers 4 has rope_theta, rope_scaling and, where windows slide, rope_local_base_freq; transformers 5 has rope_parameters. */
function ropeParameters(values: Json): Json {
  const [older, newer] = [values['rope_scaling'], values['rope_parameters']].map((given) => (isRecord(given) ? given : {}));
  const local = values['rope_local_base_freq'];
  const kinds = [newer?.['full_attention'], newer?.['sliding_attention']];
  if (local == null && !kinds.some(isRecord)) return completed({ ...newer, ...older }, values, values['rope_theta']);
  const [full, sliding] = kinds.map((given) => (isRecord(given) ? given : {}));
  return { full_attention: completed({ ...full, ...older }, values, values['rope_theta']), sliding_attention: completed({ ...sliding }, values, local) };
}

/** `assumed` gives what transformers fills in for keys that config.json leaves out, or holds as null. */
export function modelConfig(path: string, raw: Json, assumed: (given: Json) => Json): ModelConfig {
  const text = SUBCONFIGS.map((key) => raw[key]).find(isRecord) ?? {};
  const given = { ...raw, ...text };
  const values: Json = { ...assumed(given), ...nonNull(given) };
  const invalid = (reason: string): TaraError => new TaraError('TARA_CONFIG_INVALID', { path, reason: oneLine(reason) });
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
