/** releases: what a deployment target holds, newest first; with --prune, less of it. */
import { resolve } from 'node:path';
import { registryAccess } from 'tara-gguf';
import { deployer, type CommandModule } from 'tara-gguf/plugin';
import { followTarget } from '../record.js';
import { keepOf, needTarget } from './options.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('[target]', 'deployment target')
      .option('--target <dir>', 'the same')
      .option('--prune', 'remove old releases that nothing uses')
      .option('--keep <n>', 'with --prune: releases of each phase to keep (default: 5)')
      .option('--dry-run', 'with --prune: say what would be removed; write nothing')
      .addHelpText('after', '\nA release that a pointer names, that a rollback goes back to, or of which some process has a file open is never removed.\n\nExamples:\n  $ tara-gguf releases deploy/phase-1\n  $ tara-gguf releases --target /srv/tara --json\n  $ tara-gguf releases /srv/tara --prune --keep 2');
  },
  async run({ args: [positional], options, use }) {
    const target = resolve(needTarget(positional, options));
    const keep = keepOf(options);
    const dryRun = options.dryRun === true;
    const removed = options.prune === true ? await use(deployer).prune(target, { keep, dryRun }) : [];
    const releases = await use(deployer).releases(target);
    if (removed.length > 0 && !dryRun) await followTarget(use(registryAccess), target, releases);
    const lines = releases.map(({ id, phase, createdAt, files, labels, current }) =>
      [`${current ? '*' : ' '} ${id}`, `phase ${phase}`, createdAt, `${files.reduce((sum, { bytes }) => sum + bytes, 0)} bytes`, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)].join('  '));
    const gone = removed.map((id) => `${dryRun ? 'would remove' : 'removed'} ${id}`);
    return { json: { target, releases, ...(options.prune === true && { removed, dryRun }) }, text: [...gone, ...(lines.length === 0 ? [`no releases in ${target}`] : lines)].join('\n') };
  },
};

export default command;
