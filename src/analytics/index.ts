/**
 * Analytics: what became of phases, domains, builds and releases, out of the registry's rows and events; as Prometheus text and
 * as a page. report/ makes the page. May import phases, page, workers and errors.
 */
export { analyze } from './figures.js';
export { prometheusText } from './prometheus.js';
export { writeAnalytics } from './report.js';
export type { Analytics, BuildFigures, LogEntry, LoggedError, QualityFigures, ReleaseFigures, StatedQuality } from './types.js';
