/** GET /api/phases: the registry's phases, their domains, last good builds and releases; none where there is no registry. No paths of this machine. */
import { z } from 'zod';
import { registryAccess } from '../../../phases/service.js';
import type { Registry } from '../../../phases/index.js';
import { endpoint } from '../../endpoint.js';

const response = z.object({
  phases: z.array(z.object({
    phase: z.int(), status: z.string(), current: z.boolean(), quantization: z.string(), compressionType: z.string(),
    domains: z.array(z.object({ name: z.string(), status: z.string(), quality: z.number().nullable() })),
    build: z.object({ id: z.int(), bytes: z.number().nullable(), seconds: z.number().nullable() }).nullable(),
    releases: z.array(z.object({ id: z.string(), status: z.string(), createdAt: z.string() })),
  })),
});

export type Phases = z.infer<typeof response>;

function phasesOf(registry: Registry): Phases {
  return {
    phases: registry.phases.list().map(({ number, status, current, settings }) => {
      const build = registry.builds.lastGood(number);
      return {
        phase: number, status, current, quantization: settings.quantization, compressionType: settings.compressionType,
        domains: registry.domains.list(number).map((domain) => ({ name: domain.name, status: domain.status, quality: domain.quality })),
        build: build === undefined ? null : { id: build.id, bytes: build.bytes, seconds: build.seconds },
        releases: registry.releases.list({ phase: number }).map(({ id, status: state, createdAt }) => ({ id, status: state, createdAt })),
      };
    }),
  };
}

export default endpoint({
  method: 'GET', path: '/api/phases', tag: 'dashboard', summary: 'Phases, domains, builds and releases of the registry', response,
  handle: async ({ service }): Promise<Phases> => await service.host.find(registryAccess)?.with('read', phasesOf) ?? { phases: [] },
});
