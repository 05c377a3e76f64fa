/** A host for tests: booted, with everything it logs kept, and commands run from an argument list. */

import { Command, CommanderError } from 'commander';
import { TaraError } from '../errors.js';
import { createHost, service, type Host, type HostOptions, type PluginSource, type Service } from '../kernel/index.js';
import type { CommandResult } from '../kernel/command.js';
import type { LogRecord } from '../kernel/plugin.js';
import { workers, type CallOptions, type Workers } from '../kernel/services.js';

export interface TestHostOptions extends Omit<HostOptions, 'plugins' | 'log'> {
  /** Plugins as definePlugin returns them, or as loadConfig found them. */
  readonly plugins?: readonly (object | PluginSource)[];
  /** Keeps a host whose plugins failed; otherwise createTestHost throws the first one's error. */
  readonly allowFailures?: boolean;
}

export interface TestHost extends Host {
  /** Everything that was logged, in order. */
  readonly logs: readonly LogRecord[];
  /** Runs a plugin's command as the command line would: `run('redact', ['--json', 'text'])`. Usage errors are TARA_USAGE. */
  run(command: string, argv?: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<CommandResult>;
}

/** Runs a module in this thread, so that a test needs no compiled code. */
const inlineWorkers: Workers = {
  threads: 1,
  async runInPool<Output>(module: string | URL, input: unknown, { signal }: CallOptions = {}) {
    const check = (): void => {
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    };
    check();
    const task = (await import(String(module))) as { default: (input: unknown, context: { check(): void }) => Promise<Output> };
    return task.default(structuredClone(input), { check });
  },
};

const withWorkers = (services: readonly Service[]): readonly Service[] =>
  services.some(({ token }) => token.name === workers.name) ? services : [...services, service(workers, () => inlineWorkers)];

/** A started host. Throws the error of the first plugin that failed, unless `allowFailures`. */
export async function createTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const { plugins = [], allowFailures = false, ...rest } = options;
  const logs: LogRecord[] = [];
  const host = createHost({ ...rest, services: withWorkers(rest.services ?? []), plugins: plugins.map(asSource), log: (record) => void logs.push(record) });
  await host.start();
  const failed = host.plugins().find((plugin) => plugin.state === 'failed');
  if (!allowFailures && failed?.error != null) {
    await host.stop();
    throw failed.error;
  }
  return Object.assign(host, { logs, run: (command: string, argv: readonly string[] = [], { signal }: { readonly signal?: AbortSignal } = {}) => runCommand(host, command, argv, signal) });
}

const asSource = (plugin: object, index: number): PluginSource => ('source' in plugin && typeof plugin.source === 'string' ? { ...plugin, source: plugin.source } : { source: `plugins.${index}`, value: plugin });

async function runCommand(host: Host, name: string, argv: readonly string[], signal = new AbortController().signal): Promise<CommandResult> {
  const found = host.commands().find((command) => command.name === name);
  if (found === undefined) throw new TaraError('TARA_USAGE', { reason: `there is no command ${name}` });
  const module = await found.load();
  const command = new Command(name).description(found.description).exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  module.describe(command);
  command.action(() => {});
  try {
    command.parse([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) throw new TaraError('TARA_USAGE', { reason: thrown.message }, { cause: thrown });
    throw thrown;
  }
  const { config, use } = await found.open();
  return module.run({ args: command.args, options: command.opts(), use, config, signal, progress: () => ({ report: () => {}, done: () => {} }) });
}
