/** recommend [MODEL.gguf]: the presets with their real sizes on this model, and the one that fits the wishes. Measures no quality. */

import { TaraError, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import { configSchema } from '../config.js';
import { bySize, PRESET_RULES, typesLine, type PresetSize } from '../presets.js';
import { allowedRules, chooseWithin } from '../propose.js';
import { sizesOf } from '../sizes.js';

/** Share of the memory that the file may take; the rest is for context and program. */
const MEMORY_SHARE = 0.8;
const NOT_MEASURED = 'quality is not measured here; labels are the original program\'s claims, not measurements';

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

/** Bytes from `88.2MB`, `1 GiB` or a bare number of bytes. */
export function parseBytes(option: string, text: string): number {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  const bytes = Math.floor(Number(digits) * (factor ?? Number.NaN));
  if (digits === '' || !Number.isSafeInteger(bytes) || bytes <= 0) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 80))} is no size such as 88.2MB or 88200000` });
  return bytes;
}

/** 0..1 from `0.85` or `85%`. */
export function parseFraction(option: string, text: string): number {
  const value = /^\s*\d+(\.\d+)?\s*%\s*$/.test(text) ? Number.parseFloat(text) / 100 : Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(text.slice(0, 80))} is neither 0 to 1 nor a percentage` });
  return value;
}

/** An option that is given alone, or with `on` or `off`. */
function parseSwitch(option: string, value: unknown): boolean {
  if (value === undefined || value === false || value === 'off') return false;
  if (value === true || value === 'on') return true;
  throw new TaraError('TARA_OPTION_INVALID', { option, reason: `${JSON.stringify(String(value).slice(0, 80))} is neither on nor off` });
}

export interface Wishes {
  /** Bytes of the file. */
  readonly targetSize: number | null;
  /** Bytes of the machine's memory. */
  readonly memory: number | null;
  /** By the original's labels, 0..1. */
  readonly qualityThreshold: number | null;
  /** Takes the smallest that meets the wishes: decoding reads the whole file for each token. */
  readonly speedPriority: boolean;
}

/** The preset that fits and why. Throws TARA_COMPRESSION_BUDGET when none does. */
export function recommend(sizes: readonly PresetSize[], { targetSize, memory, qualityThreshold, speedPriority }: Wishes): { readonly choice: PresetSize; readonly reasons: readonly string[] } {
  const limit = Math.min(targetSize ?? Infinity, memory === null ? Infinity : memory * MEMORY_SHARE);
  // Only four presets carry a label: others count as good as the labelled one below them in bits per weight.
  const labelled = (size: PresetSize): number =>
    Math.max(0, ...sizes.filter((other) => other.bitsPerWeight <= size.bitsPerWeight).map((other) => PRESET_RULES.find(({ name }) => name === other.preset)?.label ?? 0));
  const good = qualityThreshold === null ? sizes : sizes.filter((size) => labelled(size) >= qualityThreshold);
  if (good.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--quality-threshold', reason: 'no allowed preset carries such a label' });
  const fitting = good.filter(({ bytes }) => bytes <= limit);
  const choice = fitting.length > 0 && speedPriority ? (bySize(fitting).at(-1) ?? chooseWithin(good, limit)) : chooseWithin(good, limit);
  const reasons = [
    speedPriority ? 'the smallest that meets the wishes, as decoding speed follows size; speed was not measured' : 'the most bits per weight that fits; more bits are not always better, so measure it',
    ...(targetSize === null ? [] : [`at most ${targetSize} bytes`]),
    ...(memory === null ? [] : [`at most ${MEMORY_SHARE * 100} % of ${memory} bytes of memory`]),
    ...(qualityThreshold === null ? [] : [`labelled ${(qualityThreshold * 100).toFixed(0)} % or more by the original program (a claim, not measured)`]),
  ];
  return { choice, reasons };
}

const text = (options: Readonly<Record<string, unknown>>, name: string): string | null => (typeof options[name] === 'string' ? options[name] : null);
const labelOf = (preset: string): string => {
  const label = PRESET_RULES.find(({ name }) => name === preset)?.label;
  return label === undefined ? '' : `${label * 100} %`;
};

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('<model>', 'a GGUF file, best in F16')
      .option('--target-size <size>', 'largest file: 88.2MB, or bytes')
      .option('--memory <size>', 'memory of the machine: 2GB, or bytes')
      .option('--quality-threshold <number>', "least label of the original, 0 to 1 or a percentage; labels are not measured")
      .option('--speed-priority [on|off]', 'the smallest file that meets the other wishes')
      .addHelpText('after', '\nExamples:\n  tara-gguf recommend model.f16.gguf --target-size 100MB\n  tara-gguf recommend model.f16.gguf --memory 2GB --speed-priority --json');
  },
  async run({ args, options, config, signal }): Promise<CommandResult> {
    const path = args[0];
    if (path === undefined) throw new TaraError('TARA_USAGE', { reason: 'missing argument model' });
    const size = (name: string, flag: string): number | null => {
      const given = text(options, name);
      return given === null ? null : parseBytes(flag, given);
    };
    const threshold = text(options, 'qualityThreshold');
    const wishes: Wishes = {
      targetSize: size('targetSize', '--target-size'),
      memory: size('memory', '--memory'),
      qualityThreshold: threshold === null ? null : parseFraction('--quality-threshold', threshold),
      speedPriority: parseSwitch('--speed-priority', options.speedPriority),
    };
    const model = await sizesOf(path, allowedRules(configSchema.parse(config ?? {})), signal);
    const { choice, reasons } = recommend(model.sizes, wishes);
    const presets = bySize(model.sizes).map((item) => ({ ...item, originalLabel: PRESET_RULES.find(({ name }) => name === item.preset)?.label ?? null }));
    const rows = presets.map(({ preset, bytes, bitsPerWeight, types }) => `${preset === choice.preset ? '*' : ' '} ${preset.padEnd(8)}${String(bytes).padStart(14)}${bitsPerWeight.toFixed(2).padStart(8)}${labelOf(preset).padStart(8)}  ${typesLine(types)}`);
    return {
      json: { model: path, modelBytes: model.bytes, recommended: choice.preset, bytes: choice.bytes, bitsPerWeight: choice.bitsPerWeight, measured: false, reasons, presets },
      text: [`${choice.preset}: ${choice.bytes} bytes, ${choice.bitsPerWeight.toFixed(2)} bits per weight`, ...reasons.map((reason) => `- ${reason}`), `- ${NOT_MEASURED}`, '', `  ${'preset'.padEnd(8)}${'bytes'.padStart(14)}${'bits/w'.padStart(8)}${'label'.padStart(8)}  tensors by type`, ...rows].join('\n'),
    };
  },
};

export default command;
