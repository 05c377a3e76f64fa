/** route-history list|export|erase: what the router remembers of users. */

import { router, TaraError, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import type { RouterService } from '../service.js';

const ACTIONS = ['list', 'export', 'erase'] as const;

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('<action>', ACTIONS.join(', '))
      .argument('[user]', 'the user, as given to --user')
      .option('--dry-run', 'erase nothing, only say whether there is something')
      .addHelpText('after', '\nExamples:\n  tara-gguf route-history list\n  tara-gguf route-history export alice --json\n  tara-gguf route-history erase alice');
  },
  async run(context): Promise<CommandResult> {
    const [action, user] = context.args;
    const service = context.use(router) as Partial<RouterService>;
    if (service.histories === undefined) throw new TaraError('TARA_USAGE', { reason: 'another plugin is the router here, and keeps its own history' });
    if (action === 'list') {
      const users = await service.histories.users();
      return { json: { users }, text: users.join('\n') };
    }
    if (action !== 'export' && action !== 'erase') throw new TaraError('TARA_USAGE', { reason: `route-history takes one of: ${ACTIONS.join(', ')}` });
    if (user === undefined) throw new TaraError('TARA_USAGE', { reason: 'name the user' });
    const history = (await service.histories.of(user)) ?? null;
    if (action === 'export') return { json: { user, history }, text: history === null ? `nothing is remembered of ${user}` : JSON.stringify(history, null, 2) };
    const dry = context.options.dryRun === true;
    const erased = dry ? history !== null : await service.histories.erase(user);
    return { json: { user, erased }, text: erased ? `what was remembered of ${user} is ${dry ? 'still there' : 'gone'}` : `nothing is remembered of ${user}` };
  },
};

export default command;
