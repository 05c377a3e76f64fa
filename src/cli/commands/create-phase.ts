/** create-phase N: a phase with its settings and, when named, its domains. */
import type { CoreCommand } from '../context.js';
import { formatBytes, parseSize } from '../format.js';
import { addDryRun, argument, examples, textOption } from '../options.js';
import { existing } from '../paths.js';
import { defaultAdapterPath, phaseJson } from '../phase-view.js';
import { TaraError } from '../../errors.js';
import {
  COMPRESSION_TYPES, DEFAULT_SETTINGS, LAYOUTS, MERGES, compressionType, domainNames, fraction, layoutName, mergeName, phaseNumber, quantizationName, type PhaseSettings,
} from '../../phases/settings.js';

const SPEED: Readonly<Record<string, boolean>> = { true: true, on: true, yes: true, high: true, false: false, off: false, no: false, low: false };

const command: CoreCommand = {
  describe(command) {
    addDryRun(command
      .argument('<phase>', 'phase number, 1 to 9999')
      .option('--domains <names>', 'domains, comma-separated; their adapters are expected in models/adapters/NAME')
      .option('--quantization <type>', 'preset or type as llama-quantize names it', DEFAULT_SETTINGS.quantization)
      .option('--compression-type <type>', COMPRESSION_TYPES.join(', '), DEFAULT_SETTINGS.compressionType)
      .option('--layout <layout>', `what a build becomes: ${LAYOUTS.join(', ')}`, DEFAULT_SETTINGS.layout)
      .option('--merge <method>', `how a merged build joins adapters: ${MERGES.join(', ')}`, DEFAULT_SETTINGS.merge)
      .option('--target-size <size>', 'size of the built files together: 88.2MB, or a bare number of MB')
      .option('--quality-threshold <number>', 'measured quality, 0 to 1, that a build must reach')
      .option('--speed-priority [on|off]', 'let speed on this machine decide between types of equal worth')
      .option('--base <path>', 'base model: a Hugging Face folder or a GGUF file'))
      .addHelpText('after', examples('create-phase 1 --domains health,business', 'create-phase 2 --domains education --quantization Q5_K_M --target-size 120 --base models/base', 'create-phase 3 --domains health,law --layout adapters'));
  },
  async run(context) {
    const number = phaseNumber(argument(context.args, 0, 'phase'));
    const text = (name: string) => textOption(context.options, name);
    const names = domainNames(text('domains') ?? '');
    const base = text('base');
    const targetSize = text('targetSize');
    const threshold = text('qualityThreshold');
    const settings: PhaseSettings = {
      quantization: quantizationName(text('quantization') ?? DEFAULT_SETTINGS.quantization),
      compressionType: compressionType(text('compressionType') ?? DEFAULT_SETTINGS.compressionType),
      targetSize: targetSize === undefined ? null : parseSize('--target-size', targetSize, 'MB'),
      qualityThreshold: threshold === undefined ? null : fraction('--quality-threshold', threshold),
      speedPriority: speedPriority(context.options.speedPriority),
      base: base === undefined ? null : await existing(context.path(base), 'any'),
      layout: layoutName(text('layout') ?? DEFAULT_SETTINGS.layout),
      merge: mergeName(text('merge') ?? DEFAULT_SETTINGS.merge),
    };
    await checkQuantization(settings.quantization);
    const registry = await context.registry('write');
    return registry.transaction(() => {
      registry.phases.create(number, settings);
      for (const name of names) registry.domains.add(number, { name, path: defaultAdapterPath(context, name) });
      const size = settings.targetSize === null ? '' : `, at most ${formatBytes(settings.targetSize)}`;
      return {
        json: { ...phaseJson(registry, number), dryRun: context.dryRun },
        text: `${context.dryRun ? 'would make' : 'made'} phase ${number} (${settings.quantization}, ${settings.compressionType}${size}) with ${names.length === 0 ? 'no domains' : `${names.length === 1 ? 'domain' : 'domains'} ${names.join(', ')}`}`,
      };
    });
  },
};

/** TARA_TYPE_UNKNOWN; one that needs an importance matrix may be planned for. */
async function checkQuantization(type: string): Promise<void> {
  const { PRESETS, PRESET_NAMES } = await import('../../plan/presets.js');
  if (!Object.hasOwn(PRESETS, type)) throw new TaraError('TARA_TYPE_UNKNOWN', { type, known: PRESET_NAMES.join(', ') });
}

function speedPriority(value: unknown): boolean {
  if (value === undefined) return false;
  const on = value === true ? true : SPEED[String(value).toLowerCase()];
  if (on === undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--speed-priority', reason: `${JSON.stringify(value)} is neither on nor off` });
  return on;
}

export default command;
