/** evaluate: how well a GGUF file predicts a text, and how far it is from a reference. */
import { evaluate, type EvaluateOptions, type Evaluation } from '../../measure/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatSeconds, parseCount } from '../format.js';
import { argument, collect, examples, listOption, textOption } from '../options.js';
import { existing } from '../paths.js';
import { facts } from '../table.js';

const number = (value: number, digits = 4): string => value.toFixed(digits);
const withError = (value: number, error: number, digits = 4): string => `${number(value, digits)} ± ${number(error, digits)}`;
const percent = (value: number): number => 100 * value;

function shown(evaluation: Evaluation, seconds: number): string {
  const { perplexity, perplexityError, bitsPerByte, tokens, chunks } = evaluation;
  return facts([
    ['perplexity', withError(perplexity, perplexityError)],
    ['bits per byte', number(bitsPerByte)],
    ...(evaluation.kld === null ? [] : against(evaluation)),
    ['scored', `${tokens} tokens in ${chunks} chunks`],
    ['time', formatSeconds(seconds)],
  ]);
}

function against({ kld, ...of }: Extract<Evaluation, { readonly topTokenAgreement: number }>): [string, string][] {
  return [
    ['KL divergence', withError(kld.mean, kld.error, 6)],
    ['  median, 90 %, 99 %', [kld.median, kld.p90, kld.p99].map((value) => number(value, 6)).join(', ')],
    ['  99.9 %, largest', [kld.p999, kld.max].map((value) => number(value, 6)).join(', ')],
    ['same top token', `${withError(percent(of.topTokenAgreement), percent(of.topTokenAgreementError), 3)} %`],
    ['reference', `perplexity ${withError(of.referencePerplexity, of.referencePerplexityError)}`],
    ['perplexity ratio', withError(of.perplexityRatio, of.perplexityRatioError, 5)],
    ['  its logarithm', withError(of.logPerplexityDifference, of.logPerplexityDifferenceError, 5)],
  ];
}

/** The paths as they were typed, absolute and there. */
async function inputs(context: CoreContext): Promise<Pick<EvaluateOptions, 'model' | 'reference' | 'text'>> {
  const reference = textOption(context.options, 'reference');
  const text: string[] = [];
  for (const typed of listOption(context.options, 'text')) text.push(await existing(context.path(typed), 'file'));
  return {
    model: await existing(context.path(argument(context.args, 0, 'model')), 'any'),
    reference: reference === undefined ? undefined : await existing(context.path(reference), 'any'),
    text,
  };
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<model>', 'GGUF file')
      .requiredOption('--text <file>', 'running text, or .jsonl items; may be repeated', collect)
      .option('--reference <file>', 'GGUF file with the same vocabulary to compare with, such as the F16 model')
      .option('--context <tokens>', 'tokens of a chunk, of which the second half is scored', '512')
      .option('--chunks <count>', 'chunks at most (default: all)')
      .option('--first-chunk <number>', 'chunks of the text to leave out first', '0')
      .option('--threads <count>', 'threads (default: all cores)')
      .addHelpText('after', examples('evaluate model-q4.gguf --text wiki.txt', 'evaluate model-q4.gguf --reference model-f16.gguf --text wiki.txt --chunks 24 --json'));
  },
  async run(context) {
    const count = (name: string, flag: string, least: number, most: number): number | undefined => {
      const text = textOption(context.options, name);
      return text === undefined ? undefined : parseCount(flag, text, least, most);
    };
    const settings = {
      contextSize: count('context', '--context', 8, 1 << 20),
      chunks: count('chunks', '--chunks', 1, 2 ** 31),
      firstChunk: count('firstChunk', '--first-chunk', 0, 2 ** 31),
      threads: count('threads', '--threads', 1, 1024),
    };
    const paths = await inputs(context);
    const started = performance.now();
    const sink = context.progress('evaluating');
    const evaluation = await evaluate({ ...paths, ...settings, signal: context.signal, onProgress: (fraction) => sink.report(fraction) }).finally(() => sink.done());
    const seconds = (performance.now() - started) / 1000;
    return { json: { ...evaluation, contextSize: settings.contextSize, seconds }, text: shown(evaluation, seconds) };
  },
};

export default command;
