/** Options of convert and merge that say how adapters become one change of their base. */
import type { Command } from 'commander';
import { defaultWeight, MERGE_METHODS, REGMEAN_NEEDS, type AdapterInput, type MergeMethod, type MergeSettings } from '../convert/index.js';
import { TaraError } from '../errors.js';
import type { CoreContext } from './context.js';
import { parseCount, parseNumber } from './format.js';
import { collect, listOption, textOption } from './options.js';

export const addMergeOptions = (command: Command): Command => command
  .option('--adapter <dir[=weight]>', 'LoRA adapter to merge; may be repeated (default weight: 1 / number of adapters for linear and dare, else 1)', collect)
  .option('--density <share>', 'ties: share of each delta that is kept (default: 0.4); dare, dare-ties: chance of an element to be kept (default: 0.5)')
  .option('--scale <factor>', 'factor on the merged delta (default: 0.4 for task-arithmetic, else 1); linear takes none')
  .option('--seed <number>', 'dare, dare-ties: which elements are kept (default: 0)');

/** --density, --scale and --seed, each where it was typed. Throws TARA_OPTION_INVALID. */
export function mergeNumbers(options: CoreContext['options']): { density?: number; scale?: number; seed?: number } {
  const [density, scale, seed] = ['density', 'scale', 'seed'].map((name) => textOption(options, name));
  return {
    ...(density === undefined ? {} : { density: parseNumber('--density', density, 0, 1) }),
    ...(scale === undefined ? {} : { scale: parseNumber('--scale', scale, -100, 100) }),
    ...(seed === undefined ? {} : { seed: parseCount('--seed', seed, 0, 0xffffffff) }),
  };
}

const isMethod = (name: string): name is (typeof MERGE_METHODS)[number] => (MERGE_METHODS as readonly string[]).includes(name);

/** The settings that were typed, or undefined; `flag` is what the command calls the method. Throws TARA_OPTION_INVALID, TARA_USAGE. */
export function mergeSettings({ options }: CoreContext, flag: '--merge' | '--method'): MergeSettings | undefined {
  const method = textOption(options, flag.slice(2));
  const numbers = mergeNumbers(options);
  if (method === undefined) {
    const [idle] = Object.keys(numbers);
    if (idle !== undefined) throw new TaraError('TARA_USAGE', { reason: `--${idle} needs ${flag}` });
    return undefined;
  }
  if (method === 'regmean') throw new TaraError('TARA_OPTION_INVALID', { option: flag, reason: REGMEAN_NEEDS });
  if (!isMethod(method)) throw new TaraError('TARA_OPTION_INVALID', { option: flag, reason: `${JSON.stringify(method.slice(0, 80))} is none of ${MERGE_METHODS.join(', ')}` });
  return { method, ...numbers };
}

/** Each --adapter, `DIR` or `DIR=WEIGHT`. */
export function adapterInputs(context: CoreContext, method: MergeMethod = 'linear'): AdapterInput[] {
  const typed = listOption(context.options, 'adapter');
  return typed.map((text) => {
    const [, dir, weight] = /^(.*)=([^=/\\]*)$/.exec(text) ?? [];
    if (dir === undefined || weight === undefined) return { dir: context.path(text), weight: defaultWeight(method, typed.length) };
    return { dir: context.path(dir), weight: parseNumber('--adapter', weight, -100, 100) };
  });
}
