/** JSON files as people wrote them: read with a reason when they do not parse, edited without touching any other value. */
import { readFile, stat } from 'node:fs/promises';

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A vocabulary of a million tokens is smaller. */
const MOST_BYTES = 128 << 20;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type JsonFile = { readonly text: string; readonly value: unknown } | { readonly fault: string };

/** A JSON file, or why it is none. System errors are thrown. */
export async function readJsonFile(path: string | Buffer): Promise<JsonFile> {
  const { size } = await stat(path);
  if (size > MOST_BYTES) return { fault: `it has ${size} bytes, ${MOST_BYTES} are allowed` };
  const bytes = await readFile(path);
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    return { fault: 'it is not UTF-8' };
  }
  try {
    return { text, value: JSON.parse(text) as unknown };
  } catch (thrown) {
    return { fault: `it is no JSON: ${thrown instanceof Error ? thrown.message.replace(/\s+/g, ' ').slice(0, 160) : ''}` };
  }
}

interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const spaceFrom = (text: string, at: number): number => {
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
  return at;
};

/** The index behind the string that starts at `at`. */
const stringEnd = (text: string, at: number): number => {
  for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
  return at + 1;
};

/** The index behind the value that starts at `at`. */
function valueEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at);
  if (text[at] !== '{' && text[at] !== '[') return at + (/^[^\s,}\]]*/.exec(text.slice(at, at + 400))?.[0].length ?? 0);
  for (let depth = 0; ; at++) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
}

/** The members of the object that the text (valid JSON) holds, and where its brace closes. */
function membersOf(text: string): { members: Member[]; close: number } {
  const members: Member[] = [];
  let at = spaceFrom(text, text.indexOf('{') + 1);
  while (text[at] !== '}') {
    const keyStart = at;
    const keyEnd = stringEnd(text, at);
    const valueStart = spaceFrom(text, spaceFrom(text, keyEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ key: String(JSON.parse(text.slice(keyStart, keyEnd))), keyStart, valueStart, valueEnd: end });
    at = spaceFrom(text, end);
    if (text[at] === ',') at = spaceFrom(text, at + 1);
  }
  return { members, close: at };
}

/**
 * The text of a JSON object with these fields set: replaced where they stand, added at the end.
 * All else stays to the byte (JSON.stringify would round large numbers and rewrite 1e-06).
 */
export function setFields(text: string, fields: JsonObject): string {
  for (const [key, value] of Object.entries(fields)) {
    const { members, close } = membersOf(text);
    const json = JSON.stringify(value);
    const member = members.findLast((candidate) => candidate.key === key);
    const last = members.at(-1);
    const first = members[0];
    if (member !== undefined) text = text.slice(0, member.valueStart) + json + text.slice(member.valueEnd);
    else if (last === undefined || first === undefined) text = `${text.slice(0, close).trimEnd()}\n  ${JSON.stringify(key)}: ${json}\n${text.slice(close)}`;
    else {
      const lead = /\r?\n[ \t]*$/.exec(text.slice(0, first.keyStart))?.[0] ?? ' ';
      text = `${text.slice(0, last.valueEnd)},${lead}${JSON.stringify(key)}: ${json}${text.slice(last.valueEnd)}`;
    }
  }
  return text;
}
