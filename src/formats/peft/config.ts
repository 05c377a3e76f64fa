/** adapter_config.json in the PEFT form or the old trainer's, checked and brought into one shape. */
import { TaraError } from '../../errors.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { oneLine } from '../one-line.js';

export interface AdapterConfig {
  /** Rank of modules without a pattern; null in the old trainer's form, where the tensors decide. */
  readonly r: number | null;
  readonly loraAlpha: number;
  /** Module name suffixes, or one regular expression; informative, since the tensors decide. */
  readonly targetModules: readonly string[];
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  readonly useRslora: boolean;
  readonly useDora: boolean;
  readonly fanInFanOut: boolean;
  readonly bias: 'none' | 'all' | 'lora_only';
  readonly modulesToSave: readonly string[];
  /** What is trained of the embedding counts for a tied head too. */
  readonly ensureWeightTying: boolean;
  readonly baseModel: string | null;
}

/** PEFT's own defaults. */
const DEFAULT_R = 8;
const DEFAULT_ALPHA = 8;
const MOST_PATTERNS = 8192;

/** Fields that change what an adapter computes in ways the merge does not know; the value that leaves them off. */
const FOREIGN_FIELDS: readonly (readonly [field: string, reason: string])[] = [
  ['alora_invocation_tokens', 'the adapter works only behind its invocation tokens'],
  ['arrow_config', 'experts are routed at run time'],
  ['kasa_config', 'its factors belong to a truncated base'],
  ['layer_replication', 'it repeats layers of the base'],
  ['target_parameters', 'it adapts bare parameters'],
  ['trainable_token_indices', 'it trains single rows of the embedding'],
  ['use_bdlora', 'its factors are block-diagonal'],
  ['use_qalora', 'its factors are pooled over groups'],
  ['lora_bias', 'its B factors have biases'],
];

/** These start from a changed base, so the factors do not fit the plain one. */
const CHANGED_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

const unsupported = (path: string, field: string, reason: string): TaraError => new TaraError('TARA_ADAPTER_UNSUPPORTED', { path, field: oneLine(field), reason });

/** Reads typed fields of a JSON object; null counts as absent, as in PEFT. */
class Fields {
  constructor(readonly path: string, readonly raw: JsonObject) {}

  fail(field: string, expected: string): TaraError {
    return new TaraError('TARA_CONFIG_INVALID', { path: this.path, reason: oneLine(`${field} must be ${expected}`) });
  }

  get(field: string): unknown {
    return Object.hasOwn(this.raw, field) ? this.raw[field] ?? undefined : undefined;
  }

  text(field: string): string | null {
    const value = this.get(field) ?? null;
    if (value !== null && typeof value !== 'string') throw this.fail(field, 'a string');
    return value;
  }

  flag(field: string): boolean {
    const value = this.get(field) ?? false;
    if (typeof value !== 'boolean') throw this.fail(field, 'true or false');
    return value;
  }

  number(field: string, fallback: number): number {
    const value = this.get(field) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.fail(field, 'a number');
    return value;
  }

  rank(field: string, fallback: number): number {
    const value = this.number(field, fallback);
    if (!Number.isSafeInteger(value) || value < 1) throw this.fail(field, 'a whole number from 1');
    return value;
  }

  names(field: string): string[] {
    const value = this.get(field) ?? [];
    if (typeof value === 'string') return [value];
    if (!Array.isArray(value) || !value.every((name) => typeof name === 'string')) throw this.fail(field, 'a list of names');
    return value;
  }

  patterns(field: string, whole: boolean): Record<string, number> {
    const value = this.get(field) ?? {};
    if (!isJsonObject(value)) throw this.fail(field, 'an object');
    const entries = Object.entries(value);
    if (entries.length > MOST_PATTERNS) throw this.fail(field, `an object of at most ${MOST_PATTERNS} entries`);
    return Object.fromEntries(entries.map(([key, n]) => {
      const right = typeof n === 'number' && Number.isFinite(n) && (!whole || (Number.isSafeInteger(n) && n >= 1));
      if (!right) throw this.fail(`${field}.${key}`, whole ? 'a whole number from 1' : 'a number');
      return [key, n];
    }));
  }
}

/** The old trainer wrote {domain, base_model, lora_r, lora_alpha, target_modules, created_at}. */
const isOldForm = (fields: Fields): boolean =>
  fields.get('peft_type') === undefined && fields.get('r') === undefined
  && ['lora_r', 'base_model', 'domain'].some((field) => fields.get(field) !== undefined);

function oldForm(fields: Fields): AdapterConfig {
  if (fields.get('lora_alpha') === undefined) throw fields.fail('lora_alpha', 'given');
  return {
    // lora_r may be wrong: the tensors have the rank.
    r: null,
    loraAlpha: fields.number('lora_alpha', DEFAULT_ALPHA),
    targetModules: fields.names('target_modules'),
    rankPattern: {}, alphaPattern: {},
    useRslora: false, useDora: false, fanInFanOut: false, bias: 'none', modulesToSave: [], ensureWeightTying: false,
    baseModel: fields.text('base_model'),
  };
}

function checkType(fields: Fields): void {
  const type = fields.get('peft_type');
  if (type === undefined) throw fields.fail('peft_type', 'LORA');
  if (typeof type === 'string' && type.toUpperCase() === 'LORA') return;
  if (typeof type !== 'string' || type.toUpperCase() === 'NONE') throw fields.fail('peft_type', 'LORA');
  throw unsupported(fields.path, `peft_type ${type.slice(0, 40)}`, 'only LoRA can be merged');
}

function checkForeign(fields: Fields): void {
  for (const [field, reason] of FOREIGN_FIELDS) {
    const value = fields.get(field);
    const off = value === undefined || value === false || (Array.isArray(value) && value.length === 0) || (isJsonObject(value) && Object.keys(value).length === 0);
    if (!off) throw unsupported(fields.path, field, reason);
  }
  const init = fields.get('init_lora_weights');
  if (typeof init === 'string' && CHANGED_BASE.test(init.toLowerCase())) {
    throw unsupported(fields.path, `init_lora_weights ${init.slice(0, 40)}`, 'its factors belong to a changed base');
  }
}

/**
 * The normalised configuration. Throws TARA_CONFIG_INVALID for a wrong field,
 * TARA_ADAPTER_UNSUPPORTED for one that the merge cannot honour.
 */
export function adapterConfig(path: string, raw: JsonObject): AdapterConfig {
  const fields = new Fields(path, raw);
  if (isOldForm(fields)) return oldForm(fields);
  checkType(fields);
  checkForeign(fields);
  const bias = fields.text('bias') ?? 'none';
  if (bias !== 'none' && bias !== 'all' && bias !== 'lora_only') throw fields.fail('bias', 'none, all or lora_only');
  return {
    r: fields.rank('r', DEFAULT_R),
    loraAlpha: fields.number('lora_alpha', DEFAULT_ALPHA),
    targetModules: fields.names('target_modules'),
    rankPattern: fields.patterns('rank_pattern', true),
    alphaPattern: fields.patterns('alpha_pattern', false),
    useRslora: fields.flag('use_rslora'),
    useDora: fields.flag('use_dora'),
    fanInFanOut: fields.flag('fan_in_fan_out'),
    bias,
    modulesToSave: fields.names('modules_to_save'),
    ensureWeightTying: fields.flag('ensure_weight_tying'),
    baseModel: fields.text('base_model_name_or_path'),
  };
}
