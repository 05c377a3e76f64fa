/** report: the life of phases as one HTML page with plots. */
import { analyze, writeAnalytics } from '../../analytics/index.js';
import { TaraError } from '../../errors.js';
import { phaseNumber } from '../../phases/settings.js';
import type { CoreCommand } from '../context.js';
import { addDryRun, examples, textOption } from '../options.js';

const command: CoreCommand = {
  describe(command) {
    addDryRun(command
      .argument('[phase]', 'number of a phase (default: all)')
      .option('--html <file>', 'where the page goes'))
      .addHelpText('after', examples('report --html report.html', 'report 1 --html phase-1.html'));
  },
  async run(context) {
    const file = textOption(context.options, 'html');
    if (file === undefined) throw new TaraError('TARA_USAGE', { reason: "name the page: '--html report.html'" });
    const [path, typed] = [context.path(file), context.args[0]];
    const analytics = analyze(await context.registry('read'), { phase: typed === undefined ? undefined : phaseNumber(typed) });
    if (!context.dryRun) await writeAnalytics(path, analytics, { signal: context.signal });
    return { json: { path, phases: analytics.phases, domains: analytics.domains, builds: analytics.builds.length, releases: analytics.releases.length, errors: analytics.errors.length, dryRun: context.dryRun }, text: `${context.dryRun ? 'would write' : 'wrote'} ${path}` };
  },
};

export default command;
