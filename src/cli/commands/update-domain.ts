/** update-domain NAME: what training said about a domain. */
import type { CoreCommand } from '../context.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { domainJson } from '../phase-view.js';
import { TaraError } from '../../errors.js';
import { DOMAIN_STATUSES } from '../../phases/lifecycle.js';
import { domainName, domainStatus, fraction, metricsObject, phaseNumber } from '../../phases/settings.js';

const command: CoreCommand = {
  describe(command) {
    addDryRun(command
      .argument('<name>', 'domain')
      .option('--status <status>', DOMAIN_STATUSES.join(', '))
      .option('--quality <number>', 'quality of the training, 0 to 1')
      .option('--metrics <json>', 'a JSON object of figures to keep')
      .option('--phase <number>', 'the phase, where several have the domain (default: the latest not deployed)'))
      .addHelpText('after', examples('update-domain health --status training', `update-domain health --status complete --quality 0.93 --metrics '{"loss": 1.42}'`));
  },
  async run(context) {
    const name = domainName(argument(context.args, 0, 'name'));
    const status = textOption(context.options, 'status');
    const quality = textOption(context.options, 'quality');
    const metrics = textOption(context.options, 'metrics');
    const typedPhase = textOption(context.options, 'phase');
    if (status === undefined && quality === undefined && metrics === undefined) {
      throw new TaraError('TARA_USAGE', { reason: 'update-domain needs --status, --quality or --metrics' });
    }
    const change = {
      ...(status !== undefined && { status: domainStatus(status) }),
      ...(quality !== undefined && { quality: fraction('--quality', quality) }),
      ...(metrics !== undefined && { metrics: metricsObject('--metrics', metrics) }),
    };
    const wanted = typedPhase === undefined ? undefined : phaseNumber(typedPhase);
    const registry = await context.registry('write');
    return registry.transaction(() => {
      const phase = wanted ?? registry.domains.phaseOf(name);
      const domain = registry.domains.update(phase, name, change);
      return {
        json: { phase, ...domainJson(domain), dryRun: context.dryRun },
        text: `${context.dryRun ? 'would be' : 'now'}: domain ${name} of phase ${phase} ${domain.status}${domain.quality === null ? '' : `, quality ${domain.quality}`}`,
      };
    });
  },
};

export default command;
