/** The plugin contract: what an author writes and what the kernel hands out. Loads nothing but errors. */

import type { PluginCommand } from './command.js';
import type { HookKind, HookName, HookResult, HookValue } from './hook-table.js';
import type { Token } from './tokens.js';

/** A zod schema, of any version, or anything with the same synchronous safeParse. */
export interface ConfigSchema<Config> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: Config }
    | { readonly success: false; readonly error: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] } };
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogRecord {
  readonly level: LogLevel;
  /** Name of the plugin, or `kernel`. */
  readonly plugin: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where records go; without one the kernel and its plugins are silent. */
export type LogSink = (record: LogRecord) => void;

export type Logger = { readonly [Level in LogLevel]: (message: string, fields?: Readonly<Record<string, unknown>>) => void };

/** Events by name; plugins add theirs by declaration merging. Payloads are plain data, never a user's text. */
export interface Events {
  'plugin:failed': { readonly plugin: string; readonly code: string; readonly message: string };
  'hook:failed': { readonly plugin: string; readonly hook: string; readonly code: string; readonly message: string };
}

export type EventName = keyof Events & string;

/** The bus: listeners are told in turn, nobody waits, and what a listener throws is only logged. */
export interface EventBus {
  emit<Name extends EventName>(name: Name, payload: Events[Name]): void;
  /** Returns the function that ends it; it also ends with the plugin. */
  on<Name extends EventName>(name: Name, listener: (payload: Events[Name]) => void): () => void;
}

/** pre handlers run before normal ones, post after; within one order, in the plugins' start order. */
export type HookOrder = 'pre' | 'normal' | 'post';

export interface HookOptions {
  readonly order?: HookOrder;
  /** Milliseconds; the host's limit when omitted. */
  readonly timeoutMs?: number;
}

/** What a hook handler gets beside the value. */
export interface HookContext<Config = unknown> {
  readonly config: Config;
  readonly log: Logger;
  /** Aborted by the caller or when the handler's time is up. */
  readonly signal: AbortSignal;
  use<T>(token: Token<T>): T;
}

export type HookHandler<Name extends HookName, Config = unknown> = {
  // Method syntax: a handler for one configuration fits a list of handlers for any.
  handle(value: HookValue<Name>, context: HookContext<Config>): HookResult<Name> | Promise<HookResult<Name>>;
}['handle'];

/** Handlers by hook name: a function, or a function with its order and time limit. */
export type HookHandlers<Config = unknown> = {
  readonly [Name in HookName]?: HookHandler<Name, Config> | ({ readonly handler: HookHandler<Name, Config> } & HookOptions);
};

/** What register, start and stop get. */
export interface PluginContext<Config = unknown> {
  readonly name: string;
  /** As the plugin's schema returned it; undefined for a plugin without a schema. */
  readonly config: Config;
  readonly log: Logger;
  readonly events: EventBus;
  /** Aborted when the plugin stops or fails: release what start opened. */
  readonly signal: AbortSignal;
  /** Offers a service; the factory runs at its first use, once. A capability must be named in `provides`. Only during register. */
  provide<T>(token: Token<T>, factory: () => T): void;
  /** A service of the kernel, of this plugin, of a plugin it requires, or a capability. */
  use<T>(token: Token<T>): T;
  /** The same, or undefined where nobody provides it. */
  find<T>(token: Token<T>): T | undefined;
  /** Adds a handler; only during register. */
  hook<Name extends HookName>(name: Name, handler: HookHandler<Name, Config>, options?: HookOptions): void;
}

export interface PluginDefinition<Config = undefined> {
  /** Lower case with dashes; unique in a host. */
  readonly name: string;
  /** The plugin's own semver version. */
  readonly version: string;
  /** The semver range of kernels it works with: `^0.1.0`. */
  readonly kernel: string;
  readonly apiVersion: 1;
  /** Plugins or capabilities it cannot run without, each with an optional range: `emotion`, `redact@^1.2.0`. They start first. */
  readonly requires?: readonly string[];
  /** The same, used where present. */
  readonly optional?: readonly string[];
  /** Names of the capabilities that register provides. */
  readonly provides?: readonly string[];
  /** Validates the plugin's part of the configuration; an absent part is validated as {}. */
  readonly config?: ConfigSchema<Config>;
  /** Commands by name and description, loaded when they run. */
  readonly commands?: readonly PluginCommand[];
  readonly hooks?: HookHandlers<Config>;
  /** What other rooms read from plugins without running them: texts, such as URLs of modules, by kind. The kernel only carries them. */
  readonly contributes?: Readonly<Record<string, readonly string[]>>;
  /** Hooks of its own that it calls through `hooks` (see the token), by name. */
  readonly hookPoints?: Readonly<Record<string, HookKind>>;
  /** Offers services and adds hooks; opens nothing. */
  register?(context: PluginContext<Config>): void | Promise<void>;
  /** Opens what the services need, after all plugins have registered. */
  start?(context: PluginContext<Config>): void | Promise<void>;
  /** Closes it again; called once, in the reverse order of start, if start succeeded. */
  stop?(context: PluginContext<Config>): void | Promise<void>;
}

/** A plugin of any configuration. */
export type Plugin = PluginDefinition<unknown>;

/** Gives a definition its types; the kernel checks it when it is loaded. */
export const definePlugin = <Config = undefined>(definition: PluginDefinition<Config>): PluginDefinition<Config> => Object.freeze({ ...definition });
