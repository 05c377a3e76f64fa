/** rollback: makes an older release of a target current again. */
import { resolve } from 'node:path';
import { registryAccess } from 'tara-gguf';
import { deployer, type CommandModule } from 'tara-gguf/plugin';
import { needTarget } from './target-option.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('[target]', 'deployment target')
      .option('--target <dir>', 'the same')
      .option('--to <id>', 'the release to go to (default: the one before the current)')
      .option('--dry-run', 'say which release would become current; write nothing')
      .addHelpText('after', '\nThe release is verified before it becomes current.\n\nExamples:\n  $ tara-gguf rollback deploy/phase-1\n  $ tara-gguf rollback deploy/phase-1 --to 1-2-0a1b2c3d');
  },
  async run({ args: [positional], options, use }) {
    const target = resolve(needTarget(positional, options));
    const to = typeof options.to === 'string' ? options.to : undefined;
    if (options.dryRun === true) {
      const releases = await use(deployer).releases(target);
      const ids = releases.map(({ id }) => id);
      return { json: { target, to: to ?? null, current: releases.find(({ current }) => current)?.id ?? null, releases: ids }, text: `would go to ${to ?? 'the release before the current one'} in ${target}` };
    }
    const done = await use(deployer).rollback(target, to);
    // A target that another state folder deployed to is unknown here; its own journal is the truth.
    await use(registryAccess).with('read', (open) => open.releases.find(done.current) !== undefined)
      .then(async (known) => known && use(registryAccess).with('write', (open) => open.releases.makeCurrent(done.current)));
    return { json: { target, ...done }, text: `release ${done.current} is current in ${target}${done.previous === null ? '' : `; before it was ${done.previous}`}` };
  },
};

export default command;
