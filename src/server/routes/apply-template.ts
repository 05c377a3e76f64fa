/** POST /apply-template: messages as the model's chat template writes them. */
import { z } from 'zod';
import { messagesOf } from '../answers/messages.js';
import { acquireNamed } from '../answers/source.js';
import { endpoint } from '../endpoint.js';
import { chatRequest } from '../schemas/chat.js';
import { toolOf } from '../tools/request.js';

const body = chatRequest.pick({ model: true, messages: true, tools: true });
const response = z.object({ prompt: z.string() });

export default endpoint<z.infer<typeof body>>({
  method: 'POST', path: '/apply-template', tag: 'tokens', summary: 'Messages as the chat template writes them', body, response, errors: [404, 422],
  async handle({ body: { model, messages, tools }, service, signal }) {
    using visit = service.rotation.enter();
    using lease = await acquireNamed(visit.serving, model, signal);
    return { prompt: await lease.model.applyChatTemplate(messagesOf(messages), { tools: (tools ?? []).map(toolOf) }) } satisfies z.infer<typeof response>;
  },
});
