/** GET /api/live: the last minutes, routing shares and emotions over the day. */
import { z } from 'zod';
import { endpoint } from '../../endpoint.js';
import type { LiveState } from '../../metrics/live.js';
import { liveSecond } from './live-schema.js';

const response = z.object({
  seconds: z.array(liveSecond),
  domains: z.record(z.string(), z.int()),
  crises: z.record(z.string(), z.int()),
  hours: z.array(z.object({ at: z.int(), messages: z.int(), emotions: z.record(z.string(), z.int()), valence: z.number() })),
});

export default endpoint({
  method: 'GET', path: '/api/live', tag: 'dashboard', summary: 'The last minutes, routing shares, emotions over the day', response,
  handle: ({ service }) => Promise.resolve(service.live.state() satisfies LiveState),
});
