/** A folder compared with its manifest. */
import type { CleanIssue } from 'tara-gguf/plugin';
import { keptEntries } from './kept.js';
import type { Manifest } from './manifest.js';
import type { Tree } from './tree.js';

/** What differs: files that are missing, changed or new, and links that lead elsewhere. */
export function compareWith({ files, links }: Manifest, tree: Tree, hashes: ReadonlyMap<string, string>): CleanIssue[] {
  const issues: CleanIssue[] = [];
  const error = (code: 'MISSING_FILE' | 'CHANGED_FILE' | 'EXTRA_FILE', path: string, message: string) => issues.push({ code, path, severity: 'error', message });
  for (const { path, bytes, sha256 } of files) {
    const entry = tree.entries.get(path);
    if (entry === undefined) error('MISSING_FILE', path, 'the manifest lists this file');
    else if (entry.kind !== 'file') error('CHANGED_FILE', path, 'the manifest lists a file here');
    else if (entry.bytes !== bytes) error('CHANGED_FILE', path, `it has ${entry.bytes} bytes, the manifest says ${bytes}`);
    else if (hashes.get(path) !== sha256) error('CHANGED_FILE', path, `its SHA-256 is ${hashes.get(path) ?? 'unknown'}, the manifest says ${sha256}`);
  }
  for (const { path, target } of links) {
    const entry = tree.entries.get(path);
    if (entry === undefined) error('MISSING_FILE', path, 'the manifest lists this link');
    else if (entry.to !== target) error('CHANGED_FILE', path, `the manifest lists a link to ${target} here`);
  }
  const known = new Set([...files, ...links].map(({ path }) => path));
  for (const { path } of keptEntries(tree, new Set())) if (!known.has(path)) error('EXTRA_FILE', path, 'the manifest does not list this');
  return issues;
}
