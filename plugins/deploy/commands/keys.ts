/** keys create: a pair of Ed25519 keys, the private one for its owner's eyes only. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TaraError, writeError, type CommandModule } from 'tara-gguf/plugin';
import { codeOf, writeNew } from '../disk.js';
import { newKeys } from '../release/sign.js';
import { textOf } from './options.js';

/** Throws TARA_FILE_EXISTS, TARA_WRITE_FAILED. */
const write = (path: string, text: string, mode: number): Promise<void> => writeNew(path, text, mode).catch((thrown: unknown) => {
  throw codeOf(thrown) === 'EEXIST' ? new TaraError('TARA_FILE_EXISTS', { path }) : writeError(path, thrown);
});

const command: CommandModule = {
  describe(command) {
    command
      .argument('<action>', 'create')
      .option('--output <name>', 'NAME.key is the private key, NAME.pub the public one', 'release')
      .option('--dry-run', 'say which files would be written; write nothing')
      .addHelpText('after', '\nSign with the private key (deploy-phase --sign NAME.key), hand out the public one (verify TARGET --key NAME.pub).\n\nExamples:\n  $ tara-gguf keys create\n  $ tara-gguf keys create --output ~/keys/tara');
  },
  async run({ args: [action], options }) {
    if (action !== 'create') throw new TaraError('TARA_USAGE', { reason: `keys knows one action: create, not ${JSON.stringify(String(action).slice(0, 80))}` });
    const name = resolve(textOf(options, 'output') ?? 'release');
    const [privatePath, publicPath] = [`${name}.key`, `${name}.pub`];
    if (options.dryRun === true) return { json: { privateKey: privatePath, publicKey: publicPath }, text: `would write ${privatePath} and ${publicPath}` };
    const { privateKey, publicKey, fingerprint } = newKeys();
    await write(privatePath, privateKey, 0o600);
    await write(publicPath, publicKey, 0o644).catch(async (thrown: unknown) => {
      await rm(privatePath, { force: true });
      throw thrown;
    });
    return { json: { privateKey: privatePath, publicKey: publicPath, fingerprint }, text: `${privatePath} signs; keep it to yourself\n${publicPath} verifies (fingerprint ${fingerprint.slice(0, 16)}…)` };
  },
};

export default command;
