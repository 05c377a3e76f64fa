/** What the server answers, by the names that the page uses. */
export type { LiveSecond, LiveState } from '../../metrics/live.js';
export type { Phases } from '../../routes/api/phases.js';
export type { Releases } from '../../routes/api/releases.js';
export type { Served } from '../../routes/api/served.js';
