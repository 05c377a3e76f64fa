/**
 * JSON Schema as far as a grammar can hold a text to it. The converter leaves out what it does not know; a schema that would
 * bind less than it says is refused here.
 */
import { TaraError } from '../errors.js';

type Schema = Readonly<Record<string, unknown>>;

/** Levels of a schema, characters of its JSON. */
const DEPTH = 100;
const LENGTH = 1 << 18;

const unsupported = (reason: string): TaraError => new TaraError('TARA_JSON_SCHEMA_UNSUPPORTED', { reason });
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keywords that restrict a value, by the type they speak of; all others annotate or name. */
const RESTRICTIONS = {
  object: ['properties', 'required', 'additionalProperties', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties', 'dependentRequired', 'dependentSchemas', 'unevaluatedProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'contains', 'minContains', 'maxContains', 'uniqueItems', 'additionalItems', 'unevaluatedItems'],
  string: ['pattern', 'minLength', 'maxLength'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  boolean: [],
  null: [],
} as const satisfies Record<string, readonly string[]>;
type TypeName = keyof typeof RESTRICTIONS;

const OF_ANY_TYPE = ['$ref', '$dynamicRef', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'const', 'enum', 'type'];
const ALL = new Set<string>([...OF_ANY_TYPE, ...Object.values(RESTRICTIONS).flat()]);

/** What the converter makes of each form. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  $ref: [],
  anyOf: [],
  oneOf: [],
  allOf: ['type'],
  const: ['type'],
  enum: ['type'],
  object: ['type', 'properties', 'required', 'additionalProperties'],
  array: ['type', 'items', 'minItems', 'maxItems'],
  tuple: ['type', 'items', 'prefixItems'],
  pattern: ['type', 'pattern'],
  string: ['type', 'minLength', 'maxLength'],
  integer: ['type', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: ['type'],
  boolean: ['type'],
  null: ['type'],
  any: [],
};

/** The form that the converter sees in a schema; the order is its own. */
function formOf(schema: Schema): string {
  for (const form of ['$ref', 'oneOf', 'anyOf', 'const', 'enum']) if (form in schema) return form;
  const type = schema['type'];
  const tuple = Array.isArray(schema['items'] ?? schema['prefixItems']) ? 'tuple' : 'array';
  if (typeof type === 'string') {
    if (type === 'object') return 'allOf' in schema && !('properties' in schema) ? 'allOf' : 'object';
    if (type === 'string') return 'allOf' in schema ? 'allOf' : 'pattern' in schema ? 'pattern' : 'string';
    return type === 'array' ? tuple : type;
  }
  if ('properties' in schema || ('additionalProperties' in schema && schema['additionalProperties'] !== true)) return 'object';
  if ('allOf' in schema) return 'allOf';
  if ('items' in schema || 'prefixItems' in schema) return tuple;
  if ('pattern' in schema) return 'pattern';
  return 'minLength' in schema || 'maxLength' in schema ? 'string' : 'any';
}

/** A keyword about another type than the schema's restricts nothing. */
const concerns = (key: string, type: unknown): boolean =>
  typeof type !== 'string' || !(type in RESTRICTIONS) || OF_ANY_TYPE.includes(key) || (RESTRICTIONS[type as TypeName] as readonly string[]).includes(key);

function checkObject(schema: Schema, path: string): void {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const unknown = required.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name)) as unknown;
  if (unknown !== undefined) throw unsupported(`${path}: required names ${JSON.stringify(unknown)}, which properties does not describe`);
}

function checkKeywords(schema: Schema, path: string): void {
  const form = formOf(schema);
  const kept = KEPT[form] ?? ['type'];
  for (const key of Object.keys(schema)) {
    const idle = (key === 'uniqueItems' && schema[key] === false) || (form === 'any' && key === 'additionalProperties');
    if (key !== form && ALL.has(key) && !kept.includes(key) && !idle && concerns(key, schema['type'])) {
      throw unsupported(`${path}: ${key} cannot be held to${form === 'any' ? ' without a type' : ` beside ${form}`}`);
    }
  }
  const bounds = [['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']] as const;
  for (const [one, other] of bounds) if (form === 'integer' && one in schema && other in schema) throw unsupported(`${path}: ${one} and ${other} cannot be held to together`);
  if (form === 'object') checkObject(schema, path);
}

/** The schemas inside a schema, by their place. */
function* parts(schema: Schema): Generator<readonly [string, unknown]> {
  for (const key of ['properties', '$defs', 'definitions']) {
    const named = schema[key];
    if (isSchema(named)) for (const [name, part] of Object.entries(named)) yield [`${key}/${name}`, part];
  }
  for (const key of ['items', 'prefixItems', 'additionalProperties', 'anyOf', 'oneOf', 'allOf']) {
    const value = schema[key];
    if (Array.isArray(value)) for (const [index, part] of value.entries()) yield [`${key}/${index}`, part];
    else if (isSchema(value)) yield [key, value];
  }
}

/** A type list becomes one alternative for each type, each with all other keywords. */
function check(schema: unknown, path: string, depth: number): void {
  if (depth > DEPTH) throw unsupported(`more than ${DEPTH} levels`);
  if (!isSchema(schema)) return;
  const types: readonly unknown[] = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']];
  for (const type of types) checkKeywords(type === undefined ? schema : { ...schema, type }, path);
  for (const [place, part] of parts(schema)) check(part, `${path}/${place}`, depth + 1);
}

/** The schema's JSON. Throws TARA_JSON_SCHEMA_UNSUPPORTED. */
export function schemaText(schema: object): string {
  check(schema, '#', 0);
  let text: string;
  try {
    text = JSON.stringify(schema);
  } catch (cause) {
    throw new TaraError('TARA_JSON_SCHEMA_UNSUPPORTED', { reason: 'it cannot be written as JSON' }, { cause });
  }
  if (text.length > LENGTH) throw unsupported(`more than ${LENGTH} characters`);
  return text;
}
