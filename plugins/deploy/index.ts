/**
 * The plugin `deploy`: puts a built phase where it is served from, as releases that can be verified and rolled back.
 * May import tara-gguf, tara-gguf/plugin and its own files; everything heavy is loaded at the first call.
 */
import { definePlugin, deployer, hooks } from 'tara-gguf/plugin';

export default definePlugin({
  name: 'deploy',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  provides: ['deployer'],
  commands: [
    { name: 'deploy-phase', description: "deploy a phase's last good build", load: () => import('./commands/deploy-phase.js') },
    { name: 'rollback', description: 'make the release before the current one current again', load: () => import('./commands/rollback.js') },
    { name: 'releases', description: 'list the releases of a target', load: () => import('./commands/releases.js') },
  ],
  register(context) {
    const load = async () => (await import('./deployer.js')).createDeployer({ hooks: context.use(hooks) });
    context.provide(deployer, () => ({
      deploy: async (request) => (await load()).deploy(request),
      verify: async (target, options) => (await load()).verify(target, options),
      rollback: async (target, id) => (await load()).rollback(target, id),
      releases: async (target) => (await load()).releases(target),
    }));
  },
});
