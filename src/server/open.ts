/** Opens what the endpoints work with: plugins, engine, models. */
import type { FastifyBaseLogger } from 'fastify';
import { createAnswerCache, createChat, type Chat } from '../chat/index.js';
import { createEngine } from '../engine/index.js';
import { CAPABILITIES, embedder } from '../kernel/capabilities/index.js';
import { createLive } from './metrics/live.js';
import { createPrometheus } from './metrics/prometheus.js';
import { recordAll } from './metrics/recorder.js';
import type { PluginOptions } from './plugin.js';
import { ENDPOINTS } from './routes/index.js';
import type { ServerHost, Service } from './service.js';
import { openRotation, type Rotation, type Serving } from './serving/index.js';

export interface OpenedService {
  readonly service: Service;
  close(): Promise<void>;
}

async function bootOwn(): Promise<ServerHost & { stop(): Promise<unknown> }> {
  const [{ bootHost }, { homeOf }] = await Promise.all([import('../boot.js'), import('../phases/home.js')]);
  const cwd = process.cwd();
  const host = await bootHost(homeOf({ home: undefined, env: process.env, cwd }), cwd);
  await host.start();
  return host;
}

export async function openService(options: PluginOptions, log: FastifyBaseLogger): Promise<OpenedService> {
  const own = options.plugins === undefined ? await bootOwn() : undefined;
  const host = options.plugins ?? own as ServerHost;
  const engine = createEngine();
  let rotation: Rotation;
  try {
    rotation = await openRotation(engine, () => Promise.resolve(host), options, {
      onSwitch: ({ release }) => log.info({ release }, 'another release answers'),
      onFailure: (error) => log.error({ code: error.code, err: error }, 'the current release could not be opened; the one before goes on'),
    });
  } catch (error) {
    await engine.dispose();
    await own?.stop();
    throw error;
  }
  const answers = createAnswerCache();
  const prometheus = createPrometheus(() => rotation.current, () => rotation.switches, answers);
  const live = createLive(() => rotation.current);
  const chats = new WeakMap<Serving, Chat>();
  const emotion = host.find(CAPABILITIES.emotion);
  const router = host.find(CAPABILITIES.router);
  const chatOf = (serving: Serving): Chat => {
    const known = chats.get(serving) ?? createChat({
      hooks: host.hooks, emotion, router, embedder: host.find(embedder), answers, acquire: (domain, signal) => serving.acquireDomain(domain, signal),
    });
    chats.set(serving, known);
    return known;
  };
  return {
    service: {
      host, path: options.path, rotation, chatOf, emotion, router,
      prometheus, live, record: recordAll([prometheus, live]),
      endpoints: ENDPOINTS,
      secured: (options.apiKeys ?? []).length > 0,
    },
    async close() {
      live.close();
      await rotation.close();
      await engine.dispose();
      await own?.stop();
    },
  };
}
