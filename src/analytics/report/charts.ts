/** The charts of the report, as echarts options. Builds and releases stand in the order in which they happened. */
import { AXIS, fitted, MUTED, significant, TEXT, type Drawing } from '../../page/index.js';
import type { Analytics, BuildFigures } from '../types.js';

const WIDTH = 1040;
const PARTS = 5;

interface Point {
  readonly name: string;
  readonly value: number | null;
}

interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Lines over the same steps, one colour each; what has no value leaves a gap. */
function lines(label: string, unit: string, steps: readonly string[], all: readonly Line[], range: object = { scale: true }): Drawing {
  const told = all.map(({ name, points }) => `${name}: ${points.filter(({ value }) => value !== null).map((point) => `${point.name} ${significant(point.value ?? 0)}`).join(', ')}`);
  return {
    width: WIDTH, height: 320, label: `${label}. ${told.join('; ')}.`,
    option: {
      grid: fitted(44, 40),
      legend: { top: 0, left: 'center', textStyle: TEXT, itemGap: 24, data: all.map(({ name }) => name) },
      xAxis: { ...AXIS, type: 'category', data: [...steps], splitLine: { show: false } },
      yAxis: { ...AXIS, type: 'value', ...range, name: unit, nameLocation: 'middle', nameGap: 52, axisLabel: { ...MUTED, formatter: (value: number) => significant(value) } },
      series: all.map(({ name, points }, index) => ({
        type: 'line', name, symbol: 'circle', symbolSize: 8, color: `var(--part${index % PARTS})`, lineStyle: { color: `var(--part${index % PARTS})`, width: 2 }, itemStyle: { color: `var(--part${index % PARTS})` },
        data: steps.map((step) => points.find((point) => point.name === step)?.value ?? null), connectNulls: true,
      })),
    },
  };
}

/** Bars, one for each step. */
function bars(label: string, unit: string, points: readonly Point[]): Drawing {
  return {
    width: WIDTH / 2 - 14, height: 260, label: `${label}. ${points.map(({ name, value }) => `${name} ${significant(value ?? Number.NaN)}`).join(', ')}.`,
    option: {
      grid: fitted(24, 20),
      xAxis: { ...AXIS, type: 'category', data: points.map(({ name }) => name), splitLine: { show: false }, axisLabel: { ...MUTED, hideOverlap: true } },
      yAxis: { ...AXIS, type: 'value', name: unit, nameLocation: 'middle', nameGap: 48, axisLabel: { ...MUTED, formatter: (value: number) => significant(value) } },
      series: [{
        type: 'bar', barMaxWidth: 42, color: 'var(--standard)', itemStyle: { color: 'var(--standard)', borderRadius: [3, 3, 0, 0] }, data: points.map(({ value }) => value ?? 0),
        label: { show: points.length <= 12, position: 'top', ...MUTED, formatter: ({ value }: { readonly value: number }) => significant(value) },
      }],
    },
  };
}

const buildName = ({ phase, build }: Pick<BuildFigures, 'phase' | 'build'>): string => `phase ${phase}, build ${build}`;

/** Losses of every domain over the builds that were measured; null where none was. */
export function qualityChart({ quality }: Analytics): Drawing | null {
  if (quality.length === 0) return null;
  const domains = [...new Set(quality.map(({ domain }) => domain))].sort();
  const steps = [...new Set(quality.map(buildName))];
  return lines('Mean token loss of each domain, build after build', 'loss, nats a token', steps, domains.map((domain) => ({
    name: domain, points: quality.filter((one) => one.domain === domain).map((one) => ({ name: buildName(one), value: one.loss })),
  })));
}

/** Stated qualities over time; null where nobody stated any. */
export function statedChart({ stated }: Analytics): Drawing | null {
  if (stated.length === 0) return null;
  const steps = stated.map(({ at }, index) => `${index + 1}. ${at.slice(0, 10)}`);
  const domains = [...new Set(stated.map(({ domain }) => domain))].sort();
  return lines('Quality that was stated of each domain', 'quality, 0 to 1', steps, domains.map((domain) => ({
    name: domain, points: stated.flatMap((one, index) => (one.domain === domain ? [{ name: steps[index] ?? '', value: one.quality }] : [])),
  })), { min: 0, max: 1 });
}

export interface Titled extends Drawing {
  readonly title: string;
}

const titled = (title: string, unit: string, points: readonly Point[]): Titled[] => (points.some(({ value }) => value !== null) ? [{ title, ...bars(title, unit, points) }] : []);

/** Small charts side by side: builds, then releases. */
export function figureCharts({ builds, releases }: Analytics): Titled[] {
  const good = builds.filter(({ status }) => status === 'good');
  const ofBuilds = (value: (build: BuildFigures) => number | null): Point[] => good.map((build) => ({ name: `build ${build.build}`, value: value(build) }));
  const ofReleases = (value: (release: Analytics['releases'][number]) => number | null): Point[] => releases.map((release) => ({ name: release.release, value: value(release) }));
  return [
    ...titled('Size of builds, MB', 'MB', ofBuilds(({ bytes }) => (bytes === null ? null : bytes / 1e6))),
    ...titled("Bytes of builds for each byte of their base", 'ratio', ofBuilds(({ ratio }) => ratio)),
    ...titled('Time of builds, seconds', 's', ofBuilds(({ seconds }) => seconds)),
    ...titled('Time of deployments, seconds', 's', ofReleases(({ seconds }) => seconds)),
    ...titled('Loading a deployed model, milliseconds', 'ms', ofReleases(({ loadMs }) => loadMs)),
    ...titled('First token of a deployed model, milliseconds', 'ms', ofReleases(({ firstTokenMs }) => firstTokenMs)),
  ];
}
