/** advance-phase [N]: from a deployed phase to the next number, made with the same settings where it does not exist. */
import type { CoreCommand } from '../context.js';
import { addDryRun, examples } from '../options.js';
import { phaseJson } from '../phase-view.js';
import { phaseNumber } from '../../phases/settings.js';

const command: CoreCommand = {
  describe(command) {
    addDryRun(command.argument('[phase]', 'the phase to go on from (default: the current one)'))
      .addHelpText('after', examples('advance-phase', 'advance-phase 1 --json'));
  },
  async run(context) {
    const typed = context.args[0];
    const number = typed === undefined ? undefined : phaseNumber(typed);
    const registry = await context.registry('write');
    return registry.transaction(() => {
      const { from, to, created } = registry.phases.advance(number);
      return {
        json: { from: from.number, to: to.number, created, phase: phaseJson(registry, to.number), dryRun: context.dryRun },
        text: `phase ${from.number} is deployed; ${context.dryRun ? 'the current phase would be' : 'the current phase is now'} ${to.number} (${created ? 'new, ' : ''}${to.status})`,
      };
    });
  },
};

export default command;
