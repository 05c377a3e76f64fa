/** What the issues of a folder amount to: the list people read, validity, and the score with its parts. */
import type { CleanIssue, CleanReport } from 'tara-gguf/plugin';
import { ISSUES, PARTS, type Part } from './codes.js';

/** Issues of one code, file and severity beyond this many are counted, not listed. */
const MOST_ALIKE = 20;
const RANK = { error: 0, warning: 1, info: 2 } as const;

export interface Verdict {
  readonly issues: readonly CleanIssue[];
  readonly valid: boolean;
  /** Mean of the parts; 0 for a folder of no known kind. */
  readonly score: number;
  /** 1 without an issue, 0.5 with warnings, 0 with an error. */
  readonly parts: Readonly<Record<Part, number>>;
}

/** Errors first; within a severity in the order found. */
function listed(issues: readonly CleanIssue[]): CleanIssue[] {
  const counts = new Map<string, { readonly first: CleanIssue; count: number }>();
  const list: CleanIssue[] = [];
  for (const issue of issues) {
    const key = JSON.stringify([issue.code, issue.path, issue.severity]);
    const alike = counts.get(key) ?? { first: issue, count: 0 };
    counts.set(key, alike);
    if (++alike.count <= MOST_ALIKE) list.push(issue);
  }
  for (const { first, count } of counts.values()) if (count > MOST_ALIKE) list.push({ ...first, message: `and ${count - MOST_ALIKE} more like these` });
  return list.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

/** A plugin's own code counts against security, where checks of strangers belong. */
const partOf = (code: string): Part => (Object.hasOwn(ISSUES, code) ? ISSUES[code as keyof typeof ISSUES].part : 'security');

export function verdictOf(kind: CleanReport['kind'], issues: readonly CleanIssue[], strict = false): Verdict {
  const partScore = (part: Part): number => {
    const own = issues.filter(({ code }) => partOf(code) === part).map(({ severity }) => severity);
    return own.includes('error') ? 0 : own.includes('warning') ? 0.5 : 1;
  };
  const parts = Object.fromEntries(PARTS.map((part) => [part, partScore(part)])) as Record<Part, number>;
  return {
    issues: listed(issues),
    valid: !issues.some(({ severity }) => severity === 'error' || (strict && severity === 'warning')),
    score: kind === 'unknown' ? 0 : PARTS.reduce((sum, part) => sum + parts[part], 0) / PARTS.length,
    parts,
  };
}
