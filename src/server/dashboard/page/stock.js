/** What is there: phases with their domains, releases, models. */
import { ApiError, getJson } from './api.js';
import { byId, element } from './dom.js';
import { count, percent, plural, size, when } from './format.js';
import { table } from './table.js';

/** @import { Phases, Releases, Served } from './api-types.js' */
/** @typedef {Phases['phases'][number]} Phase */

/** How a status looks; its word is always there too. @type {Readonly<Record<string, string>>} */
const TONES = { deployed: 'good', complete: 'good', current: 'good', failed: 'danger' };
/** @param {string} status */
const tag = (status) => element('span', { class: `tag ${TONES[status] ?? ''}` }, status);
/** @param {string} text */
const empty = (text) => element('p', { class: 'empty' }, text);
/** @param {readonly string[]} names */
const listed = (names) => (names.length === 0 ? 'all' : names.join(', '));

/** @param {Phase} phase */
function phaseItem({ phase, status, current, quantization, compressionType, domains, build, releases }) {
  const built = build === null ? 'not built yet' : `build ${build.id}${build.bytes === null ? '' : `, ${size(build.bytes)}`}`;
  const release = releases.find((one) => one.status === 'current');
  return element('li', {},
    element('div', { class: 'heading' }, element('h3', {}, `Phase ${phase}`, current && element('span', { class: 'muted' }, ' current')), tag(status)),
    element('p', { class: 'muted small' }, [quantization, compressionType, built, ...(release === undefined ? [] : [release.id])].join(' · ')),
    domains.length === 0 ? empty('No domains yet.') : element('ul', { class: 'domains', 'aria-label': `Domains of phase ${phase}` }, ...domains.map(({ name, status: state, quality }) =>
      element('li', {}, element('span', { class: 'name' }, name), quality !== null && element('span', { class: 'muted' }, `quality ${percent(quality)}`), tag(state)))));
}

/** @param {Phases} answer */
const phasesShown = ({ phases }) => (phases.length === 0 ? empty('The state folder of this server has no phases.') : element('ul', { class: 'phase-list' }, ...phases.map(phaseItem)));

/** @param {Releases} answer */
const releasesShown = ({ releases }) => (releases.length === 0 ? empty('One file is served; a deployment target would list its releases here.') : table('Table of releases', ['Release', 'Phase', 'Domains', 'Size', 'Deployed', 'State'], releases.map(({ id, phase, domains, bytes, createdAt, current, primary }) => [
  element('code', {}, id), count(phase), listed(domains), size(bytes), when(createdAt), tag(primary ? 'current' : current ? 'current for its domains' : 'kept'),
])));

/** @param {Served} served */
function modelsShown({ models, files }) {
  const waiting = files.filter(({ role, name }) => role === 'model' && !models.some((model) => model.name === name));
  const rows = [
    ...models.map(({ name, description, bytes, slots, contextSize, stats }) => [name, description, size(bytes), `${slots} × ${count(contextSize)}`, count(stats.completionTokens), tag('loaded')]),
    ...waiting.map(({ name }) => [name, '', '', '', '', tag('on demand')]),
  ];
  const adapters = files.filter(({ role }) => role === 'adapter').length;
  return element('div', {}, table('Table of models', ['File', 'Model', 'Size', 'Slots × context', 'Tokens', 'State'], rows),
    adapters > 0 && element('p', { class: 'muted small' }, `${plural(adapters, 'adapter')} answer with them.`));
}

/**
 * @template T
 * @param {string} id
 * @param {Promise<T>} asked
 * @param {(answer: T) => HTMLElement} shown
 */
async function show(id, asked, shown) {
  try {
    byId(id).replaceChildren(shown(await asked));
  } catch (error) {
    // Without a connection what was shown stays; the status line says so.
    if (error instanceof ApiError) byId(id).replaceChildren(element('p', { class: 'problem' }, error.message));
  }
}

/** Asks for everything anew. @param {(served: Served) => void} onServed */
export async function showStock(onServed) {
  const served = /** @type {Promise<Served>} */ (getJson('api/served'));
  await Promise.all([
    show('models', served, (answer) => {
      byId('release').textContent = answer.release ?? answer.files[0]?.name ?? '';
      onServed(answer);
      return modelsShown(answer);
    }),
    show('phases', /** @type {Promise<Phases>} */ (getJson('api/phases')), phasesShown),
    show('releases', /** @type {Promise<Releases>} */ (getJson('api/releases')), releasesShown),
  ]);
}
