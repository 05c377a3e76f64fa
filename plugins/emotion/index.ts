/**
 * The emotion plugin: what a message feels like, whether it is a crisis, and how to answer.
 * Provides the capability `emotion`, the commands analyze-emotion and emotion, and steers replies through the chat hooks.
 * Rooms: reading (text to analysis), crisis, style, history, training, commands. May import tara-gguf/plugin, zod and its
 * own files; what runs later may import tara-gguf.
 */

import { createToken, definePlugin, embedder, emotion, workers, type ChatMessage, type ChatPromptValue, type Crisis } from 'tara-gguf/plugin';
import type { PluginDatabases } from 'tara-gguf';
import { configSchema, type EmotionConfig } from './config.js';
import { detectCrisis } from './crisis/detect.js';
import { crisisText, replyNote } from './crisis/answer.js';
import { createEmotion, type EmotionService } from './service.js';

declare module 'tara-gguf/plugin' {
  interface Events {
    /** Somebody may be in danger: for hand-off to people. Never the text. */
    'emotion:crisis': { readonly level: 'concern' | 'acute'; readonly reasons: readonly string[]; readonly source: 'message' | 'reply'; readonly domain: string; readonly userId: string | null };
  }
}

/** By name, as the core offers it: the static half loads nothing of the core. */
const databases = createToken<PluginDatabases>('core.databases');

const lastUserText = (value: ChatPromptValue): string => value.messages.findLast(({ role }) => role === 'user')?.content ?? '';

/** The messages with the instructions at the end of the first system message, or in a new one before all others. */
function withInstructions(messages: readonly ChatMessage[], instructions: string): readonly ChatMessage[] {
  const at = messages.findIndex(({ role }) => role === 'system');
  const known = messages[at];
  if (known === undefined) return [{ role: 'system', content: instructions }, ...messages];
  return messages.with(at, { role: 'system', content: `${known.content}\n\n${instructions}` });
}

/** One service for each host that runs the plugin, closed when it stops. */
const services = new WeakMap<EmotionConfig, EmotionService>();

export default definePlugin<EmotionConfig>({
  name: 'emotion',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  provides: ['emotion'],
  config: configSchema,
  commands: [
    { name: 'analyze-emotion', description: 'Show the emotions, intensity and crisis level of texts', load: () => import('./commands/analyze-emotion.js') },
    { name: 'emotion', description: "Users' histories, the crisis policy, and training a model of your own", load: () => import('./commands/emotion.js') },
  ],
  hooks: {
    'phase:metadata': (value, { config }) => ({ ...value, metadata: { ...value.metadata, emotion: { style: config.style, crisis: { answer: config.crisis.answer } } } }),
    async 'chat:prompt'(value, { config, use }) {
      if (!config.style || value.emotion === null) return undefined;
      const { instructions } = await use(emotion).style(value.domain, value.emotion);
      return instructions === '' ? undefined : { ...value, messages: withInstructions(value.messages, instructions) };
    },
    async 'chat:before'(value, { use }) {
      // An acute crisis comes here only where the policy lets the model answer it.
      return value.emotion === null ? undefined : (await use(emotion).style(value.domain, value.emotion)).before;
    },
  },
  register({ config, provide, find, log, hook, events }) {
    provide(emotion, () => {
      const service = createEmotion(config, { embedder: () => find(embedder), databases: () => find(databases), workers: () => find(workers), log });
      services.set(config, service);
      return service;
    });

    /** Tells the bus and counts. Counting may fail; the answer must not. */
    async function note(crisis: Crisis, source: 'message' | 'reply', { domain, userId }: { readonly domain: string; readonly userId: string | null }): Promise<void> {
      if (crisis.level === 'none') return;
      events.emit('emotion:crisis', { level: crisis.level, reasons: crisis.reasons, source, domain, userId });
      const place = find(databases);
      if (place === undefined) return;
      try {
        const { EmotionStore } = await import('./history/store.js');
        const store = await EmotionStore.open(place, 'write');
        store.count(crisis, source, new Date());
        store.close();
      } catch (thrown) {
        log.warn('a crisis was not counted', { reason: thrown instanceof Error ? thrown.message : String(thrown) });
      }
    }

    // Before any other plugin can answer: a crisis wins over caches and speed.
    hook('chat:answer', async (value) => {
      const crisis = value.emotion?.crisis ?? (await detectCrisis(lastUserText(value)));
      await note(crisis, 'message', value);
      if (crisis.level !== 'acute' || !config.crisis.answer) return undefined;
      log.warn('acute crisis answered with the crisis text', { domain: value.domain, reasons: crisis.reasons });
      return crisisText(crisis, config.crisis);
    }, { order: 'pre' });

    hook('chat:after', async (value, { use }) => {
      const said = config.crisis.checkReplies ? await detectCrisis(value.text) : { level: 'none' as const, reasons: [] };
      await note(said, 'reply', value);
      const after = value.emotion === null ? undefined : (await use(emotion).style(value.domain, value.emotion)).after;
      return after ?? (said.level === 'acute' ? replyNote(config.crisis) : undefined);
    });
  },
  stop: async ({ config }) => services.get(config)?.close(),
});
