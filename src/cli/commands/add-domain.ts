/** add-domain N NAME: a domain of a phase, or another adapter for a known one. */
import type { CoreCommand } from '../context.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { existing } from '../paths.js';
import { defaultAdapterPath, domainJson } from '../phase-view.js';
import { domainName, phaseNumber } from '../../phases/settings.js';

const command: CoreCommand = {
  describe(command) {
    addDryRun(command
      .argument('<phase>', 'phase number')
      .argument('<name>', 'domain: a-z, 0-9, _ and -')
      .option('--adapter-path <dir>', 'folder of the PEFT adapter (default: models/adapters/NAME)')
      .option('--text <file>', "unseen lines of the domain (.jsonl or text), to measure its loss with")
      .option('--calibration <file>', 'other lines of the domain, for build-phase --merge auto to choose by'))
      .addHelpText('after', examples('add-domain 1 health --adapter-path adapters/health', 'add-domain 1 health --adapter-path adapters/health --text data/health.jsonl --calibration data/health-calibration.jsonl'));
  },
  async run(context) {
    const phase = phaseNumber(argument(context.args, 0, 'phase'));
    const name = domainName(argument(context.args, 1, 'name'));
    const typedPath = textOption(context.options, 'adapterPath');
    const path = typedPath === undefined ? defaultAdapterPath(context, name) : await existing(context.path(typedPath), 'folder');
    const file = async (typed: string | undefined) => (typed === undefined ? undefined : existing(context.path(typed), 'file'));
    const [text, calibration] = [await file(textOption(context.options, 'text')), await file(textOption(context.options, 'calibration'))];
    const registry = await context.registry('write');
    const { domain, created } = registry.domains.add(phase, { name, path, ...(text !== undefined && { text }), ...(calibration !== undefined && { calibration }) });
    const done = created ? 'added' : 'updated';
    return {
      json: { phase, ...domainJson(domain), created, dryRun: context.dryRun },
      text: `${context.dryRun ? `would have ${done}` : done} domain ${name} of phase ${phase}: ${domain.status}, adapter ${domain.path}`,
    };
  },
};

export default command;
