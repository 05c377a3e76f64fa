/** JSON files written by others: bounded in size and depth, with doubled keys noticed. */
import { TaraError } from '../errors.js';
import { ByteReader, breathe, utf8 } from './byte-reader.js';
import { withFile } from './files.js';
import { oneLine } from './one-line.js';

/** config.json, adapter_config.json and the like. */
export const CONFIG_BYTES = 4 << 20;
const BREATH_CHARS = 1 << 18;

/** The index of the quote that ends a string whose content starts at `from`, or -1. */
function stringEnd(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (end - 1 - slashes >= from && text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return raw;
  }
}

/** What JSON.parse would not say: nesting beyond `depth`, a key twice in one object. Syntax is left to JSON.parse. */
async function hiddenFault(text: string, depth: number): Promise<string | undefined> {
  const structural = /["{}[\],]/g;
  /** One set of keys for each open object, null for an array. */
  const open: (Set<string> | null)[] = [];
  let expectKey = false;
  let breathed = 0;
  for (let match = structural.exec(text); match !== null; match = structural.exec(text)) {
    if (match.index - breathed > BREATH_CHARS) {
      breathed = match.index;
      await breathe();
    }
    const keys = open.at(-1);
    switch (match[0]) {
      case '{': case '[':
        expectKey = match[0] === '{';
        open.push(expectKey ? new Set() : null);
        if (open.length > depth) return `it is nested deeper than ${depth} levels`;
        break;
      case '}': case ']':
        open.pop();
        expectKey = false;
        break;
      case ',':
        expectKey = keys instanceof Set;
        break;
      default: {
        const end = stringEnd(text, match.index + 1);
        if (end < 0) return undefined;
        structural.lastIndex = end + 1;
        if (!expectKey || !(keys instanceof Set)) break;
        expectKey = false;
        const key = unescaped(text.slice(match.index + 1, end));
        if (keys.has(key)) return `key ${JSON.stringify(key)} occurs twice`;
        keys.add(key);
      }
    }
  }
  return undefined;
}

/** Parses JSON text; `fail` makes the error. */
export async function parseJson(text: string, options: { depth: number; fail: (reason: string) => TaraError }): Promise<unknown> {
  const fault = await hiddenFault(text, options.depth);
  if (fault !== undefined) throw options.fail(fault);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw options.fail(`it is no JSON: ${reason}`);
  }
}

export type JsonObject = Record<string, unknown>;

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A JSON file. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, or TARA_CONFIG_INVALID where the
 * file is larger than `maxBytes`, no UTF-8, no JSON, too deep, or has a key twice.
 */
export async function readJson(path: string, maxBytes: number = CONFIG_BYTES, depth = 64): Promise<unknown> {
  const fail = (reason: string) => new TaraError('TARA_CONFIG_INVALID', { path, reason: oneLine(reason) });
  const text = await withFile(path, async (handle, { size }) => {
    if (size > maxBytes) throw fail(`it has ${size} bytes, ${maxBytes} are allowed`);
    const reader = new ByteReader(handle, { size, limit: maxBytes, fail });
    await reader.fill(size, 'the text');
    return utf8(reader.view(size));
  });
  if (text === undefined) throw fail('it is not UTF-8');
  return parseJson(text, { depth, fail });
}

/** `readJson` for a file that must hold an object. */
export async function readJsonObject(path: string, maxBytes: number = CONFIG_BYTES): Promise<JsonObject> {
  const value = await readJson(path, maxBytes);
  if (!isJsonObject(value)) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'it holds no JSON object' });
  return value;
}
