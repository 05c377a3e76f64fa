/**
 * The plugin `cleanup`: makes a model or adapter folder safe and small, and checks it.
 * May import tara-gguf, tara-gguf/plugin and its own files; everything heavy is loaded at the first call.
 */
import { cleaner, definePlugin, hooks, workers } from 'tara-gguf/plugin';
import { HOOK_POINTS } from './hooks.js';

export default definePlugin({
  name: 'cleanup',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  optional: ['deployer'],
  provides: ['cleaner'],
  commands: [
    { name: 'clean-model', description: 'copy a model or adapter folder without garbage, checked and repaired', load: () => import('./commands/clean-model.js') },
    { name: 'verify', description: 'check a model, a cleaned folder or a deployment target', load: () => import('./commands/verify.js') },
  ],
  hookPoints: HOOK_POINTS,
  hooks: {
    'phase:clean': { handler: async (value, { signal, use }) => (await import('./hook.js')).cleanDomain(value, signal, { hooks: use(hooks) }) },
  },
  register(context) {
    context.provide(cleaner, () => ({
      clean: async (path, options) => (await import('./cleaner.js')).clean(path, options, { hooks: context.use(hooks), workers: context.use(workers) }),
    }));
  },
});
