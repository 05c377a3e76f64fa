/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const moment = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** @param {number} value */
export const count = (value) => whole.format(value);
/** One decimal below 10. @param {number} value */
export const figure = (value) => (value < 10 ? tenth : whole).format(value);
/** @param {number} share 0..1 */
export const percent = (share) => percents.format(share);
/** @param {string} iso */
export const when = (iso) => moment.format(new Date(iso));

/** @param {number} ms @returns {readonly [value: string, unit: string]} */
export const duration = (ms) => (ms < 1000 ? [figure(ms), 'ms'] : [tenth.format(ms / 1000), 's']);

/** @param {number} bytes */
export const size = (bytes) => (bytes < 1e6 ? `${figure(bytes / 1e3)} kB` : bytes < 1e9 ? `${figure(bytes / 1e6)} MB` : `${tenth.format(bytes / 1e9)} GB`);

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`;
