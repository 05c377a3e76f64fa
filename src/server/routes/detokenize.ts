/** POST /detokenize: tokens as text. */
import { z } from 'zod';
import { endpoint } from '../endpoint.js';
import { acquireNamed } from '../answers/source.js';

const body = z.looseObject({ model: z.string().max(500).nullish(), tokens: z.array(z.int().min(0).max(2 ** 31 - 1)).max(1 << 20) });
const response = z.object({ content: z.string() });

export default endpoint<z.infer<typeof body>>({
  method: 'POST', path: '/detokenize', tag: 'tokens', summary: 'Tokens as text', body, response, errors: [404, 422],
  async handle({ body: { model, tokens }, service, signal }) {
    using visit = service.rotation.enter();
    using lease = await acquireNamed(visit.serving, model, signal);
    return { content: await lease.model.detokenize(tokens, { special: true }) } satisfies z.infer<typeof response>;
  },
});
