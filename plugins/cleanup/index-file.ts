/** model.safetensors.index.json: which file holds which tensor, every name checked to stay in the folder. */
import { posix } from 'node:path';
import { readJsonFile, isObject } from './json-text.js';
import { lookUp, placeOf, type Tree } from './tree.js';

export const INDEX = 'model.safetensors.index.json';

export interface WeightIndex {
  /** Tensor name to file, relative to the folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Names that leave the folder. */
  readonly refused: readonly string[];
  /** Why it is no index, and the code. */
  readonly fault: { readonly code: 'BAD_JSON' | 'BAD_SAFETENSORS'; readonly reason: string } | undefined;
}

/** The path in the folder that a name means, or undefined where it leaves the folder. */
function inner(name: string): string | undefined {
  if (name === '' || name.includes('\0') || name.includes('\\') || name.startsWith('/') || /^[A-Za-z]:/.test(name)) return undefined;
  const path = posix.normalize(name);
  return path === '.' || path === '..' || path.startsWith('../') ? undefined : path;
}

/** The index of a folder; undefined where there is none (a link that leads outside counts as none). */
export async function readIndex(tree: Tree): Promise<WeightIndex | undefined> {
  const entry = lookUp(tree, INDEX);
  if (entry?.kind !== 'file') return undefined;
  const empty = { files: new Map<string, string>(), refused: [] };
  const read = await readJsonFile(placeOf(tree.root, entry)).catch((thrown: unknown) => ({ fault: (thrown as Error).message }));
  if ('fault' in read) return { ...empty, fault: { code: 'BAD_JSON', reason: read.fault } };
  const map = isObject(read.value) ? read.value.weight_map : undefined;
  if (!isObject(map) || Object.keys(map).length === 0) return { ...empty, fault: { code: 'BAD_SAFETENSORS', reason: 'it has no weight_map' } };
  const files = new Map<string, string>();
  const refused = new Set<string>();
  for (const [tensor, name] of Object.entries(map)) {
    const path = typeof name === 'string' ? inner(name) : undefined;
    if (path === undefined) refused.add(String(name));
    else files.set(tensor, path);
  }
  return { files, refused: [...refused], fault: undefined };
}
