/** The hooks `cleanup:check` and `cleanup:fix`, by which other plugins add checks and fixes of their own. */
import type { CleanIssue, CleanReport, HookCaller, ParallelHook, WaterfallHook } from 'tara-gguf/plugin';
import { TaraError } from 'tara-gguf/plugin';
import type { Examination } from './examine.js';
import { oneLine } from './findings.js';
import { keptEntries } from './kept.js';
import { parentOf } from './tree.js';

/** The folder as it will be when it is clean; nothing is written yet. */
export interface CleanupFolder {
  /** Absolute path of the folder that is being cleaned; handlers only read it. */
  readonly path: string;
  readonly kind: CleanReport['kind'];
  /** Files that stay, relative; names that are no UTF-8 are left out. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** What fixes made of files; the rest is as it lies on the disk. */
  readonly texts: Readonly<Record<string, string>>;
}

export interface CleanupFix {
  /** Upper-case code of the fix. */
  readonly code: string;
  /** An existing file, or a new one in a folder that exists. */
  readonly file: string;
  /** The whole new text. */
  readonly text: string;
}

export interface CleanupFixValue extends CleanupFolder {
  readonly issues: readonly CleanIssue[];
  /** Handlers add theirs. */
  readonly fixes: readonly CleanupFix[];
  /** Files that shall go; handlers add theirs. */
  readonly remove: readonly string[];
}

declare module 'tara-gguf/plugin' {
  interface Hooks {
    /** Looks at a folder that is cleaned or verified, and answers with issues. */
    'cleanup:check': ParallelHook<CleanupFolder, readonly CleanIssue[]>;
    /** Before a cleaned folder is written: adds texts to write and files to remove. An error stops the cleaning. */
    'cleanup:fix': WaterfallHook<CleanupFixValue>;
  }
}

export const HOOK_POINTS = { 'cleanup:check': 'parallel', 'cleanup:fix': 'waterfall' } as const;

const folderOf = ({ tree, kind, dropped, texts }: Examination): CleanupFolder => ({
  path: tree.root, kind, texts: Object.fromEntries(texts),
  files: keptEntries(tree, dropped).filter((entry) => entry.kind === 'file' && entry.raw === undefined).map(({ path, bytes }) => ({ path, bytes })),
});

/** The issues that plugins report; one that fails is an error of the folder, for what it checks is then not known. */
export async function pluginIssues(hooks: HookCaller, examination: Examination, signal: AbortSignal | undefined): Promise<CleanIssue[]> {
  if (!hooks.has('cleanup:check')) return [];
  const answers = await hooks.parallel('cleanup:check', folderOf(examination), signal ? { signal } : {});
  return answers.flatMap((answer) => ('error' in answer
    ? [{ code: 'CHECK_FAILED', path: '.', severity: 'error' as const, message: oneLine(answer.error.message) }]
    : answer.value.map((issue) => ({ ...issue, message: oneLine(issue.message) }))));
}

/** The examination with what plugins fix. Throws TARA_HOOK_FAILED, TARA_CLEANUP_INVALID for a file that a fix may not touch. */
export async function withPluginFixes(hooks: HookCaller, examination: Examination, issues: readonly CleanIssue[], signal: AbortSignal | undefined): Promise<Examination> {
  if (!hooks.has('cleanup:fix')) return examination;
  const { tree } = examination;
  const value = await hooks.waterfall('cleanup:fix', { ...folderOf(examination), issues, fixes: [], remove: [] }, signal ? { signal } : {});
  const [texts, dropped] = [new Map(examination.texts), new Set(examination.dropped)];
  const refuse = (file: string): never => { throw new TaraError('TARA_CLEANUP_INVALID', { path: tree.root, issue: `a plugin's fix names ${JSON.stringify(file)}, which is no file of this folder` }); };
  for (const { file, text } of value.fixes) {
    const parts = file.split('/');
    const inside = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part)) && (parentOf(file) === '' || tree.entries.get(parentOf(file))?.kind === 'folder');
    if (!inside || (tree.entries.get(file)?.kind ?? 'file') !== 'file') refuse(file);
    texts.set(file, text);
    dropped.delete(file);
  }
  for (const path of value.remove) {
    if (tree.entries.get(path)?.kind !== 'file') refuse(path);
    dropped.add(path);
    texts.delete(path);
  }
  return { ...examination, texts, dropped, fixes: [...examination.fixes, ...value.fixes.map(({ code, file }) => ({ code, file }))] };
}
