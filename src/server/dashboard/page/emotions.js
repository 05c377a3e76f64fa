/** Emotions over the last 24 hours: a column of counts an hour, and the same as a table. */
import { byId, drawn, element } from './dom.js';
import { count, plural } from './format.js';
import { table } from './table.js';

/** @import { LiveState } from './api-types.js' */
/** @typedef {LiveState['hours'][number]} Hour */

const NAMES = /** @type {const} */ (['joy', 'trust', 'anticipation', 'surprise', 'fear', 'sadness', 'disgust', 'anger', 'neutral']);
const HOUR = 3600;
const DAY = 24;
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 190, 34, 22, 8];

/** @param {number} at seconds */
const hourOf = (at) => `${String(new Date(at * 1000).getHours()).padStart(2, '0')}:00`;

/** Every hour of the day that ends now, also those without messages. @param {readonly Hour[]} hours */
function wholeDay(hours) {
  const last = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  return Array.from({ length: DAY }, (_, index) => {
    const at = last - (DAY - 1 - index) * HOUR;
    return hours.find((hour) => hour.at === at) ?? { at, messages: 0, valence: 0, emotions: {} };
  });
}

/** @param {number} most */
const top = (most) => [1, 2, 4, 6, 10, 20, 40, 60].find((round) => round >= most) ?? Math.ceil(most / 100) * 100;

/** @param {Hour} hour @param {number} x @param {number} width @param {(messages: number) => number} y */
function column(hour, x, width, y) {
  let below = 0;
  return NAMES.flatMap((name) => {
    const messages = hour.emotions[name] ?? 0;
    if (messages === 0) return [];
    const from = y(below);
    below += messages;
    const height = from - y(below);
    return [drawn('rect', { class: `emotion-${name}`, x, y: y(below), width, height: Math.max(height - 1, 0.5), rx: 1.5 }, drawn('title', {}, `${hourOf(hour.at)}: ${plural(messages, 'message')} with ${name}`))];
  });
}

/** @param {readonly Hour[]} day @param {string} label */
function chart(day, label) {
  const most = top(Math.max(1, ...day.map(({ messages }) => messages)));
  /** @param {number} messages */
  const y = (messages) => HEIGHT - BOTTOM - (messages / most) * (HEIGHT - BOTTOM - TOP);
  const step = (WIDTH - LEFT) / DAY;
  const lines = most === 1 ? [0, 1] : [0, most / 2, most];
  return drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label },
    ...lines.flatMap((messages) => [
      drawn('line', { class: 'grid', x1: LEFT, x2: WIDTH, y1: y(messages), y2: y(messages) }),
      drawn('text', { x: LEFT - 8, y: y(messages) + 4, 'text-anchor': 'end' }, count(messages)),
    ]),
    ...day.flatMap((hour, index) => [
      ...column(hour, LEFT + index * step + step * 0.14, step * 0.72, y),
      ...(index % 4 === 3 ? [drawn('text', { x: LEFT + (index + 0.5) * step, y: HEIGHT - 4, 'text-anchor': 'middle' }, hourOf(hour.at))] : []),
    ]));
}

/** @param {readonly Hour[]} day */
const sums = (day) => NAMES.map((name) => ({ name, messages: day.reduce((sum, { emotions }) => sum + (emotions[name] ?? 0), 0) }));

/** @param {LiveState} state */
export function showEmotions({ hours, crises }) {
  const day = wholeDay(hours);
  const found = sums(day).filter(({ messages }) => messages > 0);
  const { acute = 0, concern = 0 } = crises;
  const crisis = byId('crises');
  crisis.replaceChildren(
    element('span', { class: acute > 0 ? 'tag danger' : 'tag' }, `${count(acute)} acute`), ' ',
    element('span', { class: concern > 0 ? 'tag warning' : 'tag' }, `${count(concern)} concern`));
  crisis.prepend(element('span', { class: 'muted' }, 'Crisis messages: '));
  if (found.length === 0) {
    byId('emotions').replaceChildren(element('p', { class: 'empty' }, 'No message was read for emotion in the last 24 hours.'));
    return;
  }
  const opened = byId('emotions').querySelector('details')?.open === true;
  const details = element('details', {}, element('summary', {}, 'The same as a table'),
    table('Messages by hour and emotion', ['Hour', ...found.map(({ name }) => name)],
      day.filter(({ messages }) => messages > 0).map((hour) => [hourOf(hour.at), ...found.map(({ name }) => count(hour.emotions[name] ?? 0))]), { numbers: true }));
  details.open = opened;
  byId('emotions').replaceChildren(
    chart(day, `Messages of the last 24 hours: ${found.map(({ name, messages }) => `${name} ${messages}`).join(', ')}`),
    element('ul', { class: 'key' }, ...found.map(({ name, messages }) => element('li', {}, element('i', { class: `emotion-${name}`, 'aria-hidden': 'true' }), `${name} `, element('span', { class: 'muted' }, count(messages))))),
    details);
}
