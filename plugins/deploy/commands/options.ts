/** Options that the commands of this plugin share. */
import { TARGET_LAYOUTS, TaraError, type TargetLayout } from 'tara-gguf/plugin';

type Options = Readonly<Record<string, unknown>>;

/** Throws TARA_NAME_INVALID. */
export function phaseOption(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new TaraError('TARA_NAME_INVALID', { name: JSON.stringify(text.slice(0, 80)), what: 'phase number', rule: 'a whole number from 1 to 9999' });
  return Number(text);
}

/** The target of a command: --target, else the positional argument. Throws TARA_OPTION_INVALID where both are given and differ. */
export function targetOf(positional: string | undefined, options: Options): string | undefined {
  const option = textOf(options, 'target');
  if (option !== undefined && positional !== undefined && option !== positional) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--target', reason: `it says ${option}, the argument says ${positional}; give one of them` });
  }
  return option ?? positional;
}

/** The same for commands that need one. Throws TARA_USAGE. */
export function needTarget(positional: string | undefined, options: Options): string {
  const target = targetOf(positional, options);
  if (target === undefined) throw new TaraError('TARA_USAGE', { reason: 'name the deployment target, such as deploy/phase-1' });
  return target;
}

/** The text of an option; undefined where it was not given or is empty. */
export const textOf = (options: Options, name: string): string | undefined => {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Throws TARA_OPTION_INVALID. */
export function layoutOf(options: Options): TargetLayout | undefined {
  const name = textOf(options, 'targetLayout');
  const known = TARGET_LAYOUTS.find((layout) => layout === name);
  if (name !== undefined && known === undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--target-layout', reason: `${JSON.stringify(name.slice(0, 80))} is none of ${TARGET_LAYOUTS.join(', ')}` });
  return known;
}

/** Throws TARA_OPTION_INVALID. */
export function keepOf(options: Options): number | undefined {
  const text = textOf(options, 'keep');
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new TaraError('TARA_OPTION_INVALID', { option: '--keep', reason: 'it takes a whole number from 1 to 999' });
  return Number(text);
}

/** `--label NAME=VALUE`, repeated. Throws TARA_OPTION_INVALID. */
export function labelsOf(options: Options): Readonly<Record<string, string>> {
  const given = Array.isArray(options.label) ? options.label : [];
  return Object.fromEntries(given.map((label: unknown) => {
    const [, name, value] = /^([A-Za-z][\w.-]{0,63})=(.{0,200})$/.exec(String(label)) ?? [];
    if (name === undefined || value === undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--label', reason: `${JSON.stringify(String(label).slice(0, 80))} is not NAME=VALUE` });
    return [name, value];
  }));
}

export const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];
