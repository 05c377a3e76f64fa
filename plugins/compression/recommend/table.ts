/** The answer as lines in a terminal. */

import { typesLine } from '../presets.js';
import { originalLabel } from './candidates.js';
import type { Choice, Option } from './choose.js';

type Cell = (option: Option) => string;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const rounded = (value: number | null, digits: number): string => (value === null ? '-' : value.toFixed(digits));
const label: Cell = ({ name }) => {
  const claimed = originalLabel(name);
  return claimed === null ? '' : `${Math.round(claimed * 100)} %`;
};

type Column = readonly [title: string, cell: Cell];

const SPEED: readonly Column[] = [
  ['decode t/s', ({ decodeTokensPerSecond }) => rounded(decodeTokensPerSecond, 1)],
  ['memory MB', ({ memoryBytes }) => rounded(memoryBytes === null ? null : memoryBytes / 1e6, 0)],
];

/** The agreement beside the label, never the label in its place. */
const columns = (measured: boolean): readonly Column[] => [
  ['bytes', ({ bytes }) => String(bytes)],
  ['bits/w', ({ bitsPerWeight }) => bitsPerWeight.toFixed(2)],
  [measured ? 'KL' : 'KL, estimated', ({ kld }) => `${measured ? '' : '~'}${kld.toPrecision(measured ? 3 : 2)}`],
  [measured ? 'same top token' : 'same top token, estimated', ({ topTokenAgreement }) => `${measured ? '' : '~'}${measured ? percent(topTokenAgreement) : `${Math.round(topTokenAgreement * 100)} %`}`],
  ['original label', label],
  ...(measured ? SPEED : []),
];

/** `>` is the choice, `*` the Pareto front. */
export function optionTable(options: readonly Option[], { choice, front }: Choice<Option>, measured: boolean): string {
  const shown = columns(measured);
  const name = ({ name }: Option): string => `${name === choice.name ? '>' : ' '}${front.includes(name) ? '*' : ' '} ${name}`;
  const lines = [['   name', ...shown.map(([title]) => title), 'tensors by type'], ...options.map((option) => [name(option), ...shown.map(([, cell]) => cell(option)), typesLine(option.types)])];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const last = widths.length - 1;
  return lines.map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : column === last ? cell : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd()).join('\n');
}
