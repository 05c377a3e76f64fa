/** metrics: rates, sizes, times and qualities of phases, as a table, JSON or Prometheus text. */
import { analyze, prometheusText, type Analytics } from '../../analytics/index.js';
import { phaseNumber } from '../../phases/settings.js';
import type { CoreCommand } from '../context.js';
import { formatBytes, formatSeconds, printable } from '../format.js';
import { examples, flagOption } from '../options.js';
import { facts, table } from '../table.js';

const share = (value: number | null): string => (value === null ? '-' : `${(value * 100).toFixed(1)} %`);
const figure = (value: number | null, digits: number, unit = ''): string => (value === null ? '-' : `${value.toFixed(digits)}${unit}`);
const counts = (byStatus: Readonly<Record<string, number | undefined>>): string => Object.entries(byStatus).map(([status, count]) => `${count} ${status}`).join(', ') || 'none';

function tables({ phases, domains, buildSuccessRate, builds, quality, releases, errors }: Analytics): string {
  const parts = [
    facts([
      ['phases', counts(phases.byStatus)], ['phase completion rate', share(phases.completionRate)],
      ['domains', counts(domains.byStatus)], ['domain success rate', share(domains.successRate)],
      ['build success rate', share(buildSuccessRate)], ['errors', `${errors.length}, ${errors.filter(({ resolved }) => resolved === null).length} open`],
    ]),
    ...(builds.length === 0 ? [] : [table([
      { title: 'PHASE', value: ({ phase }) => String(phase), align: 'right' }, { title: 'BUILD', value: ({ build }) => String(build), align: 'right' },
      { title: 'STATUS', value: ({ status }) => status }, { title: 'TYPE', value: ({ quantization }) => quantization },
      { title: 'SIZE', value: ({ bytes }) => (bytes === null ? '-' : formatBytes(bytes)), align: 'right' },
      { title: 'RATIO', value: ({ ratio }) => figure(ratio, 3), align: 'right' },
      { title: 'TIME', value: ({ seconds }) => (seconds === null ? '-' : formatSeconds(seconds)), align: 'right' },
    ], builds)]),
    ...(quality.length === 0 ? [] : [table([
      { title: 'BUILD', value: ({ build }) => String(build), align: 'right' }, { title: 'DOMAIN', value: ({ domain }) => domain },
      { title: 'LOSS', value: ({ loss }) => figure(loss, 3), align: 'right' }, { title: 'BASE', value: ({ base }) => figure(base, 3), align: 'right' },
    ], quality)]),
    ...(releases.length === 0 ? [] : [table([
      { title: 'RELEASE', value: ({ release }) => release }, { title: 'TARGET', value: ({ target }) => printable(target) },
      { title: 'DEPLOYED IN', value: ({ seconds }) => (seconds === null ? '-' : formatSeconds(seconds)), align: 'right' },
      { title: 'SWITCH', value: ({ switchMs }) => figure(switchMs, 1, ' ms'), align: 'right' },
      { title: 'LOAD', value: ({ loadMs }) => figure(loadMs, 0, ' ms'), align: 'right' },
      { title: 'FIRST TOKEN', value: ({ firstTokenMs }) => figure(firstTokenMs, 0, ' ms'), align: 'right' },
      { title: 'LABELS', value: ({ labels }) => printable(Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ')) },
    ], releases)]),
  ];
  return parts.join('\n\n');
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('[phase]', 'number of a phase (default: all)')
      .option('--prometheus', 'print Prometheus text')
      .addHelpText('after', examples('metrics', 'metrics 1 --json', 'metrics --prometheus > /var/lib/node_exporter/tara.prom'));
  },
  async run(context) {
    const typed = context.args[0];
    const analytics = analyze(await context.registry('read'), { phase: typed === undefined ? undefined : phaseNumber(typed) });
    return { json: analytics, text: flagOption(context.options, 'prometheus') ? (await prometheusText(analytics)).trimEnd() : tables(analytics) };
  },
};

export default command;
