/** generate: one prompt, one answer, from a GGUF file. */
import { createEngine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { parseCount, parseNumber } from '../format.js';
import { argument, collect, examples, flagOption, listOption, textOption } from '../options.js';
import { existing } from '../paths.js';

/** The sampling options that generate and chat share. */
export function samplingOptions(context: CoreContext): { maxTokens: number; temperature: number; topK?: number; topP?: number; minP?: number; seed?: number } {
  const read = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = textOption(context.options, name);
    return text === undefined ? undefined : parse(text);
  };
  const topK = read('topK', (text) => parseCount('--top-k', text, 0, 1_000_000));
  const topP = read('topP', (text) => parseNumber('--top-p', text, 0, 1));
  const minP = read('minP', (text) => parseNumber('--min-p', text, 0, 1));
  const seed = read('seed', (text) => parseCount('--seed', text, 0, 0xffff_fffe));
  return {
    maxTokens: read('maxTokens', (text) => parseCount('--max-tokens', text, 1, 1_000_000)) ?? 128,
    temperature: read('temperature', (text) => parseNumber('--temperature', text, 0, 100)) ?? 0.7,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(minP === undefined ? {} : { minP }),
    ...(seed === undefined ? {} : { seed }),
  };
}

export function describeSampling(command: Parameters<CoreCommand['describe']>[0]): void {
  command
    .option('--max-tokens <count>', 'tokens to generate at most', '128')
    .option('--temperature <number>', '0 takes the most likely token', '0.7')
    .option('--top-k <count>', 'choose among the k most likely tokens')
    .option('--top-p <number>', 'choose among tokens that make up this probability')
    .option('--min-p <number>', 'drop tokens below this share of the most likely one')
    .option('--seed <number>', 'repeat the same choices')
    .option('--threads <count>', 'threads (default: all cores)')
    .option('--context <tokens>', 'context size (default: 4096 or what the model was trained for)');
}

export function loadOptions(context: CoreContext): { threads?: number; contextSize?: number; signal: AbortSignal } {
  const threads = textOption(context.options, 'threads');
  const size = textOption(context.options, 'context');
  return {
    ...(threads === undefined ? {} : { threads: parseCount('--threads', threads, 1, 1024) }),
    ...(size === undefined ? {} : { contextSize: parseCount('--context', size, 8, 10_000_000) }),
    signal: context.signal,
  };
}

const command: CoreCommand = {
  describe(command) {
    command.argument('<model>', 'GGUF file').requiredOption('--prompt <text>', 'what to continue, or the message to answer');
    describeSampling(command);
    command
      .option('--raw', "continue the prompt as it is, without the model's chat template")
      .option('--stop <text>', 'stop before this text; may be repeated', collect)
      .addHelpText('after', examples('generate model.gguf --prompt "What is a budget?"', 'generate model.gguf --prompt "Once upon a time" --raw --temperature 0 --max-tokens 32 --json'));
  },
  async run(context) {
    const path = await existing(context.path(argument(context.args, 0, 'model')), 'any');
    const prompt = textOption(context.options, 'prompt');
    if (prompt === undefined) throw new TaraError('TARA_USAGE', { reason: 'generate needs --prompt TEXT' });
    await using engine = createEngine();
    const started = performance.now();
    const sink = context.progress('loading');
    const model = await engine.load(path, { ...loadOptions(context), slots: 1, onProgress: (fraction) => sink.report(fraction) }).finally(() => sink.done());
    const loadMs = performance.now() - started;
    const raw = flagOption(context.options, 'raw') || model.info.chatTemplate === null;
    const generation = model.generate(raw ? prompt : [{ role: 'user', content: prompt }], {
      ...samplingOptions(context),
      stop: [...listOption(context.options, 'stop')],
      signal: context.signal,
    });
    for await (const { text } of generation) await context.print(text);
    await context.print('\n');
    const { text, usage, timings, finishReason } = await generation.result;
    return {
      json: { text, finishReason, usage, timings: { loadMs, promptTokensPerSecond: timings.promptTokensPerSecond, decodeTokensPerSecond: timings.decodeTokensPerSecond } },
      text: '',
    };
  },
};

export default command;
