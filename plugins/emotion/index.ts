/**
 * The emotion plugin: what a message feels like, whether it is a crisis, and how to answer.
 * Provides the capability `emotion`, the command analyze-emotion, and steers replies through the chat hooks.
 * May import tara-gguf/plugin, zod and its own files.
 */

import { definePlugin, emotion, type ChatMessage, type ChatPromptValue } from 'tara-gguf/plugin';
import { configSchema, type EmotionConfig } from './config.js';
import { detectCrisis } from './crisis.js';
import { crisisText } from './crisis-text.js';
import { createEmotion } from './service.js';

const lastUserText = (value: ChatPromptValue): string => value.messages.findLast(({ role }) => role === 'user')?.content ?? '';

/** The messages with the instructions at the end of the first system message, or in a new one before all others. */
function withInstructions(messages: readonly ChatMessage[], instructions: string): readonly ChatMessage[] {
  const at = messages.findIndex(({ role }) => role === 'system');
  const known = messages[at];
  if (known === undefined) return [{ role: 'system', content: instructions }, ...messages];
  return messages.with(at, { role: 'system', content: `${known.content}\n\n${instructions}` });
}

export default definePlugin<EmotionConfig>({
  name: 'emotion',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  provides: ['emotion'],
  config: configSchema,
  commands: [{ name: 'analyze-emotion', description: 'Show the emotions, intensity and crisis level of texts', load: () => import('./commands/analyze-emotion.js') }],
  hooks: {
    'phase:metadata': (value, { config }) => ({ ...value, metadata: { ...value.metadata, emotion: { style: config.style, crisis: { answer: config.crisis.answer } } } }),
    'chat:answer': {
      // Before any other plugin can answer: a crisis wins over caches and speed.
      order: 'pre',
      async handler(value, { config, log }) {
        if (!config.crisis.answer) return undefined;
        const crisis = value.emotion?.crisis ?? (await detectCrisis(lastUserText(value)));
        if (crisis.level !== 'acute') return undefined;
        log.warn('acute crisis answered with the crisis text', { domain: value.domain, reasons: crisis.reasons });
        return crisisText(crisis, config.crisis);
      },
    },
    async 'chat:prompt'(value, { config, use }) {
      if (!config.style || value.emotion === null) return undefined;
      const { instructions } = await use(emotion).style(value.domain, value.emotion);
      return instructions === '' ? undefined : { ...value, messages: withInstructions(value.messages, instructions) };
    },
  },
  register({ config, provide }) {
    provide(emotion, () => createEmotion(config));
  },
});
