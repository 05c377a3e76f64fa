/** recommend MODEL: the file that fits the wishes, measured on this model and machine; with --fast, estimated. */

import { resolve } from 'node:path';
import { benchmark, planBenchmark, type Benchmark, type Candidate, type CandidateFile } from 'tara-gguf';
import { compressor, TaraError, type CommandContext, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import { configSchema } from '../config.js';
import { withinMemory } from '../memory.js';
import { allowedRules } from '../propose.js';
import { originalLabel, presetCandidates, withMix } from '../recommend/candidates.js';
import { choose, fitting, type Choice, type Option, type Wishes } from '../recommend/choose.js';
import { estimate, ESTIMATE_NOTE } from '../recommend/estimate.js';
import { exampleTexts } from '../recommend/examples.js';
import { optionTable } from '../recommend/table.js';
import { parseBytes, parseCount, parseFraction, parseSwitch } from '../recommend/wishes.js';

/** Enough to tell presets apart; `benchmark` measures more closely. */
const DEFAULT_CHUNKS = 12;

interface Asked {
  readonly model: string;
  readonly wishes: Wishes;
  readonly text: readonly string[];
  readonly calibration: readonly string[];
  readonly imatrix: string | undefined;
  readonly contextSize: number | undefined;
  readonly chunks: number;
  readonly threads: number | undefined;
  readonly fast: boolean;
}

function asked({ args, options }: CommandContext): Asked {
  const [path] = args;
  if (path === undefined) throw new TaraError('TARA_USAGE', { reason: 'missing argument model' });
  const text = (name: string): string | null => (typeof options[name] === 'string' ? options[name] : null);
  const read = <T>(name: string, flag: string, parse: (flag: string, text: string) => T): T | null => {
    const given = text(name);
    return given === null ? null : parse(flag, given);
  };
  const files = (name: string): string[] => (Array.isArray(options[name]) ? options[name].filter((item): item is string => typeof item === 'string').map((item) => resolve(item)) : []);
  const count = (name: string, fewest: number, most: number): number | undefined => read(name, `--${name}`, (flag, given) => parseCount(flag, given, fewest, most)) ?? undefined;
  const fast = options.fast === true;
  if (fast && files('calibration').length > 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--calibration', reason: 'a mix is found by measuring: leave out --fast' });
  const imatrix = text('imatrix');
  return {
    model: resolve(path), fast, text: files('text'), calibration: files('calibration'), imatrix: imatrix === null ? undefined : resolve(imatrix),
    contextSize: count('context', 8, 1 << 20), chunks: count('chunks', 1, 1 << 20) ?? DEFAULT_CHUNKS, threads: count('threads', 1, 1024),
    wishes: {
      targetSize: read('targetSize', '--target-size', parseBytes),
      memory: read('memory', '--memory', parseBytes),
      qualityThreshold: read('qualityThreshold', '--quality-threshold', parseFraction),
      speedPriority: parseSwitch('--speed-priority', options.speedPriority),
    },
  };
}

interface Answer<Item extends Option> {
  readonly asked: Asked;
  readonly modelBytes: number;
  readonly options: readonly Item[];
  readonly chosen: Choice<Item>;
  /** Files that were not looked at, as they are too large. */
  readonly tooLarge: readonly CandidateFile[];
  readonly measured: boolean;
  readonly notes: readonly string[];
  /** Where and on what it was measured. */
  readonly circumstances: object;
}

function result<Item extends Option>({ asked: { model }, modelBytes, options, chosen, tooLarge, measured, notes, circumstances }: Answer<Item>): CommandResult {
  const { choice, front } = chosen;
  const reasons = [...chosen.reasons, ...notes];
  const presets = options.map(({ name, ...option }) => ({ preset: name, ...option, pareto: front.includes(name), originalLabel: originalLabel(name) }));
  const claimed = originalLabel(choice.name);
  const share = `${measured ? '' : 'about '}${(choice.topTokenAgreement * 100).toFixed(measured ? 1 : 0)} %`;
  return {
    json: {
      model, modelBytes, recommended: choice.name, bytes: choice.bytes, bitsPerWeight: choice.bitsPerWeight, kld: choice.kld, topTokenAgreement: choice.topTokenAgreement,
      originalLabel: claimed, measured, reasons, presets, tooLarge: tooLarge.map(({ name, bytes }) => ({ preset: name, bytes })), ...circumstances,
    },
    text: [
      `${choice.name}: ${choice.bytes} bytes, ${choice.bitsPerWeight.toFixed(2)} bits per weight, the same most likely token as the model ${share} of the time${measured ? ', measured' : ', estimated'}${claimed === null ? '' : ` (the original program's label: ${Math.round(claimed * 100)} %)`}`,
      ...reasons.map((reason) => `- ${reason}`), '', optionTable(options, chosen, measured), '',
      '> the choice, * on the Pareto front: no other is both smaller and closer to the model',
    ].join('\n'),
  };
}

const bySize = <Item extends { readonly bytes: number }>(items: readonly Item[]): Item[] => [...items].sort((a, b) => a.bytes - b.bytes);

function estimated(request: Asked, reference: CandidateFile, files: readonly CandidateFile[]): CommandResult {
  const options = bySize(files).map((file): Option => ({ name: file.name, bytes: file.bytes, bitsPerWeight: file.bitsPerWeight, types: file.types, ...estimate(file.tensors), decodeTokensPerSecond: null, memoryBytes: null }));
  return result({ asked: request, modelBytes: reference.bytes, options, chosen: choose(options, request.wishes), tooLarge: [], measured: false, notes: [ESTIMATE_NOTE], circumstances: {} });
}

const optionOf = ({ name, bytes, bitsPerWeight, types, quality, speed }: Benchmark['rows'][number]) => ({
  name, bytes, bitsPerWeight, types, kld: quality.kld.mean, kldError: quality.kld.error, topTokenAgreement: quality.topTokenAgreement, perplexity: quality.perplexity,
  decodeTokensPerSecond: speed?.decodeTokensPerSecond ?? null, promptTokensPerSecond: speed?.promptTokensPerSecond ?? null, loadMs: speed?.loadMs ?? null, memoryBytes: speed?.memoryBytes ?? null,
});

/** Measures what is not too large from the start. */
async function measure(request: Asked, { signal, progress }: CommandContext, reference: CandidateFile, files: readonly CandidateFile[], candidates: readonly Candidate[]): Promise<CommandResult> {
  const limit = Math.min(request.wishes.targetSize ?? Infinity, withinMemory(request.wishes.memory));
  const fit = new Set([...fitting(files, limit).map(({ name }) => name), ...candidates.filter(({ compressionType }) => compressionType !== 'standard').map(({ name }) => name)]);
  const text = request.text.length > 0 ? request.text : await exampleTexts();
  if (text.length === 0) throw new TaraError('TARA_USAGE', { reason: 'recommend measures on text: give --text FILE, or --fast for an estimate' });
  const sink = progress('measuring');
  const { model, imatrix, contextSize, chunks, threads } = request;
  const measured = await benchmark({
    model, candidates: candidates.filter(({ name }) => fit.has(name)), text, imatrix, contextSize, chunks, threads, signal, onProgress: (fraction, detail) => sink.report(fraction, detail),
  }).finally(() => sink.done());
  const options = measured.rows.map(optionOf);
  const where = `measured on ${measured.chunks} chunks of ${measured.contextSize} tokens of ${measured.text.join(', ')}, ${measured.threads} threads of ${measured.machine.cpu}`;
  return result({
    asked: request, modelBytes: reference.bytes, options, chosen: choose(options, request.wishes), tooLarge: files.filter(({ name }) => !fit.has(name)), measured: true,
    notes: [where, ...(request.text.length > 0 ? [] : ['on the example texts that come with tara-gguf: give --text with text like yours'])],
    circumstances: { machine: measured.machine, text: measured.text, chunks: measured.chunks, contextSize: measured.contextSize, threads: measured.threads, runs: measured.runs, seconds: measured.seconds },
  });
}

const command: CommandModule = {
  describe(cli) {
    const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];
    cli
      .argument('<model>', 'a GGUF file, best in F16')
      .option('--target-size <size>', 'largest file: 88.2MB, or bytes')
      .option('--memory <size>', 'memory of the machine: 2GB, or bytes')
      .option('--quality-threshold <number>', 'how often the most likely token must be the model\'s, measured: 0 to 1 or a percentage; the smallest such file is chosen')
      .option('--speed-priority [on|off]', 'the fastest file that meets the other wishes, measured here')
      .option('--text <file>', 'text to measure on: running text, or .jsonl items; may be repeated (default: the examples of tara-gguf)', collect)
      .option('--calibration <file>', 'also search for a mix of types (hybrid) with this calibration text; takes some minutes; may be repeated', collect)
      .option('--imatrix <file>', 'importance matrix of this model, for every preset')
      .option('--fast', 'measure nothing: estimate from sizes and types; labelled as an estimate')
      .option('--chunks <count>', 'chunks of text to measure on at most', String(DEFAULT_CHUNKS))
      .option('--context <tokens>', 'tokens of a chunk (default: 512)')
      .option('--threads <count>', 'threads (default: all cores)')
      .addHelpText('after', [
        '', 'Examples:',
        '  $ tara-gguf recommend model-f16.gguf --target-size 100MB --text wiki.txt',
        '  $ tara-gguf recommend model-f16.gguf --quality-threshold 85% --text wiki.txt --json',
        '  $ tara-gguf recommend model-f16.gguf --memory 2GB --speed-priority',
        '  $ tara-gguf recommend model-f16.gguf --target-size 100MB --fast',
      ].join('\n'));
  },
  async run(context): Promise<CommandResult> {
    const request = asked(context);
    const { model, imatrix, wishes, threads } = request;
    const candidates = presetCandidates(allowedRules(configSchema.parse(context.config ?? {})));
    const { reference, files } = await planBenchmark({ model, candidates, imatrix, signal: context.signal });
    if (request.fast) return estimated(request, reference, files);
    if (request.calibration.length === 0) return measure(request, context, reference, files, candidates);
    const sink = context.progress('searching a mix');
    return withMix(
      { compressor: context.use(compressor), model, reference, texts: request.calibration, budget: wishes.targetSize, speedPriority: wishes.speedPriority, threads, signal: context.signal, onProgress: (fraction, detail) => sink.report(fraction, detail) },
      (mix) => {
        sink.done();
        return measure(request, context, reference, files, [...candidates, mix]);
      },
    ).finally(() => sink.done());
  },
};

export default command;
