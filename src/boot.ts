/** Boots the kernel: the five built-in plugins, those of tara.config, and the core's services. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { createHost, type Host, type PluginSource } from './kernel/index.js';
import { service, type Service } from './kernel/container.js';
import { embedder, type Embedder } from './kernel/capabilities/index.js';
import { loadConfig } from './kernel/config.js';
import { stateFolder, workers, type Workers } from './kernel/services.js';
import { TaraError } from './errors.js';
import type { ModelStore } from './models/index.js';
import type { Home } from './phases/home.js';
import { pluginDatabases, registryAccess, type PluginDatabases, type RegistryAccess } from './phases/service.js';

const BUILT_IN = {
  compression: () => import('../plugins/compression/index.js'),
  cleanup: () => import('../plugins/cleanup/index.js'),
  emotion: () => import('../plugins/emotion/index.js'),
  router: () => import('../plugins/router/index.js'),
  deploy: () => import('../plugins/deploy/index.js'),
};
export type BuiltInPlugin = keyof typeof BUILT_IN;
export const BUILT_IN_PLUGINS = Object.keys(BUILT_IN) as readonly BuiltInPlugin[];

export interface BootOptions {
  /** Names of the core's own commands, which no plugin may take. */
  readonly reservedCommands?: readonly string[];
  /** GGUF that sentence embeddings come from, instead of the one that tara.config names. */
  readonly embeddingModel?: string | undefined;
}

/** What the core offers to plugins: worker threads, the state folder, its registry and files, and embeddings where a model for them is named. */
const coreServices = (home: Home, embeddingModel: string | null): readonly Service[] => [
  service(workers, (): Workers => ({ threads: availableParallelism(), runInPool: async (module, input, options) => (await import('./workers/index.js')).sharedPool().run(String(module), input, options) })),
  ...(embeddingModel === null ? [] : [embeddings(embeddingModel)]),
  service(stateFolder, () => ({ path: home.path })),
  service(registryAccess, (): RegistryAccess => ({
    async with(access, work) {
      const { Registry } = await import('./phases/registry/registry.js');
      using registry = Registry.open(home, { create: access === 'write' });
      return await work(registry);
    },
  })),
  service(pluginDatabases, (): PluginDatabases => ({
    async open(name, access, schema) {
      const { openPluginDatabase } = await import('./phases/registry/plugin-database.js');
      return openPluginDatabase(home, name, access, schema);
    },
  })),
];

/** The embedder of a file. The engine loads with the first text, and is closed with the host. */
function embeddings(path: string): Service {
  let opened: Promise<{ readonly store: ModelStore; readonly made: Embedder }> | undefined;
  const open = async () => {
    const [{ createEngine }, { createEmbedder, createModelStore }] = await Promise.all([import('./engine/index.js'), import('./models/index.js')]);
    const store = createModelStore(createEngine());
    return { store, made: createEmbedder(path, store) };
  };
  const get = async (): Promise<Embedder> => (await (opened ??= open())).made;
  const lazy: Embedder = { dimensions: async () => (await get()).dimensions(), embed: async (texts, options) => (await get()).embed(texts, options) };
  return { ...service(embedder, () => lazy), close: async () => (await opened)?.store.close() };
}

async function loadBuiltIn(name: BuiltInPlugin): Promise<PluginSource> {
  try {
    const module = await BUILT_IN[name]();
    return { source: `built in: ${name}`, value: module.default };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] ?? '' : String(cause);
    return { source: `built in: ${name}`, error: new TaraError('TARA_PLUGIN_LOAD', { plugin: name, reason }, { cause }) };
  }
}

/** The host with all plugins; nothing of them is started yet, but what they contribute is known where it is used. TARA_CONFIG_FILE_INVALID. */
export async function bootHost(home: Home, cwd: string, { reservedCommands = [], embeddingModel }: BootOptions = {}): Promise<Host> {
  const config = await loadConfig(cwd);
  const names = BUILT_IN_PLUGINS.filter((name) => !config.disable.includes(name));
  const host = createHost({
    plugins: [...(await Promise.all(names.map(loadBuiltIn))), ...config.plugins],
    config: config.config,
    capabilities: config.capabilities,
    services: coreServices(home, embeddingModel === undefined ? config.embeddingModel : resolve(cwd, embeddingModel)),
    reservedCommands: [...reservedCommands],
    timeouts: config.timeouts,
  });
  const architectures = host.contributions('architectures');
  if (architectures.length > 0) (await import('./convert/contributed.js')).contributeArchitectures(architectures);
  return host;
}
