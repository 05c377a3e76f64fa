/** Options checked before they reach native code: each refusal names the option. */
import { TaraError } from '../errors.js';

export const refuse = (option: string, reason: string): TaraError => new TaraError('TARA_OPTION_INVALID', { option, reason });

/** A finite number from `low` to `high`, or undefined where it was not given. */
export function number(option: string, value: unknown, low: number, high: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse(option, 'must be a finite number');
  if (value < low || value > high) throw refuse(option, `must be between ${low} and ${high}, not ${value}`);
  return value;
}

export function whole(option: string, value: unknown, low: number, high: number): number | undefined {
  const checked = number(option, value, low, high);
  if (checked !== undefined && !Number.isInteger(checked)) throw refuse(option, `must be a whole number, not ${checked}`);
  return checked;
}

export function boolean(option: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw refuse(option, 'must be true or false');
  return value;
}

export function text(option: string, value: unknown): string {
  if (typeof value !== 'string') throw refuse(option, 'must be a string');
  return value;
}

/** Strings that end a generation; one string counts as a list of one. */
export function stops(option: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 64) throw refuse(option, 'at most 64 strings');
  return list.map((stop) => {
    if (typeof stop !== 'string' || stop === '') throw refuse(option, 'must be strings that are not empty');
    if (stop.length > 1024) throw refuse(option, 'a stop string has at most 1024 characters');
    return stop;
  });
}

/** Token ids as 32-bit integers. That they lie in the vocabulary is checked where it is known. */
export function tokens(option: string, value: unknown): Int32Array {
  if (value instanceof Int32Array) return value;
  if (!Array.isArray(value) || !value.every((id) => Number.isInteger(id) && id >= 0 && id <= 0x7fffffff)) {
    throw refuse(option, 'must be an Int32Array or a list of token ids');
  }
  return Int32Array.from(value as number[]);
}

/** Different blocks of a model that has `count` of them. */
export function blocks(option: string, value: unknown, count: number): readonly number[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((block) => Number.isInteger(block) && block >= 0 && block < count)) throw refuse(option, `must be a list of whole numbers from 0 to ${count - 1}`);
  if (new Set(value).size !== value.length) throw refuse(option, 'must not name a block twice');
  return value as number[];
}

/** Added logits by token id, -Infinity included. That the ids lie in the vocabulary is checked where it is known. */
export function logitBias(option: string, value: unknown): readonly (readonly [id: number, bias: number | null])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(option, 'must be an object of numbers by token id');
  const entries = Object.entries(value);
  if (entries.length > MOST_BIASES) throw refuse(option, `at most ${MOST_BIASES} tokens`);
  return entries.map(([key, bias]: [string, unknown]) => {
    const id = Number(key);
    if (!/^\d+$/.test(key) || id > 0x7fffffff) throw refuse(option, `${key} is no token id`);
    return [id, bias === -Infinity ? null : (number(`${option}.${key}`, bias, -1e6, 1e6) ?? 0)];
  });
}

const MOST_BIASES = 65536;
const MOST_ADAPTERS = 256;

/** A plain object's values by name, each checked; empty where it was not given. */
export function record<T>(option: string, value: unknown, check: (option: string, item: unknown) => T): Record<string, T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(option, 'must be an object');
  const entries = Object.entries(value);
  if (entries.length > MOST_ADAPTERS) throw refuse(option, `at most ${MOST_ADAPTERS} of them`);
  return Object.fromEntries(entries.map(([name, item]) => [name, check(`${option}.${name}`, item)]));
}

export function signal(option: string, value: unknown): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) throw refuse(option, 'must be an AbortSignal');
  return value;
}
