/** What the command line's kernel offers to plugins: the registry of the state folder. */
import { service, type Service } from '../kernel/container.js';
import { Registry } from '../phases/registry.js';
import { registryAccess, type RegistryAccess } from '../phases/service.js';
import type { Home } from '../phases/home.js';

export function coreServices(home: Home): readonly Service[] {
  return [service(registryAccess, (): RegistryAccess => ({
    async with(access, work) {
      using registry = Registry.open(home, { create: access === 'write' });
      return await work(registry);
    },
  }))];
}
