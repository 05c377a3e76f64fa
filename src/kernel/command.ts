/**
 * A command of the command line, as core and plugins write it. Types only: commander itself is
 * loaded by src/cli, and a command's module only when the command runs.
 */

import type { Command } from 'commander';
import type { Token } from './tokens.js';

/** Where a command reports how far it is. */
export interface ProgressSink {
  /** `fraction` in 0..1, or null when the end is unknown; `detail` is one short line. */
  report(fraction: number | null, detail?: string): void;
  /** Ends the line of this sink; later reports are ignored. */
  done(detail?: string): void;
}

export interface CommandContext {
  /** Positional arguments in order, a variadic one flattened; an omitted optional one is absent. */
  readonly args: readonly string[];
  /** Options by their camel-case names, as commander parsed them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The service of a token; TARA_SERVICE_UNKNOWN or TARA_CAPABILITY_MISSING when nobody provides it. */
  use<T>(token: Token<T>): T;
  /** The validated configuration of the plugin that owns the command. */
  readonly config: unknown;
  /** Aborted on Ctrl-C; long work must pass it on. */
  readonly signal: AbortSignal;
  progress(label: string): ProgressSink;
}

export interface CommandResult {
  /** What --json prints. */
  readonly json: unknown;
  /** What is printed otherwise, without a final newline. */
  readonly text: string;
  /** 0 (the default): done; 1: the work ran and its answer is "no" (an invalid model, a failed check). */
  readonly exitCode?: 0 | 1;
}

export interface CommandModule {
  /** Adds arguments, options and examples to the command; its name and description are set already. */
  describe(command: Command): void;
  /** Does the work; a failure is a thrown TaraError, never process.exit and never a write to stdout. */
  run(context: CommandContext): Promise<CommandResult>;
}

/** The static half of a command: enough for --help, nothing loaded. */
export interface PluginCommand {
  readonly name: string;
  readonly description: string;
  load(): Promise<{ readonly default: CommandModule }>;
}
