/** verify: says whether a model, a folder or a deployment target is sound; writes nothing. */
import { deployer, hooks, type CommandModule } from 'tara-gguf/plugin';
import { shown } from '../report.js';
import { verify } from '../verify.js';

const command: CommandModule = {
  describe(command) {
    command
      .argument('<path>', 'GGUF or safetensors file, model or adapter folder, or deployment target')
      .option('--base <dir>', 'checkpoint of the base, to compare an adapter with')
      .option('--strict', 'warnings make it not ok too')
      .option('--key <file>', 'public key that the releases of a deployment target must be signed by')
      .addHelpText('after', '\nA folder with NAME.manifest.json beside it (as clean-model writes it) is compared with it, file by file.\n\nExamples:\n  $ tara-gguf verify model.gguf\n  $ tara-gguf verify ./SmolLM2-cleaned --json\n  $ tara-gguf verify deploy/phase-1 --key release.pub');
  },
  async run({ args: [path = ''], options, signal, progress, use }) {
    const baseDir = typeof options.base === 'string' ? options.base : undefined;
    const key = typeof options.key === 'string' ? options.key : undefined;
    const bar = progress('verify');
    const onProgress = (fraction: number | null, detail?: string): void => bar.report(fraction, detail);
    const verdict = await verify(path, { baseDir, key, strict: options.strict === true, hooks: use(hooks), signal, onProgress, deployer: () => use(deployer) }).finally(() => bar.done());
    const compared = verdict.manifestFiles == null ? '' : ` (${verdict.manifestFiles} files compared with the manifest)`;
    const lines = verdict.issues.map(({ severity, code, path: at, message }) => `  ${severity.padEnd(7)} ${code} ${shown(at)}: ${message}`);
    return { json: verdict, text: [`${shown(path)}: ${verdict.ok ? 'ok' : 'not ok'}${compared}`, ...lines].join('\n'), exitCode: verdict.ok ? 0 : 1 };
  },
};

export default command;
