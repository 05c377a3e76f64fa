/**
 * The plugin `deploy`: puts a built phase where it is served from, as releases that can be verified and rolled back.
 * store/ is a target on the disk, release/ one release of it, layouts/ the files through which others read a target,
 * tasks/ what runs in the pool, checklist/ what must be true before production.
 * May import tara-gguf, tara-gguf/plugin and its own files; everything heavy is loaded at the first call.
 */
import { definePlugin, deployer, hooks, router, workers, type Deployer } from 'tara-gguf/plugin';
import { configSchema, type DeployConfig } from './config.js';

export default definePlugin<DeployConfig>({
  name: 'deploy',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  optional: ['router', 'emotion'],
  provides: ['deployer'],
  config: configSchema,
  commands: [
    { name: 'deploy-phase', description: "deploy a phase's last good build", load: () => import('./commands/deploy-phase.js') },
    { name: 'rollback', description: 'make the release before the current one current again', load: () => import('./commands/rollback.js') },
    { name: 'releases', description: 'list the releases of a target, or remove old ones', load: () => import('./commands/releases.js') },
    { name: 'checklist', description: 'check a phase for production, with evidence', load: () => import('./commands/checklist.js') },
    { name: 'keys', description: 'make a pair of keys to sign releases with', load: () => import('./commands/keys.js') },
  ],
  register(context) {
    const { keep, golden } = context.config;
    const load = async (): Promise<Deployer> => {
      const [{ createDeployer }, { createWork }, { smokeTest }] = await Promise.all([import('./deployer.js'), import('./work.js'), import('./smoke.js')]);
      return createDeployer({ hooks: context.use(hooks), keep, work: createWork(context.use(workers)), smoke: (input) => smokeTest({ ...input, golden, router: context.find(router) }) });
    };
    context.provide(deployer, () => ({
      deploy: async (request) => (await load()).deploy(request),
      verify: async (target, options) => (await load()).verify(target, options),
      rollback: async (target, id, options) => (await load()).rollback(target, id, options),
      releases: async (target) => (await load()).releases(target),
      prune: async (target, options) => (await load()).prune(target, options),
      hold: async (target) => (await load()).hold(target),
    }));
  },
});
