/** GET /health: whether new requests are taken. */
import { z } from 'zod';
import { endpoint } from '../endpoint.js';

const response = z.object({ status: z.literal('ok'), release: z.string().nullable() });

export default endpoint({
  method: 'GET', path: '/health', aliases: ['/v1/health'], tag: 'operation', summary: 'Answers while new requests are taken', public: true, response,
  handle: ({ service }) => Promise.resolve({ status: 'ok', release: service.rotation.current.release } satisfies z.infer<typeof response>),
});
