/** What of a tree stays and what goes. */
import { parentOf, type Entry, type Tree } from './tree.js';

/** Files and links that stay. */
export const keptEntries = (tree: Tree, dropped: ReadonlySet<string>): Entry[] => [...tree.entries.values()].filter((entry) => entry.kind !== 'folder' && !dropped.has(entry.path));

/** Folders that hold something that stays, at any depth; '' is the root. */
export function holdingFolders(tree: Tree, dropped: ReadonlySet<string>): Set<string> {
  const holding = new Set(['']);
  for (const { path } of keptEntries(tree, dropped)) for (let folder = parentOf(path); !holding.has(folder); folder = parentOf(folder)) holding.add(folder);
  return holding;
}

/** What goes, nothing named twice: folders that keep nothing whole, everything else file by file. */
export function removedTop(tree: Tree, dropped: ReadonlySet<string>): Entry[] {
  const kept = holdingFolders(tree, dropped);
  return [...tree.entries.values()].filter(({ path, kind }) => kept.has(parentOf(path)) && (kind === 'folder' ? !kept.has(path) : dropped.has(path)));
}

/** The same as sorted paths; a folder's ends in a slash. */
export const removedPaths = (tree: Tree, dropped: ReadonlySet<string>): string[] => removedTop(tree, dropped).map(({ path, kind }) => (kind === 'folder' ? `${path}/` : path)).sort();
