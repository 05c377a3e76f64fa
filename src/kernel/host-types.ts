/** What a host is made from and what it answers. */

import type { TaraError } from '../errors.js';
import type { PluginSource } from './checks.js';
import type { CommandModule } from './command.js';
import type { Service } from './container.js';
import type { EventBus, LogSink } from './plugin.js';
import type { HookCaller } from './services.js';
import type { Token } from './tokens.js';

/** Milliseconds. */
export interface HostTimeouts {
  /** For register of one plugin; 10 s when omitted. */
  readonly register?: number;
  /** For start of one plugin; 60 s when omitted. */
  readonly start?: number;
  /** For stop of one plugin; 10 s when omitted. */
  readonly stop?: number;
  /** For a hook handler that sets no limit of its own; none when omitted. */
  readonly hook?: number;
}

export interface HostOptions {
  /** In the order in which those without requirements start. */
  readonly plugins?: readonly PluginSource[];
  /** Configuration by plugin name. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The plugin to take a capability from, where several provide it. */
  readonly capabilities?: Readonly<Record<string, string>>;
  /** Services for plugins and commands; one for a capability is the fallback where no plugin provides it. */
  readonly services?: readonly Service[];
  /** Names of the core's own commands. */
  readonly reservedCommands?: readonly string[];
  readonly timeouts?: HostTimeouts;
  readonly log?: LogSink;
}

/**
 * `loaded`: all checks passed; `registered`: its services can be used; `started`: its hooks are
 * called too; `failed`: it is out, see its error; `stopped`: after stop.
 */
export type PluginState = 'loaded' | 'registered' | 'started' | 'stopped' | 'failed';

export interface PluginStatus {
  readonly name: string;
  /** Null when the plugin could not be read. */
  readonly version: string | null;
  readonly state: PluginState;
  /** Why it failed; for a running plugin the last error of its hooks. */
  readonly error: TaraError | null;
  readonly source: string;
  readonly requires: readonly string[];
  readonly provides: readonly string[];
  readonly commands: readonly string[];
  /** Hooks it handles. */
  readonly hooks: readonly string[];
  /** How many times a handler of its failed. */
  readonly hookFailures: number;
}

/** A plugin's command, nothing of it loaded yet. */
export interface HostCommand {
  readonly plugin: string;
  readonly name: string;
  readonly description: string;
  /** Its module, for describe and run. Throws TARA_PLUGIN_COMMAND_LOAD. */
  load(): Promise<CommandModule>;
  /** Starts the plugins and gives what a CommandContext needs of this one. Throws the plugin's own error when it failed. */
  open(): Promise<{ readonly config: unknown; use<T>(token: Token<T>): T }>;
}

export interface Host extends AsyncDisposable {
  readonly hooks: HookCaller;
  readonly events: EventBus;
  /** Every plugin that was named, failed ones included, in the order given. */
  plugins(): readonly PluginStatus[];
  /** Parts of the configuration that have no effect. */
  problems(): readonly TaraError[];
  /** What plugins that have not failed contribute of one kind, each once. */
  contributions(kind: string): readonly string[];
  /** Commands of the plugins that have not failed. */
  commands(): readonly HostCommand[];
  /** Registers all plugins, then starts them, in order. Never rejects for a plugin; TARA_DISPOSED after stop. Twice gives the same promise. */
  start(): Promise<void>;
  /** Stops all plugins in reverse order. Never rejects; twice gives the same promise. */
  stop(): Promise<void>;
  /** A service or capability. Throws TARA_SERVICE_UNKNOWN or TARA_CAPABILITY_MISSING. */
  use<T>(token: Token<T>): T;
  /** The same, or undefined where nobody provides it. */
  find<T>(token: Token<T>): T | undefined;
}
