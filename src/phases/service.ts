/** The state folder as services: the registry, for plugins that deploy, report or add to phases, and files of their own. */
import { createToken } from '../kernel/tokens.js';
import type { Db } from './registry/database.js';
import type { Registry } from './registry/registry.js';

export interface RegistryAccess {
  /** Runs `work` with the registry open, and closes it; `read` creates nothing where there is none. */
  with<T>(access: 'read' | 'write', work: (registry: Registry) => T | Promise<T>): Promise<T>;
}

export const registryAccess = createToken<RegistryAccess>('core.registry');

/** SQLite, as far as a plugin needs it; the values are bound, never pasted. */
export type PluginDatabase = Pick<Db, 'all' | 'one' | 'run' | 'exec' | 'write' | 'close'>;

export interface PluginDatabases {
  /**
   * Opens NAME.db in the state folder and runs `schema` (CREATE … IF NOT EXISTS). `read` creates nothing: where the file
   * is missing, an empty database in memory. Whoever opens closes. TARA_REGISTRY_BUSY, TARA_REGISTRY_CORRUPT, TARA_WRITE_FAILED.
   */
  open(name: string, access: 'read' | 'write', schema: string): Promise<PluginDatabase>;
}

export const pluginDatabases = createToken<PluginDatabases>('core.databases');
