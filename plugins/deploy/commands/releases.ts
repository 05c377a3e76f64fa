/** releases: what a deployment target holds, newest first. */
import { resolve } from 'node:path';
import { deployer, type CommandModule } from 'tara-gguf/plugin';
import { needTarget } from './target-option.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('[target]', 'deployment target')
      .option('--target <dir>', 'the same')
      .addHelpText('after', '\nExamples:\n  $ tara-gguf releases deploy/phase-1\n  $ tara-gguf releases --target /srv/tara --json');
  },
  async run({ args: [positional], options, use }) {
    const target = resolve(needTarget(positional, options));
    const releases = await use(deployer).releases(target);
    const lines = releases.map(({ id, phase, createdAt, files, current }) => `${current ? '*' : ' '} ${id}  phase ${phase}  ${createdAt}  ${files.reduce((sum, { bytes }) => sum + bytes, 0)} bytes`);
    return { json: { target, releases }, text: lines.length === 0 ? `no releases in ${target}` : lines.join('\n') };
  },
};

export default command;
