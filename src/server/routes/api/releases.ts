/** GET /api/releases: what the target holds, newest first; none where a file is served. No paths of this machine. */
import { z } from 'zod';
import { CAPABILITIES } from '../../../kernel/capabilities/index.js';
import { endpoint } from '../../endpoint.js';

const response = z.object({
  releases: z.array(z.object({
    id: z.string(), phase: z.int(), current: z.boolean(), primary: z.boolean().describe('It answers where no domain fits.'),
    domains: z.array(z.string()), bytes: z.number(), createdAt: z.string(),
  })),
});

export type Releases = z.infer<typeof response>;

export default endpoint({
  method: 'GET', path: '/api/releases', tag: 'dashboard', summary: 'The releases of the deployment target', response,
  async handle({ service: { host, path, rotation } }): Promise<Releases> {
    if (rotation.current.release === null) return { releases: [] };
    const releases = await host.use(CAPABILITIES.deployer).releases(path);
    return {
      releases: releases.map(({ id, phase, current, primary, domains, files, createdAt }) =>
        ({ id, phase, current, primary, domains: [...domains], bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), createdAt })),
    };
  },
});
