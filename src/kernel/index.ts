/**
 * The kernel: plugins, services, hooks, configuration, lifecycle. It knows nothing about models.
 * May import ../errors.js and npm libraries only. What plugin authors import is src/plugin.ts.
 */

export { createHost } from './host.js';
export type { Host, HostCommand, HostOptions, HostTimeouts, PluginState, PluginStatus } from './host-types.js';
export type { PluginSource } from './checks.js';
export { service, type Service } from './container.js';
export { CONFIG_FILES, loadConfig, type ConfigFile, type TaraConfig } from './config.js';
export { loadPlugin } from './load.js';
export { hooks } from './services.js';
