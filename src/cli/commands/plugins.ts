/** plugins: which plugins are here, what they provide and why one failed. */
import type { CoreCommand } from '../context.js';
import { examples } from '../options.js';
import { table } from '../table.js';

const command: CoreCommand = {
  describe(command) {
    command.addHelpText('after', examples('plugins', 'plugins --json'));
  },
  async run(context) {
    const host = await context.plugins();
    const plugins = host.plugins().map(({ error, ...plugin }) => ({ ...plugin, error: error ? { code: error.code, message: error.message } : null }));
    const problems = host.problems().map(({ code, message }) => ({ code, message }));
    const list = table([
      { title: 'plugin', value: ({ name }) => name },
      { title: 'version', value: ({ version }) => version ?? '' },
      { title: 'state', value: ({ state }) => state },
      { title: 'provides', value: ({ provides }) => provides.join(', ') },
      { title: 'commands', value: ({ commands }) => commands.join(', ') },
      { title: 'hooks', value: ({ hooks }) => hooks.join(', ') },
      { title: 'error', value: ({ error }) => (error ? `${error.code}: ${error.message}` : '') },
    ], plugins);
    return { json: { plugins, problems }, text: [list, ...problems.map(({ code, message }) => `${code}: ${message}`)].join('\n') };
  },
};

export default command;
