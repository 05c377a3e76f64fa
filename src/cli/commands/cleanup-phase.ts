/** cleanup-phase N: disk space back from failed and superseded builds. */
import type { CoreCommand } from '../context.js';
import { formatBytes, printable } from '../format.js';
import { addDryRun, argument, examples, flagOption } from '../options.js';
import { diskUse } from '../paths.js';
import { phaseNumber } from '../../phases/settings.js';

const command: CoreCommand = {
  describe(command) {
    addDryRun(command
      .argument('<phase>', 'phase number')
      .option('--all', 'the last good build and those of current releases too; deployed files stay'))
      .addHelpText('after', examples('cleanup-phase 1 --dry-run', 'cleanup-phase 1'));
  },
  async run(context) {
    const number = phaseNumber(argument(context.args, 0, 'phase'));
    const all = flagOption(context.options, 'all');
    const registry = await context.registry('write');
    const planned = registry.builds.planCleanup(number, all);
    const sizes = new Map(await Promise.all(planned.files.map(async (path) => [path, await diskUse(path)] as const)));
    const { builds, files } = context.dryRun ? planned : registry.builds.cleanup(number, all);
    const bytes = files.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
    const lines = files.map((path) => `${context.dryRun ? 'would remove' : 'removed'} ${printable(path)} (${formatBytes(sizes.get(path) ?? 0)})`);
    return {
      json: { phase: number, builds, removed: files, bytes, dryRun: context.dryRun },
      text: files.length === 0 ? `phase ${number}: nothing to remove` : [...lines, `${formatBytes(bytes)} in ${files.length} ${files.length === 1 ? 'folder' : 'folders'}`].join('\n'),
    };
  },
};

export default command;
