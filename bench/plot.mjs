/** Horizontal bars as a self-contained SVG, in light and dark pages alike. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';

const [LABEL, BARS, RIGHT, BAR, GAP] = [230, 520, 70, 13, 9];
const COLOURS = ['#2f6fb3', '#d9822b', '#6b9f3a'];
const escaped = (text) => String(text).replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]);

/** A round step that gives about six lines up to `most`. */
function stepOf(most) {
  const power = 10 ** Math.floor(Math.log10(most / 6));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => most / step <= 6);
}

/**
 * `rows` are { label, values, target? }, one value for each of `series` (undefined leaves a bar out); `unit` follows each number and a
 * target is a mark on the row's bars.
 */
export function barChart({ title, note, unit, series, rows }) {
  const most = Math.max(...rows.flatMap(({ values, target }) => [...values, target].filter((value) => value !== undefined)));
  const x = (value) => LABEL + (value / most) * BARS;
  const parts = [];
  let y = 74;
  for (const { label, values, target } of rows) {
    const top = y;
    values.forEach((value, index) => {
      if (value === undefined) return;
      parts.push(`<rect x="${LABEL}" y="${y}" width="${(x(value) - LABEL).toFixed(1)}" height="${BAR}" fill="${COLOURS[index]}"/>`);
      parts.push(`<text x="${(x(value) + 5).toFixed(1)}" y="${y + BAR - 2}">${value.toFixed(1)}${unit}</text>`);
      y += BAR + 1;
    });
    if (target !== undefined) parts.push(`<line class="target" x1="${x(target).toFixed(1)}" x2="${x(target).toFixed(1)}" y1="${top - 2}" y2="${y + 1}"/>`);
    parts.push(`<text class="label" x="${LABEL - 8}" y="${(top + y) / 2 + 4}">${escaped(label)}</text>`);
    y += GAP;
  }
  const lines = Array.from({ length: Math.floor(most / stepOf(most)) + 1 }, (_, index) => index * stepOf(most))
    .map((value) => `<line class="grid" x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="64" y2="${y}"/><text class="tick" x="${x(value).toFixed(1)}" y="${y + 15}">${value}${unit}</text>`);
  const legend = series.map((name, index) => `<rect x="${LABEL + index * 190}" y="44" width="12" height="12" fill="${COLOURS[index]}"/><text x="${LABEL + 17 + index * 190}" y="54">${escaped(name)}</text>`);
  if (rows.some(({ target }) => target !== undefined)) {
    const at = LABEL + series.length * 190;
    legend.push(`<line class="target" x1="${at + 6}" x2="${at + 6}" y1="43" y2="57"/><text x="${at + 17}" y="54">target</text>`);
  }
  const width = LABEL + BARS + RIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 44}" width="${width}" height="${y + 44}" font-family="system-ui, sans-serif" font-size="12">
<style>text{fill:#333}.title{font-size:15px;font-weight:600}.label{text-anchor:end}.tick{text-anchor:middle;fill:#777}.grid{stroke:#8884}.target{stroke:#b3262e;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#ddd}.tick{fill:#aaa}}</style>
<text class="title" x="12" y="24">${escaped(title)}</text>
${[...legend, ...lines, ...parts].join('\n')}
<text class="note" x="12" y="${y + 36}">${escaped(note)}</text>
</svg>
`;
}

/** Writes bench/results/NAME.svg. */
export const plot = (name, chart) => writeFileSync(join(ROOT, 'bench', 'results', `${name}.svg`), barChart(chart));
