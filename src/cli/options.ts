/** Options that commands share, and typed reading of what commander parsed. */
import type { Command } from 'commander';
import { TaraError } from '../errors.js';

/** The options of every command. */
export function addGlobalOptions(command: Command): void {
  const has = (flag: string) => command.options.some((option) => option.long === flag);
  if (!has('--json')) command.option('--json', 'print one JSON document on stdout');
  if (!has('--home')) command.option('--home <dir>', 'state folder (default: TARA_HOME, else .tara)');
  if (!has('--verbose')) command.option('--verbose', 'print the stack of an error');
  if (!has('--quiet')) command.option('--quiet', 'no notes and no progress');
}

/** For commands that write. */
export const addDryRun = (command: Command): Command => command.option('--dry-run', 'check everything and say what would be done; write nothing');

/** Collects a repeated option into a list. */
export const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];

/** Help text with examples, as every command ends its --help. */
export const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  $ tara-gguf ${line}`).join('\n')}`;

/** What the library calls an option, by what a user typed. */
const FLAGS: Readonly<Record<string, string>> = {
  contextSize: '--context', maxTokens: '--max-tokens', stop: '--stop', threads: '--threads', adapter: '--adapter', output: '--output', outputs: '--type', tensorTypes: '--tensor-type', preTokenizer: '--pre-tokenizer',
  'merge.method': '--merge', 'merge.density': '--density', 'merge.scale': '--scale', 'merge.seed': '--seed', 'blend.t': '--t',
};

/** An error of the library that names one of its options, naming the flag instead. */
export function naming(error: TaraError): TaraError {
  const flag = FLAGS[String(error.fields.option)];
  return error.code === 'TARA_OPTION_INVALID' && flag !== undefined ? new TaraError(error.code, { ...error.fields, option: flag }, { cause: error }) : error;
}

type Options = Readonly<Record<string, unknown>>;

/** The text of an option; undefined when it was not given. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (typeof value !== 'string' || value === '') throw new TaraError('TARA_OPTION_INVALID', { option: flag, reason: 'it needs a value' });
  return value;
}

/** --output, which commander has made sure of. */
export function outputOption(options: Options): string {
  const output = textOption(options, 'output');
  if (output === undefined) throw new TaraError('TARA_USAGE', { reason: "missing option '--output'" });
  return output;
}

export const listOption = (options: Options, name: string): readonly string[] => {
  const value = options[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
};

export const flagOption = (options: Options, name: string): boolean => options[name] === true;

/** A positional argument that commander has made sure of. */
export function argument(args: readonly string[], index: number, name: string): string {
  const value = args[index];
  if (value === undefined) throw new TaraError('TARA_USAGE', { reason: `missing argument ${name}` });
  return value;
}
