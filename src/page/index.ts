/**
 * Pages for people: one self-contained HTML file each, with drawings made here as SVG, and written whole or not at all.
 * May import workers, errors and write-whole.
 */
export { AXIS, fitted, MUTED, TEXT } from './axes.js';
export { draw, escapeHtml, type Drawing } from './draw.js';
export { facts, figure, htmlPage, htmlTable } from './html.js';
export { SHADES, STYLE } from './style.js';
export { gigabytes, megabytes, percent, significant } from './text.js';
export { writePage, type WritePageOptions } from './write.js';
