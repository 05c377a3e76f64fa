/** What a core command is and what it gets: a plugin's command context, and the state folder, the registry and the streams. */
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { CommandContext, CommandResult } from '../kernel/command.js';
import type { Host } from '../kernel/host-types.js';
import type { Token } from '../kernel/tokens.js';
import type { Home } from '../phases/home.js';
import type { Registry } from '../phases/registry/registry.js';

/** Anything the command line writes to; `isTTY` turns progress on. */
export interface Output {
  write(text: string, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The surroundings of one run, so that tests run commands in this process. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

export interface CoreContext extends CommandContext {
  readonly home: Home;
  readonly env: Io['env'];
  readonly cwd: string;
  readonly stdin: Readable;
  /** --json: nothing but the result goes to stdout. */
  readonly json: boolean;
  /** --dry-run: check and tell, write nothing. */
  readonly dryRun: boolean;
  /** True when a person watches stderr. */
  readonly interactive: boolean;
  /** An absolute path of what the user typed. */
  path(typed: string): string;
  /** The registry, opened at the first call and closed after the command. A reader creates nothing; --dry-run rolls everything back. */
  registry(access: 'read' | 'write'): Promise<Registry>;
  /** Starts the kernel with its plugins at the first call (stopped after the command), and notes those that failed; then `use` and `find` know their services. */
  plugins(): Promise<Host>;
  /** As `use`, or undefined where nobody provides the service. */
  find<T>(token: Token<T>): T | undefined;
  /** Streams text to stdout ahead of the result (a reply while it is generated); nothing under --json. Waits for a slow reader. */
  print(text: string): Promise<void>;
  /** One line on stderr; nothing under --quiet. */
  note(text: string): void;
}

/** A core command: the default export of its file in commands/. */
export interface CoreCommand {
  describe(command: Command): void;
  /** A result whose json is an async iterable is printed as one JSON line an item. */
  run(context: CoreContext): Promise<CommandResult>;
}
