/** GET /api/served: what answers now, by release, file and domain. */
import { basename } from 'node:path';
import { z } from 'zod';
import { endpoint } from '../../endpoint.js';

const response = z.object({
  release: z.string().nullable(),
  switches: z.int(),
  since: z.int(),
  domains: z.array(z.string()),
  files: z.array(z.object({ name: z.string(), role: z.enum(['model', 'adapter', 'config']), domain: z.string().nullable(), release: z.string().nullable() })),
  models: z.array(z.object({
    name: z.string(), architecture: z.string(), description: z.string(), parameters: z.number(), bytes: z.number(), contextSize: z.int(), slots: z.int(), threads: z.int(), adapters: z.array(z.string()),
    stats: z.object({ active: z.int(), queued: z.int(), requests: z.int(), promptTokens: z.int(), cachedTokens: z.int(), completionTokens: z.int(), decodes: z.int(), busyMs: z.number() }),
  })),
});

export type Served = z.infer<typeof response>;

export default endpoint({
  method: 'GET', path: '/api/served', tag: 'dashboard', summary: 'What answers now', response,
  handle: ({ service: { rotation } }) => {
    const { release, since, domains, files, loaded } = rotation.current;
    return Promise.resolve({
      release, since, switches: rotation.switches, domains: [...domains],
      files: files.map((file) => ({ name: basename(file.path), role: file.role, domain: file.domain, release: file.release?.id ?? null })),
      models: loaded().map((model) => {
        const { architecture, description, parameters, bytes, contextSize, slots, threads, adapters } = model.info;
        const { active, queued, requests, promptTokens, cachedTokens, completionTokens, decodes, busyMs } = model.stats();
        return {
          name: basename(model.path), architecture, description, parameters, bytes, contextSize, slots, threads, adapters: [...adapters],
          stats: { active, queued, requests, promptTokens, cachedTokens, completionTokens, decodes, busyMs },
        };
      }),
    } satisfies Served);
  },
});
