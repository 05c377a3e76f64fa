/**
 * A third-party plugin: hides e-mail addresses, card and phone numbers, in the messages before the
 * model sees them and in its replies, and adds the command `redact`. No build step, no dependency
 * but zod. This half is loaded at every start; the command's only when it runs.
 */

import { createToken, definePlugin } from 'tara-gguf/plugin';
import { z } from 'zod';
import { createRedactor } from './redactor.mjs';

/** Other plugins that name `redact` under requires can use it too. */
export const redactor = createToken('redact.redactor');

export default definePlugin({
  name: 'redact',
  version: '1.0.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  config: z.strictObject({
    /** What stands in the place of what was hidden; {kind} is email, card or phone. */
    mask: z.string().default('[{kind}]'),
    /** More words to hide, as they are written. */
    words: z.array(z.string().min(1)).default([]),
  }),
  commands: [{ name: 'redact', description: 'hide personal data in a text', load: () => import('./command.mjs') }],
  hooks: {
    'chat:prompt': (prompt, { use }) => ({
      ...prompt,
      messages: prompt.messages.map((message) => (message.role === 'user' ? { ...message, content: use(redactor).redact(message.content).text } : message)),
    }),
    // After the other plugins, so that what they add is hidden too.
    'chat:reply': { order: 'post', handler: (reply, { use }) => ({ ...reply, text: use(redactor).redact(reply.text).text }) },
  },
  register({ provide, config }) {
    provide(redactor, () => createRedactor(config));
  },
});
