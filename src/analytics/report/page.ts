/** A pool task: the figures as one HTML page, without scripts and without anything from elsewhere. */
import { draw, escapeHtml as e, facts, figure, htmlPage, htmlTable, megabytes, percent, significant } from '../../page/index.js';
import type { PoolTask } from '../../workers/index.js';
import type { Analytics, LogEntry } from '../types.js';
import { figureCharts, qualityChart, statedChart } from './charts.js';

const when = (at: string): string => at.slice(0, 19).replace('T', ' ');
const share = (value: number | null): string => (value === null ? '–' : percent(value));
const counts = (byStatus: Readonly<Record<string, number | undefined>>): string => Object.entries(byStatus).map(([status, count]) => `${count} ${status}`).join(', ') || 'none';
const figures = (value: number | null, unit = ''): string => (value === null ? '–' : `${significant(value)}${unit}`);

/** What an event was about, in words. */
const about = ({ phase, domain, build, release }: LogEntry): string =>
  [phase === null ? '' : `phase ${phase}`, domain === null ? '' : `domain ${domain}`, build === null ? '' : `build ${build}`, release === null ? '' : `release ${release}`].filter((part) => part !== '').join(', ');

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
const detailOf = ({ detail }: LogEntry): string => Object.entries(detail ?? {}).filter(([, value]) => typeof value === 'string' || isTexts(value)).map(([name, value]) => `${name}: ${isTexts(value) ? value.join(', ') : String(value)}`).join('; ').slice(0, 300);

function summary({ phases, domains, errors }: Analytics): string {
  const open = errors.filter(({ resolved }) => resolved === null).length;
  return `${phases.byStatus.deployed ?? 0} of ${phases.total} phases are deployed, ${domains.byStatus.complete ?? 0} of ${domains.total} domains are complete. ${errors.length === 0 ? 'Nothing failed.' : `${errors.length} ${errors.length === 1 ? 'failure' : 'failures'}, ${open === 0 ? 'resolved' : `${open} open`}.`}`;
}

const section = (id: string, title: string, said: string, body: string): string => (body === '' ? '' : `<section aria-labelledby="${id}">
<h2 id="${id}">${e(title)}</h2>
<p class="muted">${e(said)}</p>
${body}
</section>`);

const releasesTable = ({ releases }: Analytics): string => (releases.length === 0 ? '' : htmlTable('Releases', ['release', 'when', 'target', 'layout', 'labels', 'size', 'copied', 'time', 'switch', 'load', 'first token'], releases.map((one) => [
  one.release, when(one.at), one.target, one.layout, Object.entries(one.labels).map(([name, value]) => `${name}=${value}`).join(' '), one.bytes === null ? '–' : megabytes(one.bytes), one.copiedBytes === null ? '–' : megabytes(one.copiedBytes),
  figures(one.seconds, ' s'), figures(one.switchMs, ' ms'), figures(one.loadMs, ' ms'), figures(one.firstTokenMs, ' ms'),
])));

const log = (label: string, entries: readonly LogEntry[]): string => (entries.length === 0 ? '' : htmlTable(label, ['when (UTC)', 'what', 'of', 'from', 'to', 'more'], [...entries].reverse().map((one) => [when(one.at), one.kind, about(one), one.from ?? '', one.to ?? '', detailOf(one)]), 'text'));

const errorsTable = ({ errors }: Analytics): string => (errors.length === 0 ? '' : htmlTable('Errors', ['when (UTC)', 'what', 'phase', 'error', 'way out', 'resolved'], [...errors].reverse().map((one) => [
  when(one.at), one.what, String(one.phase ?? ''), one.message, one.hint ?? '', one.resolved === null ? 'open' : `by ${one.resolved.by}, ${when(one.resolved.at)}`,
]), 'text'));

const page: PoolTask<Analytics, string> = async (analytics) => {
  const { phases, domains } = analytics;
  const quality = qualityChart(analytics);
  const stated = statedChart(analytics);
  const small = figureCharts(analytics);
  const wide = [quality, stated].filter((drawing) => drawing !== null);
  const svgs = await draw([...wide, ...small]);
  const wideFigures = wide.map((drawing, index) => figure(svgs[index] ?? '', drawing === quality
    ? 'On the unseen lines of each domain, as build-phase measures them; lower is better.' : 'As update-domain --quality stated it, in the order in which it was said.')).join('\n');
  const title = 'Phases: what was built, deployed and how it went';
  return htmlPage(title, `<header>
<h1>${e(title)}</h1>
<p class="lead">${e(summary(analytics))}</p>
${facts([
    ['phases', counts(phases.byStatus)], ['phase completion rate', share(phases.completionRate)],
    ['domains', counts(domains.byStatus)], ['domain success rate', share(domains.successRate)],
    ['builds', `${analytics.builds.length}; ${share(analytics.buildSuccessRate)} succeeded`], ['as of', `${when(analytics.at)} UTC`],
  ])}
</header>
${section('quality', 'Quality over time', 'What was measured in builds, and what was stated of domains.', wideFigures)}
${section('figures', 'Size, time and response', 'Good builds and releases in the order in which they happened.', small.length === 0 ? '' : `<div class="multiples">${small.map(({ title: caption }, index) => `<figure><figcaption><strong>${e(caption)}</strong></figcaption>${svgs[wide.length + index] ?? ''}</figure>`).join('\n')}</div>`)}
${section('releases', 'Releases', 'With their labels, and what deploying them took.', releasesTable(analytics))}
${section('deployments', 'Deployment log', 'The newest first.', log('Deployment log', analytics.deployments))}
${section('errors', 'Errors and what ended them', 'The newest first.', errorsTable(analytics))}
${section('transitions', 'Transitions', 'Every change of a status, the newest first.', log('Transitions', analytics.transitions))}
<footer>Made by tara-gguf from its registry.</footer>`);
};

export default page;
