/** A table that scrolls by itself where it is wider than its room. */
import { element } from './dom.js';

/** @typedef {import('./dom.js').Child} Cell */

/**
 * The first cell of a row is its heading.
 * @param {string} label
 * @param {readonly string[]} headings
 * @param {readonly (readonly Cell[])[]} rows
 * @param {{ readonly numbers?: boolean }} [options] `numbers`: all but the first column stand to the right
 */
export function table(label, headings, rows, { numbers = false } = {}) {
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    element('table', numbers ? { class: 'numbers' } : {},
      element('thead', {}, element('tr', {}, ...headings.map((heading) => element('th', { scope: 'col' }, heading)))),
      element('tbody', {}, ...rows.map(([first, ...cells]) => element('tr', {}, element('th', { scope: 'row' }, first), ...cells.map((cell) => element('td', {}, cell)))))));
}
