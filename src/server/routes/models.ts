/** GET /v1/models: the names that requests may use. */
import { z } from 'zod';
import { endpoint } from '../endpoint.js';

const response = z.object({
  object: z.literal('list'),
  data: z.array(z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })),
});

export default endpoint({
  method: 'GET', path: '/v1/models', aliases: ['/models'], tag: 'openai', summary: 'The names of models', response,
  handle: ({ service }) => {
    const { names, since } = service.rotation.current;
    return Promise.resolve({ object: 'list', data: names.map(({ id }) => ({ id, object: 'model', created: since, owned_by: 'tara-gguf' })) } satisfies z.infer<typeof response>);
  },
});
