/** Which domains the messages went to. */
import { byId, element } from './dom.js';
import { count, percent } from './format.js';

/** @param {string} name */
const shown = (name) => (name === 'none' ? 'no domain fits' : name);

/** @param {Readonly<Record<string, number>>} domains */
export function showRouting(domains) {
  const rows = Object.entries(domains).sort(([, a], [, b]) => b - a);
  const all = rows.reduce((sum, [, messages]) => sum + messages, 0);
  if (all === 0) {
    byId('routing').replaceChildren(element('p', { class: 'empty' }, 'No message came through the model “auto” yet.'));
    return;
  }
  byId('routing').replaceChildren(element('ul', { class: 'shares' }, ...rows.map(([name, messages]) => {
    const bar = element('span', { class: 'filled' });
    bar.style.width = `${(100 * messages) / all}%`;
    return element('li', {},
      element('span', { class: 'name' }, shown(name)),
      element('span', { class: 'share' }, percent(messages / all), ' ', element('span', { class: 'muted' }, `(${count(messages)})`)),
      element('span', { class: 'bar', 'aria-hidden': 'true' }, bar));
  })));
}
