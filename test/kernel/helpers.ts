/** Short forms for tests of the kernel. */

import { TaraError, type ErrorCode } from '../../src/errors.js';
import { createHost, type Host, type HostOptions } from '../../src/kernel/index.js';
import type { LogRecord, PluginDefinition } from '../../src/kernel/plugin.js';

/** A plugin that does nothing but what `fields` say. */
export const plugin = <Config = undefined>(name: string, fields: Partial<PluginDefinition<Config>> = {}): PluginDefinition<Config> => ({ name, version: '1.0.0', kernel: '*', apiVersion: 1, ...fields });

export interface Bench {
  readonly host: Host;
  readonly logs: LogRecord[];
  /** `name: state CODE` of each plugin. */
  states(): string[];
}

/** A host of these values, not started. */
export function bench(values: readonly unknown[], options: Omit<HostOptions, 'plugins' | 'log'> = {}): Bench {
  const logs: LogRecord[] = [];
  const host = createHost({ ...options, plugins: values.map((value, index) => ({ source: `test ${index}`, value })), log: (record) => void logs.push(record) });
  return { host, logs, states: () => host.plugins().map(({ name, state, error }) => `${name}: ${state}${error === null ? '' : ` ${error.code}`}`) };
}

export async function started(values: readonly unknown[], options: Omit<HostOptions, 'plugins' | 'log'> = {}): Promise<Bench> {
  const made = bench(values, options);
  await made.host.start();
  return made;
}

/** What a call or promise throws, as a TaraError of this code. */
export async function thrownBy(code: ErrorCode, work: () => unknown): Promise<TaraError> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof TaraError && thrown.code === code) return thrown;
    throw thrown;
  }
  throw new Error(`nothing was thrown, ${code} was expected`);
}

/** A promise that is never settled. */
export const never = (): Promise<never> => new Promise(() => {});
