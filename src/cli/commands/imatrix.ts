/** imatrix: the importance of a model's weights on calibration text, for quantize and llama-quantize. */
import { createEngine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import type { CommandResult } from '../../kernel/command.js';
import { imatrixFile, type ImatrixReport } from '../../measure/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatBytes, formatSeconds, parseCount } from '../format.js';
import { addDryRun, argument, examples, listOption, outputOption, textOption } from '../options.js';
import { existing } from '../paths.js';
import { facts } from '../table.js';

/** Names shown of a long list. */
const MOST_SHOWN = 6;

const shortList = (names: readonly string[]): string => `${names.slice(0, MOST_SHOWN).join(', ')}${names.length > MOST_SHOWN ? ` and ${names.length - MOST_SHOWN} more` : ''}`;

const coverage = ({ entries, missing, partial, chunks, chunkSize, datasets }: ImatrixReport): (readonly [string, string])[] => [
  ['weights', String(entries)],
  ['read', `${chunks} chunks of ${chunkSize} tokens: ${datasets.join(', ')}`],
  ...(missing.length === 0 ? [] : [['no importance', shortList(missing)] as const]),
  ...(partial.length === 0 ? [] : [['idle experts', shortList(partial)] as const]),
];

async function files(context: CoreContext, name: string): Promise<string[]> {
  const typed = listOption(context.options, name);
  return Promise.all(typed.map((path) => existing(context.path(path), 'file')));
}

function countOption({ options }: CoreContext, name: string, least: number): number | undefined {
  const text = textOption(options, name);
  return text === undefined ? undefined : parseCount(`--${name}`, text, least, 1 << 20);
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<model>', 'GGUF file, unquantized where there is one')
      .option('--text <files...>', 'calibration text: running text, or .jsonl with { "prompt", "response" } or { "text" } lines')
      .option('--from <files...>', 'importance matrices of this model to add, GGUF or .dat, those of llama-imatrix too')
      .requiredOption('--output <file>', 'GGUF file to write')
      .option('--feedback <file>', 'safetensors file to write too: factors for rounding with error feedback, 4 n^2 bytes for each input of n values')
      .option('--context <tokens>', 'tokens of a chunk (default: 512)')
      .option('--chunks <count>', 'chunks of each file at most (default: all)')
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', examples(
      'imatrix model-f16.gguf --text wiki.txt healthcare.jsonl --output model.imatrix.gguf',
      'imatrix model-f16.gguf --text wiki.txt --chunks 64 --output model.imatrix.gguf',
      'imatrix model-f16.gguf --from a.imatrix.gguf b.imatrix.gguf --output both.imatrix.gguf',
      'imatrix model-f16.gguf --text wiki.txt --chunks 64 --output model.imatrix.gguf --feedback model.feedback.safetensors',
      'quantize model-f16.gguf model-q4.gguf --type Q4_K_M --imatrix model.imatrix.gguf --feedback model.feedback.safetensors',
    ));
  },
  async run(context): Promise<CommandResult> {
    const model = await existing(context.path(argument(context.args, 0, 'model')), 'any');
    const [text, from] = [await files(context, 'text'), await files(context, 'from')];
    if (text.length === 0 && from.length === 0) throw new TaraError('TARA_USAGE', { reason: 'imatrix needs --text FILE, or --from FILE to merge' });
    const output = context.path(outputOption(context.options));
    const feedback = textOption(context.options, 'feedback');
    const [contextSize, chunks, threads] = [countOption(context, 'context', 8), countOption(context, 'chunks', 1), countOption(context, 'threads', 1)];
    const started = performance.now();
    const sink = context.progress('reading');
    await using engine = createEngine();
    try {
      const report = await imatrixFile({
        model, text, from, feedback: feedback === undefined ? undefined : context.path(feedback), engine, contextSize, chunks, threads, output, dryRun: context.dryRun, signal: context.signal,
        onProgress: (fraction, detail) => sink.report(fraction, detail),
      });
      const seconds = (performance.now() - started) / 1000;
      if (context.dryRun) {
        return { json: { dryRun: true, ...report, text }, text: `would write ${output} from ${[...text, ...from].join(', ')}` };
      }
      return {
        json: { ...report, seconds },
        text: facts([['output', output], ['size', formatBytes(report.bytes)], ...coverage(report), ['time', formatSeconds(seconds)]]),
      };
    } finally {
      sink.done();
    }
  },
};

export default command;
