/** What the checks find out about a folder: issues, what goes, what is rewritten. Checks write it, nothing on disk changes. */
import type { CleanIssue } from 'tara-gguf/plugin';

export interface Fix {
  readonly code: 'PAD_TOKEN' | 'CONFIG_FIELDS' | 'TOKENIZER_CONFIG' | 'ADAPTER_CONFIG';
  readonly file: string;
}

type Severity = CleanIssue['severity'];

interface Found {
  readonly code: string;
  readonly path: string;
  severity: Severity;
  readonly message: string;
}

/** Issues of one code and file beyond this many are counted, not listed. */
const MOST_ALIKE = 20;

export class Findings {
  /** Paths of files and links that the cleaned folder does not have. */
  readonly dropped = new Set<string>();
  /** New text by file, for files that fixes rewrite or make. */
  readonly texts = new Map<string, string>();
  readonly fixes: Fix[] = [];
  readonly #issues: Found[] = [];
  readonly #lost = new Map<string, Found>();
  readonly #alike = new Map<string, number>();

  report(code: string, path: string, severity: Severity, message: string): void {
    const key = JSON.stringify([code, path, severity]);
    const count = (this.#alike.get(key) ?? 0) + 1;
    this.#alike.set(key, count);
    if (count > MOST_ALIKE) return;
    this.#issues.push({ code, path, severity, message: oneLine(message) });
  }

  /** A file goes because of a fault; a warning until `need` says that nothing can do its work. */
  lose(code: string, path: string, message: string): void {
    const issue: Found = { code, path, severity: 'warning', message: oneLine(message) };
    this.dropped.add(path);
    this.#issues.push(issue);
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

  rewrite(code: Fix['code'], file: string, text: string): void {
    this.texts.set(file, text);
    this.fixes.push({ code, file });
  }

  /** Errors first; within a severity in the order found. */
  issues(): CleanIssue[] {
    const rank = { error: 0, warning: 1, info: 2 };
    const listed = this.#issues.map((issue) => ({ ...issue }));
    for (const [key, count] of this.#alike) {
      const [code, path, severity] = JSON.parse(key) as [string, string, Severity];
      if (count > MOST_ALIKE) listed.push({ code, path, severity, message: `and ${count - MOST_ALIKE} more like these` });
    }
    return listed.sort((a, b) => rank[a.severity] - rank[b.severity]);
  }
}

/** Text out of a file, fit for one line of a terminal. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu, '?').slice(0, 400);
