/** Aligned text tables. */
import { printable } from './format.js';

export interface Column<Row> {
  readonly title: string;
  value(row: Row): string;
  /** Numbers align right. */
  readonly align?: 'left' | 'right';
}

/** Lines of a table, columns two spaces apart, without trailing blanks; just the titles when there are no rows. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => columns.map((column) => column.value(row).replace(/\s*\n\s*/g, ' ')))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => width(line[index] ?? ''))));
  return cells.map((line) => line.map((cell, index) => {
    const blanks = ' '.repeat((widths[index] ?? 0) - width(cell));
    return columns[index]?.align === 'right' ? blanks + cell : cell + blanks;
  }).join('  ').trimEnd()).join('\n');
}

/** Names and values, one pair a line, whatever a path in them holds. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): string {
  const longest = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(longest)}  ${printable(value.replace(/\s*\n\s*/g, ' '))}`.trimEnd()).join('\n');
}

/** Terminal columns of a text: one for each code point, two for East Asian wide ones, none for combining marks. */
const width = (text: string): number => {
  let columns = 0;
  for (const char of text) {
    if (/\p{M}/u.test(char)) continue;
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(char) ? 2 : 1;
  }
  return columns;
};
