/**
 * Commands that live in plugins. The built-in ones are named here, so that --help and a wrong name load nothing;
 * the kernel's host, tara.config and the plugins load when such a command (or an unknown one) runs.
 */
import type { BuiltInPlugin } from '../boot.js';
import type { Host } from '../kernel/index.js';
import type { Home } from '../phases/home.js';
import { CORE_COMMANDS } from './commands/index.js';

export interface PluginCommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly plugin: BuiltInPlugin;
}

export const BUILT_IN_COMMANDS: readonly PluginCommandEntry[] = [
  { name: 'clean-model', summary: 'copy a model or adapter folder without garbage, checked and repaired', plugin: 'cleanup' },
  { name: 'verify', summary: 'check a model, a cleaned folder or a deployment target', plugin: 'cleanup' },
  { name: 'recommend', summary: 'which quantization fits a size, a quality and this machine', plugin: 'compression' },
  { name: 'deploy-phase', summary: "deploy a phase's last good build", plugin: 'deploy' },
  { name: 'rollback', summary: 'make the release before the current one current again', plugin: 'deploy' },
  { name: 'releases', summary: 'list the releases of a target, or remove old ones', plugin: 'deploy' },
  { name: 'checklist', summary: 'check a phase for production, with evidence', plugin: 'deploy' },
  { name: 'keys', summary: 'make a pair of keys to sign releases with', plugin: 'deploy' },
  { name: 'route', summary: 'which domain answers a text', plugin: 'router' },
  { name: 'route-fit', summary: 'fit the router to labelled texts', plugin: 'router' },
  { name: 'domain-examples', summary: 'add, list or remove example utterances of domains', plugin: 'router' },
  { name: 'route-history', summary: 'list, export or erase what the router remembers of users', plugin: 'router' },
  { name: 'analyze-emotion', summary: 'the emotions in a text, and whether it is a crisis', plugin: 'emotion' },
  { name: 'emotion', summary: "users' histories, the crisis policy, training", plugin: 'emotion' },
];

/** The host with the built-in plugins and those of tara.config in `cwd`; nothing is started yet. TARA_CONFIG_FILE_INVALID. */
export async function loadPluginCommands(home: Home, cwd: string, embeddingModel: string | undefined): Promise<Host> {
  const { bootHost } = await import('../boot.js');
  return bootHost(home, cwd, { reservedCommands: CORE_COMMANDS.map((command) => command.name), embeddingModel });
}
