/** Calls out of the JSON that models write them in. */
import { newId } from '../ids.js';
import type { ToolCall } from '../../engine/index.js';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `arguments` (Hermes, Qwen, Mistral) or `parameters` (Llama 3), as an object or as JSON text. */
function callOf(value: unknown, names: ReadonlySet<string> | undefined): ToolCall | undefined {
  if (!isObject(value) || typeof value.name !== 'string' || (names && !names.has(value.name))) return undefined;
  const given = value.arguments ?? value.parameters ?? {};
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  return { id: newId('call'), type: 'function', function: { name: value.name, arguments: text } };
}

/** The calls in a JSON text, one or a list; undefined where it is anything else, or calls another than `names`. */
export function callsIn(json: string, names?: ReadonlySet<string>): ToolCall[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const calls = (Array.isArray(value) ? value as unknown[] : [value]).map((item) => callOf(item, names));
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
}
