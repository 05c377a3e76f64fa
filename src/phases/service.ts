/** The registry as a service, for plugins that deploy, report or add to phases. */
import { createToken } from '../kernel/tokens.js';
import type { Registry } from './registry/registry.js';

export interface RegistryAccess {
  /** Runs `work` with the registry open, and closes it; `read` creates nothing where there is none. */
  with<T>(access: 'read' | 'write', work: (registry: Registry) => T | Promise<T>): Promise<T>;
}

export const registryAccess = createToken<RegistryAccess>('core.registry');
