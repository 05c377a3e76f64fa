/** A folder under examination: its tree, what was found so far, and reading of files that are still in it. */
import type { ScanTensor } from 'tara-gguf';
import { readError } from 'tara-gguf/plugin';
import { lookUp, placeOf, type Entry, type Tree } from './tree.js';
import type { Findings } from './findings.js';
import { isObject, readJsonFile, type JsonObject } from './json-text.js';

export interface Folder {
  readonly tree: Tree;
  readonly findings: Findings;
  /** Weight files whose numbers are still to be looked at. */
  readonly weights: WeightScan[];
  readonly signal: AbortSignal | undefined;
}

/** Tensors of a file, for the search for NaN and infinities. */
export interface WeightScan {
  /** The name that issues give, perhaps a link. */
  readonly path: string;
  /** The entry that the name leads to. */
  readonly file: string;
  readonly severity: 'error' | 'warning';
  readonly tensors: readonly ScanTensor[];
}

/** The regular file that a name stands for, links inside followed, unless it goes. */
export function fileAt({ tree, findings }: Folder, path: string): Entry | undefined {
  const entry = lookUp(tree, path);
  return entry?.kind === 'file' && !findings.dropped.has(path) && !findings.dropped.has(entry.path) ? entry : undefined;
}

export const has = (folder: Folder, path: string): boolean => fileAt(folder, path) !== undefined;

/** Where the entry can be opened. */
export const openable = ({ tree }: Folder, entry: Entry): string | Buffer => placeOf(tree.root, entry);

export interface JsonDocument {
  readonly text: string;
  readonly value: JsonObject;
}

/** A JSON object of the folder; one that does not parse is reported (BAD_JSON), and undefined as one that is missing. */
export async function readObject(folder: Folder, path: string, severity: 'error' | 'warning'): Promise<JsonDocument | undefined> {
  const entry = fileAt(folder, path);
  if (entry === undefined) return undefined;
  const read = await readJsonFile(openable(folder, entry)).catch((thrown: unknown) => ({ fault: readError(path, thrown).message }));
  if ('fault' in read) folder.findings.report('BAD_JSON', path, severity, read.fault);
  else if (!isObject(read.value)) folder.findings.report('BAD_JSON', path, severity, 'it holds no JSON object');
  else return { text: read.text, value: read.value };
  return undefined;
}
