/** chat: messages from the terminal (or standard input), each routed, read for emotion and answered by a model. */
import { createInterface } from 'node:readline';
import { TaraError } from '../../errors.js';
import { holdTarget, servedFiles } from '../../models/index.js';
import { openChatSession, showEvent, type Turn } from '../chat-session.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { parseSize } from '../format.js';
import { argument, examples, textOption } from '../options.js';
import { describeSampling, loadOptions, samplingOptions } from './generate.js';

async function* questions(context: CoreContext): AsyncGenerator<string> {
  const said = textOption(context.options, 'message');
  if (said !== undefined) {
    yield said;
    return;
  }
  const prompt = async () => {
    if (context.interactive) await context.print('you> ');
  };
  await prompt();
  for await (const line of createInterface({ input: context.stdin, terminal: false })) {
    if (line.trim() !== '') yield line;
    await prompt();
  }
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<model>', 'GGUF file, or the target that a phase was deployed to')
      .option('--message <text>', 'one message, then end (default: lines of standard input)')
      .option('--domain <name>', 'answer as this domain instead of asking the router')
      .option('--user <id>', 'whose history counts')
      .option('--consensus', 'ask all domains that the router finds as good as equal, and give the answer the others are nearest to')
      .option('--memory <bytes>', 'what loaded models may take together: 4GB (default: no limit)')
      .option('--embedding-model <gguf>', 'sentence-embedding model that messages are read with (default: embeddingModel of tara.config)');
    describeSampling(command);
    command.addHelpText('after', examples('chat model.gguf', 'chat model.gguf --message "I feel stressed about my exam" --max-tokens 100', 'chat deploy/phase-1'));
  },
  async run(context) {
    const path = context.path(argument(context.args, 0, 'model'));
    const memory = textOption(context.options, 'memory');
    const files = await servedFiles(() => context.plugins(), path);
    const held = await holdTarget(() => context.plugins(), path);
    try {
      await using session = await openChatSession(context, files, {
        load: { ...loadOptions(context), slots: 1 },
        generate: samplingOptions(context),
        domain: textOption(context.options, 'domain'),
        userId: textOption(context.options, 'user'),
        consensus: context.options.consensus === true,
        memory: memory === undefined ? undefined : parseSize('--memory', memory, 'B'),
      });
      const turns: Turn[] = [];
      for await (const question of questions(context)) {
        turns.push(await session.ask(question, (event) => showEvent(context, event)));
      }
      if (turns.length === 0) throw new TaraError('TARA_USAGE', { reason: 'nothing was asked: give --message TEXT or lines on standard input' });
      return { json: { model: path, turns }, text: '' };
    } finally {
      await held?.release();
    }
  },
};

export default command;
