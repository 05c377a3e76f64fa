/** The target of a command: --target, else the positional argument. */
import { TaraError } from 'tara-gguf/plugin';

/** Throws TARA_OPTION_INVALID where both are given and differ. */
export function targetOf(positional: string | undefined, options: Readonly<Record<string, unknown>>): string | undefined {
  const option = typeof options.target === 'string' && options.target !== '' ? options.target : undefined;
  if (option !== undefined && positional !== undefined && option !== positional) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--target', reason: `it says ${option}, the argument says ${positional}; give one of them` });
  }
  return option ?? positional;
}

/** The same for commands that need one. Throws TARA_USAGE. */
export function needTarget(positional: string | undefined, options: Readonly<Record<string, unknown>>): string {
  const target = targetOf(positional, options);
  if (target === undefined) throw new TaraError('TARA_USAGE', { reason: 'name the deployment target, such as deploy/phase-1' });
  return target;
}
