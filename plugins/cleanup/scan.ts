/** The pass over the files of a folder: hashes for the manifest and the search for NaN and infinities, by the addon. */
import { scanFiles, type ScanTensor } from 'tara-gguf';
import type { CleanIssue, OnProgress } from 'tara-gguf/plugin';
import type { Examination } from './examine.js';
import type { FileIssue } from './gguf.js';
import { placeOf, type Entry } from './tree.js';

export const notFinite = (tensors: readonly string[]): FileIssue[] => tensors.map((name) => ({ code: 'NAN_TENSOR', message: `tensor ${name} holds NaN or infinite values` }));

export interface Scanned {
  readonly issues: readonly CleanIssue[];
  /** SHA-256 by path, of the kept files that no fix rewrites; empty where no hashes were asked for. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** Reads the weights, and with `hash` every file that stays. Throws TARA_FILE_CHANGED, TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_ABORTED. */
export async function scanFolder({ tree, weights, dropped, texts }: Examination, options: { readonly hash: boolean; readonly signal?: AbortSignal | undefined; readonly onProgress?: OnProgress | undefined }): Promise<Scanned> {
  const tensorsOf = new Map<string, readonly ScanTensor[]>(weights.map(({ file, tensors }) => [file, tensors]));
  const wanted = (entry: Entry): boolean => entry.kind === 'file' && !dropped.has(entry.path) && !texts.has(entry.path) && (options.hash || tensorsOf.has(entry.path));
  const entries = [...tree.entries.values()].filter(wanted);
  const scanned = await scanFiles(
    entries.map((entry) => ({ path: placeOf(tree.root, entry), bytes: entry.bytes, mtimeMs: entry.mtimeMs, tensors: tensorsOf.get(entry.path) ?? [] })),
    { hash: options.hash, signal: options.signal, onProgress: (bytes, total) => options.onProgress?.(total === 0 ? 1 : bytes / total, 'reading') },
  );
  const found = new Map(entries.map((entry, index) => [entry.path, scanned[index]]));
  return {
    hashes: new Map(entries.map(({ path }) => [path, found.get(path)?.sha256 ?? ''])),
    issues: weights.flatMap(({ path, file, severity }) => notFinite(found.get(file)?.nonFinite ?? []).map((issue) => ({ ...issue, path, severity }))),
  };
}
