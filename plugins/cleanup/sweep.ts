/** What goes by name, kind, size or content, before anything is read as a model. */
import { readError, TaraError } from 'tara-gguf/plugin';
import type { IssueCode } from './codes.js';
import { fileAt, openable, type Folder } from './folder.js';
import { isGarbageFile, isGarbageFolder } from './garbage.js';
import { holdingFolders } from './kept.js';
import { isPickle, mayBePickle } from './pickle.js';
import { lookUp, nameOf, parentOf, type Entry, type Tree } from './tree.js';

/** Files that a model or adapter folder is made of: never garbage, wherever a link puts them. */
export const KNOWN_FILES = [
  'config.json', 'generation_config.json', 'tokenizer_config.json', 'special_tokens_map.json', 'model.safetensors', 'model.safetensors.index.json',
  'tokenizer.model', 'tokenizer.json', 'vocab.json', 'merges.txt', 'adapter_config.json', 'adapter_model.safetensors',
];

/** Paths that stay whatever their names are: what the index names, and what the known files link to. */
export function protectedPaths(tree: Tree, indexed: Iterable<string>): Set<string> {
  const paths = new Set<string>();
  for (const path of [...KNOWN_FILES, ...indexed]) {
    const entry = lookUp(tree, path);
    if (entry === undefined) continue;
    paths.add(entry.path);
    if (tree.entries.get(path)?.kind === 'link') paths.add(path);
  }
  return paths;
}

/** Drops garbage, links that leave the folder and what is no file. */
export function sweepNames({ tree, findings }: Folder, kept: ReadonlySet<string>): void {
  const inGarbage = new Set<string>();
  for (const entry of tree.entries.values()) {
    const garbage = inGarbage.has(parentOf(entry.path));
    if (entry.kind === 'folder') {
      if (garbage || isGarbageFolder(nameOf(entry.path))) inGarbage.add(entry.path);
    } else if (entry.kind === 'link' && entry.to === null) {
      findings.lose('SYMLINK_ESCAPE', entry.path, 'the link leads out of the folder');
    } else if (entry.kind === 'other') {
      findings.lose('SPECIAL_FILE', entry.path, 'it is no regular file');
    } else if (!kept.has(entry.path) && (garbage || isGarbageFile(nameOf(entry.path)))) {
      findings.dropped.add(entry.path);
    }
  }
}

async function contentFault(folder: Folder, entry: Entry): Promise<[code: IssueCode, message: string] | undefined> {
  try {
    return await isPickle(openable(folder, entry)) ? ['PICKLE_FILE', 'it is a pickle, which can run any code when it is opened'] : undefined;
  } catch (thrown) {
    return ['UNREADABLE_FILE', readError(entry.path, thrown).message];
  }
}

/** Drops pickles and files above the limit; pickles among the garbage are named too. Gives the pickles that were not garbage. */
export async function sweepFiles(folder: Folder, maxFileBytes: number): Promise<string[]> {
  const { tree, findings } = folder;
  const pickles: string[] = [];
  for (const entry of tree.entries.values()) {
    if (folder.signal?.aborted) throw new TaraError('TARA_ABORTED');
    if (entry.kind !== 'file') continue;
    const gone = findings.dropped.has(entry.path);
    const fault = mayBePickle(nameOf(entry.path)) ? await contentFault(folder, entry) : undefined;
    if (gone) {
      if (fault?.[0] === 'PICKLE_FILE') findings.report(fault[0], entry.path, 'warning', fault[1]);
    } else if (fault !== undefined) {
      findings.lose(fault[0], entry.path, fault[1]);
      if (fault[0] === 'PICKLE_FILE') pickles.push(entry.path);
    } else if (entry.bytes > maxFileBytes) {
      findings.lose('OVERSIZED_FILE', entry.path, `it has ${entry.bytes} bytes, ${maxFileBytes} are allowed`);
    }
  }
  return pickles;
}

/** A link to what goes would lead nowhere: it goes too, and what was lost behind it is lost here. */
export function sweepLinks(folder: Folder): void {
  const { tree, findings } = folder;
  const links = [...tree.entries.values()].filter(({ kind, to }) => kind === 'link' && to != null);
  // A folder may hold nothing but links that go, and be what another link leads to.
  for (let before = -1; before !== findings.dropped.size;) {
    before = findings.dropped.size;
    const holding = holdingFolders(tree, findings.dropped);
    for (const entry of links) {
      if (findings.dropped.has(entry.path)) continue;
      const target = lookUp(tree, entry.path);
      if (target?.kind === 'folder' && !holding.has(target.path)) findings.dropped.add(entry.path);
      if (target?.kind !== 'file' || fileAt(folder, entry.path) !== undefined) continue;
      if (findings.isLost(target.path)) findings.lose('MISSING_FILE', entry.path, `it is a link to ${target.path}, which is removed`);
      else findings.dropped.add(entry.path);
    }
  }
}
