/** Four figures of the work, each with its last five minutes. */
import { byId, element } from './dom.js';
import { count, duration, figure, plural } from './format.js';
import { createPlot } from './plot.js';

/** @import { LiveSecond, LiveState, Served } from './api-types.js' */

const KEPT = 300;
/** @typedef {readonly LiveSecond[]} Seconds */
/** @typedef {readonly [value: string, unit: string, note: string]} Headline */

/**
 * @typedef {object} Figure
 * @property {string} title
 * @property {readonly import('./plot.js').Line[]} lines
 * @property {number} least of the scale
 * @property {readonly ((second: LiveSecond) => number | null)[]} of a value for each line
 * @property {(seconds: Seconds, slots: number) => Headline} headline
 * @property {(second: LiveSecond) => string} point one second in words
 */

/** @param {Seconds} seconds @param {(second: LiveSecond) => number | null} of @returns {number[]} */
const present = (seconds, of) => seconds.flatMap((second) => of(second) ?? []);
/** @param {readonly number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
/** @param {number | null} ms */
const written = (ms) => (ms === null ? 'no answer' : duration(ms).join(' '));

/** @param {(second: LiveSecond) => number | null} of @returns {(seconds: Seconds) => Headline} */
const latency = (of) => (seconds) => {
  const values = present(seconds, of);
  if (values.length === 0) return ['–', '', 'no answer yet'];
  return [...duration(median(values)), `median, slowest ${duration(Math.max(...values)).join(' ')}`];
};

/** @type {readonly Figure[]} */
const FIGURES = [
  {
    title: 'Throughput', lines: [{ colour: '--line-1', filled: true }], least: 10, of: [({ generatedTokens }) => generatedTokens],
    headline: (seconds) => [figure(seconds.at(-1)?.generatedTokens ?? 0), 'tokens/s', `highest ${figure(Math.max(0, ...seconds.map(({ generatedTokens }) => generatedTokens)))}`],
    point: ({ generatedTokens }) => `${figure(generatedTokens)} tokens/s`,
  },
  {
    title: 'First token', lines: [{ colour: '--line-2' }, { colour: '--line-4' }], least: 20, of: [({ firstTokenMs }) => firstTokenMs, ({ queueMs }) => queueMs],
    headline: (seconds) => {
      const [value, unit, note] = latency(({ firstTokenMs }) => firstTokenMs)(seconds);
      const waits = present(seconds, ({ queueMs }) => queueMs);
      return [value, unit, waits.length === 0 ? note : `${note}; ${duration(median(waits)).join(' ')} for a slot`];
    },
    point: ({ firstTokenMs, queueMs }) => (firstTokenMs === null ? written(null) : `${written(firstTokenMs)}, ${written(queueMs)} for a slot`),
  },
  {
    title: 'Between tokens', lines: [{ colour: '--line-3' }], least: 5, of: [({ interTokenMs }) => interTokenMs],
    headline: latency(({ interTokenMs }) => interTokenMs), point: ({ interTokenMs }) => written(interTokenMs),
  },
  {
    title: 'Requests', lines: [{ colour: '--line-1', filled: true }, { colour: '--line-4' }], least: 4, of: [({ active }) => active, ({ queued }) => queued],
    headline: (seconds, slots) => {
      const sum = (/** @type {(second: LiveSecond) => number} */ of) => seconds.reduce((total, second) => total + of(second), 0);
      return [count(seconds.at(-1)?.active ?? 0), slots === 0 ? 'running' : `of ${plural(slots, 'slot')}`, `${count(seconds.at(-1)?.queued ?? 0)} waiting, ${plural(sum(({ errors }) => errors), 'error')}`];
    },
    point: ({ active, queued }) => `${active} running, ${queued} waiting`,
  },
];

/** @param {Figure} one @param {() => Seconds} seconds */
function createCard(one, seconds) {
  const value = element('strong', {}, '–');
  const unit = element('span', { class: 'unit' });
  const note = element('p', { class: 'muted small note' });
  const plot = element('div', { class: 'plot', 'aria-hidden': 'true' });
  byId('live-cards').append(element('article', { class: 'card figure' }, element('h3', {}, one.title), element('p', { class: 'value' }, value, ' ', unit), note, plot));
  let told = '';
  let pointed = false;
  const drawn = createPlot(plot, {
    lines: one.lines, least: one.least,
    onPoint(index) {
      const second = index === null ? undefined : seconds()[index];
      pointed = second !== undefined;
      note.textContent = second === undefined ? told : `${new Date(second.at * 1000).toLocaleTimeString('en-GB')}: ${one.point(second)}`;
    },
  });
  /** @param {number} slots */
  return (slots) => {
    const shown = seconds();
    const [now, of, more] = one.headline(shown, slots);
    told = more;
    value.textContent = now;
    unit.textContent = of;
    if (!pointed) note.textContent = told;
    drawn.show(shown.map(({ at }) => at), one.of.map((read) => shown.map(read)));
  };
}

export function createActivity() {
  /** @type {Seconds} */
  let seconds = [];
  let slots = 0;
  const cards = FIGURES.map((one) => createCard(one, () => seconds));
  const show = () => cards.forEach((card) => card(slots));
  return {
    /** @param {LiveState} state */
    begin(state) {
      seconds = state.seconds;
      show();
    },
    /** @param {LiveSecond} second */
    add(second) {
      if (second.at <= (seconds.at(-1)?.at ?? 0)) return;
      seconds = [...seconds, second].slice(-KEPT);
      show();
    },
    /** @param {Served} served */
    serve({ models }) {
      slots = models.reduce((sum, model) => sum + model.slots, 0);
      show();
    },
  };
}
