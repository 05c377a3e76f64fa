/** verify: says whether a model, a folder or a deployment target is sound; writes nothing. */
import { deployer, type CommandModule } from 'tara-gguf/plugin';
import { verify } from '../verify.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('<path>', 'GGUF or safetensors file, model or adapter folder, or deployment target')
      .option('--base <dir>', 'checkpoint of the base, to compare an adapter with')
      .option('--key <file>', 'public key that the releases of a deployment target must be signed by')
      .addHelpText('after', '\nExamples:\n  $ tara-gguf verify model.gguf\n  $ tara-gguf verify ./SmolLM2-cleaned --json\n  $ tara-gguf verify deploy/phase-1 --key release.pub');
  },
  async run({ args: [path = ''], options, signal, use }) {
    const baseDir = typeof options.base === 'string' ? options.base : undefined;
    const key = typeof options.key === 'string' ? options.key : undefined;
    const verdict = await verify(path, { baseDir, key, signal, deployer: () => use(deployer) });
    const lines = verdict.issues.map(({ severity, code, path: at, message }) => `  ${severity.padEnd(7)} ${code} ${at}: ${message}`);
    return { json: verdict, text: [`${path}: ${verdict.ok ? 'ok' : 'not ok'}`, ...lines].join('\n'), exitCode: verdict.ok ? 0 : 1 };
  },
};

export default command;
