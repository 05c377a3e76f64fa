/** What the checks find out about a folder: issues, what goes, what is rewritten. Checks write it, nothing on disk changes. */
import type { CleanIssue } from 'tara-gguf/plugin';
import type { IssueCode } from './codes.js';

/** What our own fixes are called; a plugin's have codes of its own. */
export type FixCode = 'PAD_TOKEN' | 'CONFIG_FIELDS' | 'TOKENIZER_CONFIG' | 'ADAPTER_CONFIG' | 'SECRETS';

export interface Fix {
  readonly code: string;
  readonly file: string;
}

type Severity = CleanIssue['severity'];

interface Found {
  readonly code: IssueCode;
  readonly path: string;
  severity: Severity;
  readonly message: string;
}

export class Findings {
  /** Paths of files and links that the cleaned folder does not have. */
  readonly dropped = new Set<string>();
  /** New text by file, for files that fixes rewrite or make. */
  readonly texts = new Map<string, string>();
  readonly fixes: Fix[] = [];
  /** In the order found. */
  readonly issues: Found[] = [];
  readonly #lost = new Map<string, Found>();

  report(code: IssueCode, path: string, severity: Severity, message: string): void {
    this.issues.push({ code, path, severity, message: oneLine(message) });
  }

  /** A file goes because of a fault; a warning until `need` says that nothing can do its work. */
  lose(code: IssueCode, path: string, message: string): void {
    const issue: Found = { code, path, severity: 'warning', message: oneLine(message) };
    this.dropped.add(path);
    this.issues.push(issue);
    this.#lost.set(path, issue);
  }

  isLost(path: string): boolean {
    return this.#lost.has(path);
  }

  /** Says that lost files were needed; false where none of them was lost, so that nothing explains the gap. */
  need(paths: readonly string[]): boolean {
    const issues = paths.map((path) => this.#lost.get(path)).filter((issue) => issue !== undefined);
    for (const issue of issues) issue.severity = 'error';
    return issues.length > 0;
  }

  rewrite(code: FixCode, file: string, text: string): void {
    this.texts.set(file, text);
    this.fixes.push({ code, file });
  }
}

/** Text out of a file, fit for one line of a terminal. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu, '?').slice(0, 400);
