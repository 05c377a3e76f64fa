/** Splits labelled texts into those that are chosen by and those that are reported on, by the text itself: the same text always lands on the same side. */

import { createHash } from 'node:crypto';

export function halves<Row extends { readonly text: string }>(rows: readonly Row[]): { readonly chosenBy: readonly Row[]; readonly reportedOn: readonly Row[] } {
  const odd = ({ text }: Row): boolean => ((createHash('sha256').update(text).digest()[0] ?? 0) & 1) === 1;
  return { chosenBy: rows.filter((row) => !odd(row)), reportedOn: rows.filter(odd) };
}
