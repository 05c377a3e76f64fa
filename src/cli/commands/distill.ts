/** distill: a quantized or pruned GGUF file learns to say what its unquantized model says. */
import { createEngine } from '../../engine/index.js';
import { TaraError } from '../../errors.js';
import { distil, planDistil, residualLora, TRAINABLE_ARCHITECTURES, TRAINABLE_PARTS, type DistilOptions, type TrainablePart } from '../../train/index.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { distilText, residualText } from '../distil-table.js';
import { formatBytes, parseCount, parseNumber } from '../format.js';
import { addDryRun, argument, examples, flagOption, listOption, outputOption, textOption } from '../options.js';
import { existing } from '../paths.js';

const isPart = (name: string): name is TrainablePart => (TRAINABLE_PARTS as readonly string[]).includes(name);

function partsOf(text: string | undefined): TrainablePart[] | undefined {
  return text?.split(',').map((name) => {
    if (!isPart(name.trim())) throw new TaraError('TARA_OPTION_INVALID', { option: '--train', reason: `${JSON.stringify(name.slice(0, 80))} is none of ${TRAINABLE_PARTS.join(', ')}` });
    return name.trim() as TrainablePart;
  });
}

async function wanted(context: CoreContext): Promise<DistilOptions> {
  const text = (name: string) => textOption(context.options, name);
  const count = (name: string, flag: string, least: number, most: number): number | undefined => (text(name) === undefined ? undefined : parseCount(flag, text(name) ?? '', least, most));
  const number = (name: string, flag: string, least: number, most: number): number | undefined => (text(name) === undefined ? undefined : parseNumber(flag, text(name) ?? '', least, most));
  return {
    student: await existing(context.path(argument(context.args, 0, 'student')), 'file'),
    teacher: await existing(context.path(text('teacher') ?? ''), 'file'),
    text: await Promise.all(listOption(context.options, 'text').map((path) => existing(context.path(path), 'file'))),
    output: context.path(outputOption(context.options)),
    train: partsOf(text('train')), rank: count('rank', '--rank', 1, 256),
    minutes: number('minutes', '--minutes', 0.01, 1e5), steps: count('steps', '--steps', 1, 1e9),
    rate: number('rate', '--rate', 0, 1e36), batchTokens: count('batchTokens', '--batch-tokens', 16, 1 << 20), seed: count('seed', '--seed', 0, 0xffffffff),
    threads: count('threads', '--threads', 1, 1024), compare: context.options.compare !== false, signal: context.signal,
  };
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<student>', 'GGUF file: quantized, pruned, or both')
      .requiredOption('--teacher <file>', 'GGUF file that it learns from, with the same vocabulary: the unquantized model')
      .requiredOption('--text <files...>', 'calibration text: .jsonl with { "prompt", "response" } or { "text" } lines, or running text; part of it is kept to judge by')
      .requiredOption('--output <file>', 'GGUF file to write; until it is there, FILE.distil holds what an interrupted run goes on from')
      .option('--minutes <number>', 'time for all of it (default: 20, without --steps)')
      .option('--steps <count>', 'steps of training at most')
      .option('--train <parts>', `what is trained, of ${TRAINABLE_PARTS.join(', ')} (default: norms,scales,lora; lora: matrices without quantized scales)`)
      .option('--rank <number>', 'of LoRA (default: 16)')
      .option('--residual', 'train nothing: write the low-rank part of what the quantization lost as a GGUF LoRA to load beside the student')
      .option('--rate <factor>', 'on all learning rates (default: 1)')
      .option('--batch-tokens <count>', 'tokens of a step (default: 1024)')
      .option('--seed <number>', 'order of the texts, where LoRA begins (default: 0)')
      .option('--no-compare', 'leave out speeds and the plain preset of equal size')
      .option('--threads <count>', 'threads (default: all cores)');
    addDryRun(command);
    command.addHelpText('after', `\nArchitectures: ${TRAINABLE_ARCHITECTURES.join(', ')}.\n${examples(
      'distill model-q2_k.gguf --teacher model-bf16.gguf --text healthcare.jsonl business.jsonl --output model-distilled.gguf',
      'distill model-q2_k.gguf --teacher model-bf16.gguf --text healthcare.jsonl --output model-lora.gguf --residual --rank 16',
      'distill pruned.gguf --teacher model-bf16.gguf --text wiki.txt --output healed.gguf --minutes 10 --train norms,lora --rank 32',
    )}`);
  },
  async run(context) {
    const options = await wanted(context);
    if (context.dryRun) {
      const plan = await planDistil(options);
      return { json: { dryRun: true, ...plan }, text: `would train ${plan.student} for ${plan.minutes === null ? `${plan.steps} steps` : `${plan.minutes} minutes`} and write ${plan.output} (${formatBytes(plan.bytes)})` };
    }
    const sink = context.progress('distilling');
    await using engine = createEngine();
    const onProgress = (fraction: number, detail: string): void => sink.report(fraction, detail);
    try {
      if (flagOption(context.options, 'residual')) {
        const report = await residualLora({ ...options, engine, onProgress });
        sink.done();
        return { json: report, text: residualText(report) };
      }
      const report = await distil({ ...options, engine, onProgress });
      sink.done();
      return { json: report, text: distilText(report) };
    } finally {
      sink.done();
    }
  },
};

export default command;
