/** Configuration of the emotion plugin (`config.emotion` in tara.config). */

import { z } from 'zod';

const styleSchema = z.strictObject({
  tone: z.string().min(1).max(200),
  empathy_level: z.enum(['low', 'medium', 'high']),
  modifiers: z.array(z.string().min(1).max(200)).max(8),
  response_style: z.string().min(1).max(400),
});

export type StyleTemplate = z.infer<typeof styleSchema>;

export const configSchema = z.strictObject({
  /** Adds the style that fits the message to the system prompt. */
  style: z.boolean().default(true),
  /** Replaces or adds templates by emotion name, `neutral`, or `domain.scenario`. */
  templates: z.record(z.string(), styleSchema).default({}),
  crisis: z
    .strictObject({
      /** An acute crisis is answered at once with the crisis text, without asking a model. */
      answer: z.boolean().default(true),
      /** Replaces the shipped crisis text, whatever the kind of crisis. */
      text: z.string().min(1).max(2000).optional(),
      /** Lines with local helplines, added to the crisis text. */
      lines: z.array(z.string().min(1).max(300)).max(10).default([]),
      /** Adds a line about help after replies to messages of level `concern`. */
      concernNote: z.boolean().default(true),
    })
    .prefault({}),
});

export type EmotionConfig = z.infer<typeof configSchema>;
