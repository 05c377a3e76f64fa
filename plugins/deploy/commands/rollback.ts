/** rollback: makes an older state of a target current again. */
import { resolve } from 'node:path';
import { registryAccess } from 'tara-gguf';
import { deployer, type CommandModule } from 'tara-gguf/plugin';
import { followTarget } from '../record.js';
import { needTarget, textOf } from './options.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('[target]', 'deployment target')
      .option('--target <dir>', 'the same')
      .option('--to <id>', 'the release to go to, or none: as before the first deployment (default: the state before the last switch)')
      .option('--key <file>', 'go only to releases that this public key signed')
      .option('--dry-run', 'say which release would become current; write nothing')
      .addHelpText('after', '\nThe release is verified before it becomes current. Files of a layout become what they were, to the byte, where nobody\nchanged them since.\n\nExamples:\n  $ tara-gguf rollback deploy/phase-1\n  $ tara-gguf rollback deploy/phase-1 --to 1-2-0a1b2c3d\n  $ tara-gguf rollback ../meetara-core --to none');
  },
  async run({ args: [positional], options, use, signal }) {
    const target = resolve(needTarget(positional, options));
    const to = textOf(options, 'to');
    const key = textOf(options, 'key');
    if (options.dryRun === true) {
      const releases = await use(deployer).releases(target);
      const ids = releases.map(({ id }) => id);
      return { json: { target, to: to ?? null, current: releases.find(({ primary }) => primary)?.id ?? null, releases: ids }, text: `would go to ${to ?? 'the state before the last switch'} in ${target}` };
    }
    const done = await use(deployer).rollback(target, to, { signal, ...(key !== undefined && { key: resolve(key) }) });
    await followTarget(use(registryAccess), target, await use(deployer).releases(target));
    const now = done.current === null ? `nothing is deployed in ${target} any more` : `release ${done.current} is current in ${target}`;
    return { json: { target, ...done }, text: [...done.repaired.map((what) => `repaired: ${what}`), `${now}${done.previous === null ? '' : `; before it was ${done.previous}`}`].join('\n') };
  },
};

export default command;
