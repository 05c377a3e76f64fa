/** Reads the figures out of a registry. */
import type { Build, Metrics, Registry, RegistryEvent } from '../phases/index.js';
import type { Analytics, BuildFigures, LogEntry, LoggedError, QualityFigures, ReleaseFigures, StatedQuality } from './types.js';

const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const object = (value: unknown): Metrics => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Metrics : {});

function count<Status extends string>(all: readonly { readonly status: Status }[]): Partial<Record<Status, number>> {
  const counts: Partial<Record<Status, number>> = {};
  for (const { status } of all) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const rate = (good: number, all: number): number | null => (all === 0 ? null : good / all);

const buildFigures = ({ id, phase, status, quantization, compressionType, bytes, ratio, seconds, peakRssBytes, finishedAt, startedAt }: Build): BuildFigures =>
  ({ at: finishedAt ?? startedAt, phase, build: id, status, quantization, compressionType, bytes, ratio, seconds, peakRssBytes });

function qualityFigures({ id, phase, quality, finishedAt, startedAt }: Build): QualityFigures[] {
  const { domainLoss, compared } = quality ?? {};
  return Object.entries(object(domainLoss)).flatMap(([domain, measured]) => {
    const loss = number(object(measured).meanLoss);
    return loss === null ? [] : [{ at: finishedAt ?? startedAt, phase, build: id, domain, loss, base: number(object(object(compared)[domain]).base) }];
  });
}

const largest = (values: readonly (number | null)[]): number | null => values.reduce<number | null>((most, value) => (value === null ? most : Math.max(most ?? value, value)), null);

function releaseFigures({ at, phase, release, detail }: RegistryEvent): ReleaseFigures {
  const info = detail ?? {};
  const smoke = (Array.isArray(info.smoke) ? info.smoke : []).map(object);
  const labels = Object.fromEntries(Object.entries(object(info.labels)).map(([name, value]) => [name, text(value)]));
  return {
    at, phase: phase ?? 0, release: release ?? '', target: text(info.target), layout: text(info.layout), labels,
    bytes: number(info.bytes), seconds: number(info.seconds), copiedBytes: number(info.copiedBytes), switchMs: number(info.switchMs),
    loadMs: largest(smoke.map(({ loadMs }) => number(loadMs))), firstTokenMs: largest(smoke.map(({ firstTokenMs }) => number(firstTokenMs))),
  };
}

const stated = (events: readonly RegistryEvent[]): StatedQuality[] => events.flatMap(({ at, kind, phase, domain, detail }) => {
  const quality = kind === 'domain.updated' ? number(detail?.quality) : null;
  return quality === null || domain === null ? [] : [{ at, phase: phase ?? 0, domain, quality }];
});

/** Failures, each with the next success of the same kind in its phase; events tell the order, whatever the clock did. */
function errors(events: readonly RegistryEvent[]): LoggedError[] {
  const after = (failed: RegistryEvent, kind: RegistryEvent['kind'], by: (event: RegistryEvent) => string) => {
    const next = events.find((event) => event.id > failed.id && event.kind === kind && event.phase === failed.phase);
    return next === undefined ? null : { at: next.at, by: by(next) };
  };
  return events.flatMap((event): LoggedError[] => {
    const { at, phase, kind, detail } = event;
    if (kind === 'build.failed') return [{ at, phase, what: 'build', message: text(detail?.reason), hint: null, resolved: after(event, 'build.good', ({ build }) => `build ${build}`) }];
    if (kind === 'deploy.failed') return [{ at, phase, what: 'deployment', message: `${text(detail?.code)}: ${text(detail?.message)}`, hint: text(detail?.hint), resolved: after(event, 'release.recorded', ({ release }) => `release ${release}`) }];
    return [];
  });
}

const DEPLOYMENTS: readonly RegistryEvent['kind'][] = ['release.recorded', 'release.current', 'release.retired', 'release.removed', 'deploy.failed', 'deploy.repaired', 'checklist.run', 'checklist.waived'];
const entry = ({ at, kind, phase, domain, build, release, from, to, detail }: RegistryEvent): LogEntry => ({ at, kind, phase, domain, build, release, from, to, detail });

/** Of one phase, or of all. */
export function analyze(registry: Registry, { phase, now = () => new Date() }: { readonly phase?: number | undefined; readonly now?: () => Date } = {}): Analytics {
  const phases = phase === undefined ? registry.phases.list() : [registry.phases.get(phase)];
  const domains = phases.flatMap(({ number: of }) => registry.domains.list(of));
  const builds = phases.flatMap(({ number: of }) => registry.builds.list(of)).sort((a, b) => a.id - b.id);
  const events = registry.events(phase === undefined ? {} : { phase });
  const ended = builds.filter(({ status }) => status !== 'running');
  const complete = domains.filter(({ status }) => status === 'complete').length;
  return {
    at: now().toISOString(),
    phases: { total: phases.length, byStatus: count(phases), completionRate: rate(phases.filter(({ status }) => status === 'deployed').length, phases.length) },
    domains: { total: domains.length, byStatus: count(domains), successRate: rate(complete, complete + domains.filter(({ status }) => status === 'failed').length) },
    buildSuccessRate: rate(ended.filter(({ status }) => status === 'good').length, ended.length),
    builds: builds.map(buildFigures),
    quality: builds.flatMap(qualityFigures),
    stated: stated(events),
    releases: events.filter(({ kind }) => kind === 'release.recorded').map(releaseFigures),
    transitions: events.filter(({ from, to }) => from !== null && to !== null && from !== to).map(entry),
    deployments: events.filter(({ kind }) => DEPLOYMENTS.includes(kind)).map(entry),
    errors: errors(events),
  };
}
