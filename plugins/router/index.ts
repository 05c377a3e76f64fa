/**
 * The router plugin: which domain answers a message. Provides the capability `router` and the commands route, route-fit,
 * domain-examples and route-history; asks the capabilities `emotion` and `embedder` where they are provided, and the hook route:score.
 * Rooms: domains (the shipped ones, data), table (domains made ready to be matched), text (what a message says of itself),
 * score (the parts), fit (weights and confidence from labelled texts), state (caches and files), commands.
 * May import tara-gguf, tara-gguf/plugin, zod and its own files.
 */

import { definePlugin, router } from 'tara-gguf/plugin';
import { configSchema, type RouterConfig } from './config.js';
import { createRouter, type RouterService } from './service.js';

export default definePlugin<RouterConfig>({
  name: 'router',
  version: '0.2.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  optional: ['emotion', 'embedder'],
  provides: ['router'],
  config: configSchema,
  commands: [
    { name: 'route', description: 'Say which domain answers a text, and why', load: () => import('./commands/route.js') },
    { name: 'route-fit', description: 'Fit the router to labelled texts', load: () => import('./commands/route-fit.js') },
    { name: 'domain-examples', description: 'Add, list or remove example utterances of domains', load: () => import('./commands/domain-examples.js') },
    { name: 'route-history', description: 'List, export or erase what is remembered of users', load: () => import('./commands/route-history.js') },
  ],
  hooks: {
    'phase:metadata': (value, { config: { weights, threshold, minQuality, crisisDomain, domains } }) => ({
      ...value,
      metadata: {
        ...value.metadata,
        router: { weights, threshold, minQuality, crisisDomain, domains: Object.fromEntries(Object.entries(domains).filter(([name]) => value.domains.includes(name))) },
      },
    }),
  },
  register(context) {
    context.provide(router, () => createRouter(context.config, context));
  },
  // Another plugin may be the host's router.
  async stop(context) {
    const found = context.find(router) as Partial<RouterService> | undefined;
    await found?.histories?.flush();
  },
});
