/**
 * Changes values in a YAML file by edits of its text, at places that its parsed document gives: other keys, comments, blanks and
 * order stay as they are. What cannot be edited so (flow mappings, a list that becomes something else) goes through the document.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, parseDocument, stringify, type Document, type Node, type Pair, type YAMLMap } from 'yaml';
import { TaraError } from 'tara-gguf/plugin';

export type YamlPath = readonly string[];

export interface YamlChange {
  readonly path: YamlPath;
  readonly value: unknown;
}

const STYLE = { lineWidth: 0 } as const;
const plainOf = (document: Document): unknown => document.toJS({ maxAliasCount: 1000 });

function needDocument(text: string, file: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw new TaraError('TARA_CONFIG_INVALID', { path: file, reason: `it is no YAML (line ${error.linePos?.[0].line ?? 1}); nothing was changed` });
  if (document.contents !== null && !isMap(document.contents) && !(isScalar(document.contents) && document.contents.value === null)) throw new TaraError('TARA_CONFIG_INVALID', { path: file, reason: 'it is no YAML mapping; nothing was changed' });
  return document;
}

/** A text as plain data, for changes that depend on what is there. Throws TARA_CONFIG_INVALID. */
export const readYaml = (text: string | null, file: string): unknown => (text === null ? {} : plainOf(needDocument(text, file)) ?? {});

/** Where a path ends in a document: the last mapping on it, how many of its keys lead there, and the pair that ends it. */
interface Place {
  readonly map: YAMLMap | undefined;
  readonly depth: number;
  readonly pair: Pair | undefined;
}

function placeOf(document: Document, path: YamlPath): Place {
  let map = isMap(document.contents) ? document.contents : undefined;
  for (let depth = 0; map !== undefined; depth++) {
    const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === path[depth]);
    if (pair === undefined || depth === path.length - 1 || !isMap(pair.value)) return { map, depth, pair };
    map = pair.value;
  }
  return { map: undefined, depth: 0, pair: undefined };
}

/** Position after the line in which the last value of a node ends. */
function endOf(text: string, node: unknown): number {
  let last = node as Node | null;
  while (isMap(last) && last.items.length > 0) last = (last.items.at(-1)?.value ?? last.items.at(-1)?.key) as Node | null;
  const end = last?.range?.[1] ?? text.length;
  if (text[end - 1] === '\n') return end;
  const line = text.indexOf('\n', end);
  return line < 0 ? text.length : line + 1;
}

const columnOf = (text: string, offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1);
/** Blanks of one level. */
const indentOf = (text: string): number => /^[\w"'][^\n]*:[^\n]*\n( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;

/** The value under the keys that are left of its path, as lines at a column. */
function rendered(text: string, keys: YamlPath, value: unknown, column: number): string {
  const nested = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return stringify(nested, { ...STYLE, indent: indentOf(text) }).replace(/^(?=.)/gm, ' '.repeat(column));
}

/** The text with one value set; undefined where no edit does it. */
function edited(text: string, document: Document, { path, value }: YamlChange): string | undefined {
  const { map, depth, pair } = placeOf(document, path);
  const put = (at: number, lines: string) => `${text.slice(0, at)}${at > 0 && text[at - 1] !== '\n' ? '\n' : ''}${lines}${text.slice(at)}`;
  if (map === undefined) return put(text.length, rendered(text, path, value, 0));
  if (map.flow === true) return undefined;
  const column = columnOf(text, (map.items[0]?.key as Node | undefined)?.range?.[0] ?? 0);
  if (pair === undefined) return put(endOf(text, map), rendered(text, path.slice(depth), value, column));
  const found = pair.value as Node | null;
  if (!isScalar(found) || found.range == null) return undefined;
  // A key without a value is a place for entries.
  if (depth < path.length - 1) return found.value === null && found.source === '' ? put(endOf(text, pair.key), rendered(text, path.slice(depth + 1), value, column + indentOf(text))) : undefined;
  if (typeof value === 'object' && value !== null) return undefined;
  const [start, end] = found.range;
  return `${text.slice(0, start)}${start === end ? ' ' : ''}${stringify(value, STYLE).trimEnd()}${text.slice(end)}`;
}

/** Through the document: everything is kept, though some comments and blanks may move. */
function rewritten(document: Document, { path, value }: YamlChange): string {
  for (let depth = 1; depth < path.length; depth++) if (!isMap(document.getIn(path.slice(0, depth), true))) document.setIn(path.slice(0, depth), document.createNode({}));
  document.setIn(path, document.createNode(value));
  return document.toString(STYLE);
}

/** The data with a value set. */
function withValue(data: unknown, [key, ...rest]: YamlPath, value: unknown): unknown {
  const own = typeof data === 'object' && data !== null && !Array.isArray(data) ? data as Record<string, unknown> : {};
  return key === undefined ? value : { ...own, [key]: withValue(Object.hasOwn(own, key) ? own[key] : undefined, rest, value) };
}

/** Whether a text holds this data and nothing else. */
function holds(text: string, data: unknown): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && isDeepStrictEqual(plainOf(document), data);
}

/** The text with these values set; one that says it all already is returned as it is. Throws TARA_CONFIG_INVALID, naming the file. */
export function setYaml(before: string | null, file: string, changes: readonly YamlChange[]): string {
  const end = before?.includes('\r\n') ? '\r\n' : '\n';
  let text = (before ?? '').replaceAll('\r\n', '\n');
  for (const change of changes) {
    const document = needDocument(text, file);
    const data = plainOf(document) ?? {};
    const wanted = withValue(data, change.path, change.value);
    if (isDeepStrictEqual(data, wanted)) continue;
    const attempt = edited(text, document, change);
    text = attempt !== undefined && holds(attempt, wanted) ? attempt : rewritten(document, change);
  }
  return text === (before ?? '').replaceAll('\r\n', '\n') ? before ?? '' : text.replaceAll('\n', end);
}
