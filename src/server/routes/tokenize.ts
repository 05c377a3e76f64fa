/** POST /tokenize: a text as the model's tokens. */
import { z } from 'zod';
import { endpoint } from '../endpoint.js';
import { acquireNamed } from '../answers/source.js';

const body = z.looseObject({ model: z.string().max(500).nullish(), content: z.string(), add_special: z.boolean().nullish().describe('Default false.'), parse_special: z.boolean().nullish().describe('Default true.') });
const response = z.object({ tokens: z.array(z.int()) });

export default endpoint<z.infer<typeof body>>({
  method: 'POST', path: '/tokenize', tag: 'tokens', summary: 'A text as tokens', body, response, errors: [404, 422],
  async handle({ body: { model, content, add_special: addSpecial, parse_special: parseSpecial }, service, signal }) {
    using visit = service.rotation.enter();
    using lease = await acquireNamed(visit.serving, model, signal);
    const tokens = content === '' ? [] : await lease.model.tokenize(content, { addSpecial: addSpecial ?? false, parseSpecial: parseSpecial ?? true, signal });
    return { tokens: [...tokens] } satisfies z.infer<typeof response>;
  },
});
