/**
 * Commands that live in plugins. The built-in ones are named here, so that --help and a wrong name load nothing;
 * the kernel's host, tara.config and the plugins load when such a command (or an unknown one) runs.
 */
import type { Host, PluginSource } from '../kernel/index.js';
import type { Home } from '../phases/home.js';
import { CORE_COMMANDS } from './commands/index.js';

export const BUILT_IN_PLUGINS = ['compression', 'cleanup', 'emotion', 'router', 'deploy'] as const;

export interface PluginCommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly plugin: (typeof BUILT_IN_PLUGINS)[number];
}

export const BUILT_IN_COMMANDS: readonly PluginCommandEntry[] = [
  { name: 'clean-model', summary: 'copy a model or adapter folder without garbage, checked and repaired', plugin: 'cleanup' },
  { name: 'verify', summary: 'check a model, a cleaned folder or a deployment target', plugin: 'cleanup' },
  { name: 'recommend', summary: 'which quantization fits a size, a quality and this machine', plugin: 'compression' },
  { name: 'deploy-phase', summary: "deploy a phase's last good build", plugin: 'deploy' },
  { name: 'rollback', summary: 'make the release before the current one current again', plugin: 'deploy' },
  { name: 'releases', summary: 'list the releases of a target', plugin: 'deploy' },
  { name: 'route', summary: 'which domain answers a text', plugin: 'router' },
  { name: 'analyze-emotion', summary: 'the emotions in a text, and whether it is a crisis', plugin: 'emotion' },
];

/** The host with the built-in plugins and those of tara.config in `cwd`; nothing is started yet. TARA_CONFIG_FILE_INVALID. */
export async function loadPluginCommands(home: Home, cwd: string): Promise<Host> {
  const [{ createHost, loadConfig }, { coreServices }] = await Promise.all([import('../kernel/index.js'), import('./services.js')]);
  const config = await loadConfig(cwd);
  const names = BUILT_IN_PLUGINS.filter((name) => !config.disable.includes(name));
  return createHost({
    plugins: [...await Promise.all(names.map(loadBuiltIn)), ...config.plugins],
    config: config.config,
    capabilities: config.capabilities,
    services: coreServices(home),
    reservedCommands: CORE_COMMANDS.map((command) => command.name),
    timeouts: config.timeouts,
  });
}

async function loadBuiltIn(name: string): Promise<PluginSource> {
  const { TaraError } = await import('../errors.js');
  try {
    const module = (await import(`../../plugins/${name}/index.js`)) as { default?: unknown };
    return { source: `built in: ${name}`, value: module.default };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] ?? '' : String(cause);
    return { source: `built in: ${name}`, error: new TaraError('TARA_PLUGIN_LOAD', { plugin: name, reason }, { cause }) };
  }
}
