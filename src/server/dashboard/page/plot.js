/** A small line plot of the last five minutes. */
import uPlot from './uplot.js';

const SPAN = 300;
const HEIGHT = 104;

/** Of the style sheet, as the colour scheme has it now. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A round number that leaves room above the highest value. @param {number} highest @param {number} least */
function ceiling(highest, least) {
  const wanted = Math.max(highest * 1.1, least);
  const step = 10 ** Math.floor(Math.log10(wanted)) / 2;
  return Math.ceil(wanted / step) * step;
}

/** @type {uPlot.Axis.Values} */
const ages = (plot, splits) => {
  const now = plot.scales.x?.max ?? 0;
  return splits.map((at) => (at === now ? 'now' : `−${Math.round((now - at) / 60)} min`));
};

/**
 * @typedef {{ readonly colour: string, readonly filled?: boolean }} Line
 * @typedef {(number | null)[]} Values
 */

/**
 * @param {HTMLElement} into
 * @param {{ readonly lines: readonly Line[], readonly least: number, onPoint(index: number | null): void }} options
 *   `least`: the lowest number that the scale ends at; `onPoint` tells which second the pointer is at
 */
export function createPlot(into, { lines, least, onPoint }) {
  /** @type {uPlot.Axis} */
  const axis = { stroke: () => colour('--muted'), font: '11px system-ui, sans-serif', ticks: { show: false } };
  const plot = new uPlot({
    width: Math.max(into.clientWidth, 160), height: HEIGHT, padding: [6, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, __, max) => [max - SPAN, max] },
      y: { range: (_, __, max) => [0, ceiling(max ?? 0, least)] },
    },
    axes: [
      { ...axis, size: 22, gap: 4, grid: { show: false }, splits: (_, __, ___, max) => [max - SPAN, max - SPAN * 0.6, max - SPAN * 0.2, max], values: ages },
      { ...axis, size: 40, gap: 4, grid: { stroke: () => colour('--line'), width: 1 }, space: 32 },
    ],
    series: [{}, ...lines.map((line) => ({
      stroke: () => colour(line.colour), width: 1.75, spanGaps: true, points: { show: false },
      ...(line.filled === true ? { fill: () => `color-mix(in srgb, ${colour(line.colour)} 16%, transparent)` } : {}),
    }))],
    hooks: { setCursor: [(self) => onPoint(self.cursor.idx ?? null)] },
  }, [[], ...lines.map(() => [])], into);
  new ResizeObserver(() => plot.setSize({ width: Math.max(into.clientWidth, 160), height: HEIGHT })).observe(into);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw(false));
  return {
    /** @param {readonly number[]} times @param {readonly Values[]} values a row for each line */
    show(times, values) {
      plot.setData([[...times], ...values.map((row) => [...row])]);
    },
  };
}
