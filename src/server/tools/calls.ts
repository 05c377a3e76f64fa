/** A call out of the JSON that models write it in. */

export interface WrittenCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `arguments` (Hermes, Qwen, Mistral) or `parameters` (Llama 3), as an object or as JSON text; undefined where it is no call. */
export function callIn(json: string): WrittenCall | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isObject(value) || typeof value.name !== 'string') return undefined;
  const given = value.arguments ?? value.parameters ?? {};
  return { name: value.name, arguments: typeof given === 'string' ? given : JSON.stringify(given) };
}
