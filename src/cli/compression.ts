/** --compression-type and what goes with it: the types of a file as the capability `compressor` proposes them. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { convert, modelSizes } from '../convert/convert.js';
import { TaraError } from '../errors.js';
import { CAPABILITIES, type CompressionGoal, type CompressionProposal } from '../kernel/capabilities/index.js';
import { compressionType, fraction, type CompressionType } from '../phases/settings.js';
import type { CoreContext } from './context.js';
import { formatBytes, parseCount, parseNumber, parseSize } from './format.js';
import { collect, listOption, textOption } from './options.js';
import { existing } from './paths.js';

export const addCompression = (command: Command): Command => command
  .option('--compression-type <type>', 'standard: the preset, or the largest that fits --target-size; hybrid: a mix of types; sparse: fewer tokens, layers and channels, both searched for by measurement; distilled: the preset, taught by the unquantized model (default: standard)')
  .option('--target-size <size>', 'bytes of the file at most: 88.2MB, or a bare number of bytes (hybrid: at most the preset\'s when left out; sparse: 83 % of it)')
  .option('--target-bpw <number>', 'the same as bits for each weight of the model')
  .option('--text <file>', 'calibration text for hybrid, sparse and distilled: .txt, or .jsonl items; may be repeated', collect)
  .option('--quality-threshold <number>', 'the smallest hybrid whose most likely token agrees with the original so often: 0.9 or 90%; or kl=0.05, its mean KL divergence at most')
  .option('--sparsity <share>', 'share of the preset\'s bytes that sparse takes away: 0.25 or 25%')
  .option('--max-kl <nats>', 'the smallest sparse file that costs so much a token more at most')
  .option('--speed-priority', 'the measured speed of each type on this machine counts too (hybrid)')
  .option('--distill-minutes <number>', 'time for distilled (default: 20), and for what a sparse file learns back (default: 8; 0: nothing)')
  .option('--memory <size>', 'memory of the machine: the file takes at most 80 % of it');

/** What was asked for beside a plain preset. */
export interface Compression {
  readonly type: CompressionType;
  readonly targetSize: number | undefined;
  readonly targetBits: number | undefined;
  readonly texts: readonly string[];
  readonly imatrix: string | undefined;
  readonly goal: CompressionGoal | undefined;
  readonly sparsity: number | undefined;
  readonly speedPriority: boolean;
  readonly memory: number | undefined;
  readonly distillMinutes: number | undefined;
}

/** `0.25` or `25%`. */
function share(option: string, text: string): number {
  const [, percentage] = /^(.*)%\s*$/.exec(text) ?? [];
  return percentage === undefined ? fraction(option, text) : parseNumber(option, percentage, 0, 100) / 100;
}

function goalOf(text: string): CompressionGoal {
  const [, kld] = /^\s*kl\s*=\s*(.+)$/i.exec(text) ?? [];
  if (kld !== undefined) return { kld: parseNumber('--quality-threshold', kld, 0, 100) };
  return { agreement: share('--quality-threshold', text) };
}

/** Null where a plain preset was asked for. Throws TARA_OPTION_INVALID, TARA_FILE_NOT_FOUND. */
export async function compressionOf(context: CoreContext): Promise<Compression | null> {
  const text = (name: string) => textOption(context.options, name);
  const [type, size, bits, threshold, maxKl, sparsity, memory, imatrix, minutes] = ['compressionType', 'targetSize', 'targetBpw', 'qualityThreshold', 'maxKl', 'sparsity', 'memory', 'imatrix', 'distillMinutes'].map(text);
  if (size !== undefined && bits !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--target-bpw', reason: 'give it or --target-size, not both' });
  const wanted: Compression = {
    type: type === undefined ? 'standard' : compressionType(type),
    targetSize: size === undefined ? undefined : parseSize('--target-size', size, 'B'),
    targetBits: bits === undefined ? undefined : parseNumber('--target-bpw', bits, 0.1, 64),
    texts: await Promise.all(listOption(context.options, 'text').map((path) => existing(context.path(path), 'file'))),
    imatrix: imatrix === undefined ? undefined : await existing(context.path(imatrix), 'file'),
    goal: maxKl !== undefined ? { kld: parseNumber('--max-kl', maxKl, 0, 100) } : threshold === undefined ? undefined : goalOf(threshold),
    sparsity: sparsity === undefined ? undefined : share('--sparsity', sparsity),
    speedPriority: context.options.speedPriority === true,
    memory: memory === undefined ? undefined : parseSize('--memory', memory, 'B'),
    distillMinutes: minutes === undefined ? undefined : parseNumber('--distill-minutes', minutes, 0, 1e5),
  };
  const onlyFor = (types: readonly CompressionType[], options: readonly (readonly [option: string, given: unknown])[]): void => {
    for (const [option, given] of options) if (given !== undefined && !types.includes(wanted.type)) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `only --compression-type ${types.join(' or ')} takes it` });
  };
  onlyFor(['sparse'], [['--sparsity', sparsity], ['--max-kl', maxKl]]);
  onlyFor(['distilled', 'sparse'], [['--distill-minutes', minutes]]);
  if (wanted.type === 'distilled' && wanted.distillMinutes === 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--distill-minutes', reason: 'distilled compression takes some' });
  if (wanted.type === 'standard') {
    const only = [['--text', wanted.texts.length > 0], ['--quality-threshold', wanted.goal !== undefined], ['--speed-priority', wanted.speedPriority]] as const;
    for (const [option, given] of only) if (given) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `standard compression measures nothing: ${option === '--text' ? 'hybrid, sparse and distilled take' : 'hybrid takes'} it` });
    if (wanted.targetSize === undefined && wanted.targetBits === undefined && wanted.memory === undefined) return null;
  } else if (wanted.texts.length === 0) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--text', reason: `${wanted.type} compression measures: give calibration text` });
  }
  if (wanted.sparsity !== undefined && (size !== undefined || bits !== undefined)) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--sparsity', reason: 'give it or a size, not both' });
  }
  if (wanted.type === 'distilled') {
    const others = [['--target-size', wanted.targetSize], ['--target-bpw', wanted.targetBits], ['--quality-threshold', wanted.goal], ['--speed-priority', wanted.speedPriority || undefined], ['--memory', wanted.memory]] as const;
    for (const [option, given] of others) if (given !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option, reason: 'distilled compression keeps the types of --type' });
  }
  return wanted;
}

/** A checkpoint folder as a GGUF file for the while of a search. */
export async function asGguf<T>(context: CoreContext, input: string, use: (model: string) => Promise<T>): Promise<T> {
  if (!(await stat(input)).isDirectory()) return use(input);
  const folder = join(context.home.cache, `search-${randomUUID()}`);
  // Named after its input, whose name evidence and a distilled file's header tell.
  const path = join(folder, `${basename(input)}.gguf`);
  try {
    await mkdir(folder, { recursive: true });
    await convert({ base: input, adapters: [], outputs: [{ id: 'base', path, type: 'auto' }] }, { signal: context.signal });
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The proposal for one file, and what it is to be written from; `use` writes it. */
export async function compressed<T>(
  context: CoreContext, input: string, quantization: string, wanted: Compression, use: (model: string, proposal: CompressionProposal) => Promise<T>,
): Promise<T> {
  await context.plugins();
  const compressor = context.find(CAPABILITIES.compressor);
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType: wanted.type, available: 'standard' });
  const { signal } = context;
  const threads = textOption(context.options, 'threads');
  return asGguf(context, input, async (model) => {
    const { architecture, tensors, presets } = await modelSizes(model, [], { signal });
    const weights = tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
    const budget = wanted.targetSize ?? (wanted.targetBits === undefined ? null : Math.floor((wanted.targetBits * weights) / 8));
    const sink = context.progress('searching');
    try {
      const proposal = await compressor.propose({
        architecture, tensors, compressionType: wanted.type, quantization, budget, signal, speedPriority: wanted.speedPriority,
        presetBytes: Object.fromEntries(presets.map(({ preset, bytes }) => [preset, bytes])),
        ...(wanted.goal && { goal: wanted.goal }),
        ...(wanted.sparsity !== undefined && { sparsity: wanted.sparsity }),
        ...(wanted.distillMinutes !== undefined && { minutes: wanted.distillMinutes }),
        ...(wanted.memory !== undefined && { memory: wanted.memory }),
        ...(wanted.texts.length > 0 && {
          measuring: {
            model, texts: wanted.texts, ...(wanted.imatrix !== undefined && { imatrix: wanted.imatrix }), cacheDir: join(context.home.cache, wanted.type),
            ...(threads !== undefined && { threads: parseCount('--threads', threads, 1, 1024) }),
            onProgress: (fraction, detail) => sink.report(fraction, detail),
          },
        }),
      });
      sink.done();
      return await use(model, proposal);
    } finally {
      sink.done();
    }
  });
}

/** `88.2 MB  KL 0.0712 …`: lines for people. */
export const proposalLines = ({ preset, bytes, evidence }: CompressionProposal): string =>
  [`${preset}${bytes === null ? '' : `, ${formatBytes(bytes)}`}`, ...evidence.map((line) => `- ${line}`)].join('\n');
