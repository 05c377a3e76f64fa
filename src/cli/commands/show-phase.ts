/** show-phase N: everything the registry knows of a phase. */
import type { CoreCommand } from '../context.js';
import { formatBytes, formatSeconds, printable } from '../format.js';
import { argument, examples, flagOption } from '../options.js';
import { buildJson, phaseJson, releaseJson } from '../phase-view.js';
import { buildTables } from '../build-tables.js';
import { facts, table } from '../table.js';
import { phaseNumber } from '../../phases/settings.js';

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<phase>', 'phase number')
      .option('--events', 'every transition too')
      .addHelpText('after', examples('show-phase 1', 'show-phase 1 --events --json'));
  },
  async run(context) {
    const number = phaseNumber(argument(context.args, 0, 'phase'));
    const registry = await context.registry('read');
    const phase = phaseJson(registry, number);
    const builds = registry.builds.list(number).map(buildJson);
    const good = registry.builds.lastGood(number);
    const releases = registry.releases.list({ phase: number }).map(releaseJson);
    const events = flagOption(context.options, 'events') ? registry.events({ phase: number }) : undefined;
    const { settings } = phase;
    const parts = [
      facts([
        ['phase', `${number}${phase.current ? ' (current)' : ''}`],
        ['status', phase.status],
        ...(phase.reason === null ? [] : [['reason', printable(phase.reason)] as const]),
        ['quantization', settings.quantization],
        ['compression', settings.compressionType],
        ['layout', settings.layout === 'merged' ? `merged (${settings.merge})` : settings.layout],
        ['target size', settings.targetSize === null ? '-' : formatBytes(settings.targetSize)],
        ['quality threshold', settings.qualityThreshold === null ? '-' : String(settings.qualityThreshold)],
        ['speed priority', settings.speedPriority ? 'on' : 'off'],
        ['base', printable(settings.base ?? "the adapters' own, or TARA_BASE")],
      ]),
      table([
        { title: 'DOMAIN', value: (domain) => domain.name },
        { title: 'STATUS', value: (domain) => domain.status },
        { title: 'QUALITY', value: (domain) => (domain.quality === null ? '-' : String(domain.quality)), align: 'right' },
        { title: 'ADAPTER', value: (domain) => printable(domain.path) },
      ], phase.domains),
      ...(builds.length === 0 ? [] : [table([
        { title: 'BUILD', value: (build) => String(build.id), align: 'right' },
        { title: 'STATUS', value: (build) => (build.cleaned ? `${build.status}, removed` : build.status) },
        { title: 'TYPE', value: (build) => build.quantization },
        { title: 'LAYOUT', value: (build) => build.layout },
        { title: 'SIZE', value: (build) => (build.bytes === null ? '-' : formatBytes(build.bytes)), align: 'right' },
        { title: 'TIME', value: (build) => (build.seconds === null ? '-' : formatSeconds(build.seconds)), align: 'right' },
        { title: '', value: (build) => printable(build.reason ?? build.output ?? '') },
      ], builds)]),
      ...(good === undefined ? [] : buildTables(good.files, good.quality, ` OF BUILD ${good.id}`)),
      ...(releases.length === 0 ? [] : [table([
        { title: 'RELEASE', value: (release) => printable(release.id) },
        { title: 'STATUS', value: (release) => release.status },
        { title: 'BUILD', value: (release) => String(release.build), align: 'right' },
        { title: 'TARGET', value: (release) => printable(release.target) },
      ], releases)]),
      ...(events === undefined ? [] : [table([
        { title: 'TIME', value: (event) => event.at },
        { title: 'EVENT', value: (event) => event.kind },
        { title: 'OF', value: (event) => event.domain ?? event.release ?? (event.build === null ? '' : `build ${event.build}`) },
        { title: 'CHANGE', value: (event) => (event.to === null ? '' : event.from === null ? event.to : `${event.from} -> ${event.to}`) },
      ], events)]),
    ];
    return { json: { ...phase, builds, releases, ...(events && { events }) }, text: parts.join('\n\n') };
  },
};

export default command;
