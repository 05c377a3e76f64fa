/**
 * The router plugin: which domain answers a message. Provides the capability `router` and the command route;
 * asks the capability `emotion` where a plugin provides it, and the hook route:score.
 * May import tara-gguf/plugin, zod and its own files.
 */

import { definePlugin, router } from 'tara-gguf/plugin';
import { configSchema, type RouterConfig } from './config.js';
import { createRouter } from './service.js';

export default definePlugin<RouterConfig>({
  name: 'router',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  optional: ['emotion'],
  provides: ['router'],
  config: configSchema,
  commands: [{ name: 'route', description: 'Say which domain answers a text, and why', load: () => import('./commands/route.js') }],
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
});
