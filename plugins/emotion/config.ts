/** Configuration of the emotion plugin (`config.emotion` in tara.config). */

import { z } from 'zod';
import { helplinesSchema, HELPLINES, regionOf } from './crisis/helplines.js';
import { templateSchema } from './style/template.js';

const crisisSchema = z.strictObject({
  /** An acute crisis is answered at once with the crisis text, without asking a model. */
  answer: z.boolean().default(true),
  /** Replaces the shipped crisis text, whatever the kind of crisis. */
  text: z.string().min(1).max(2000).optional(),
  /** Lines with local helplines, added to the crisis text. */
  lines: z.array(z.string().min(1).max(300)).max(10).default([]),
  /** Adds a line about help after replies to messages of level `concern`. */
  concernNote: z.boolean().default(true),
  /** Reads the model's replies too, and adds a line about help after one that reads as a crisis. */
  checkReplies: z.boolean().default(true),
  /** `en-GB` or `GB`: whose numbers the texts give; those of the United States beside general advice when omitted. */
  locale: z.string().optional(),
  /** Numbers by region, before the shipped ones. */
  helplines: z.record(z.string().regex(/^[A-Z]{2}$/, 'a region has two upper-case letters'), helplinesSchema).default({}),
});

export const configSchema = z.strictObject({
  /** Adds the style that fits the message to the system prompt. */
  style: z.boolean().default(true),
  /** Replaces or adds templates by emotion name, `neutral`, `domain.scenario`, or any name with a `when`. */
  templates: z.record(z.string(), templateSchema).default({}),
  /** Folder of a model of your own (`emotion train`), instead of the shipped one. */
  weights: z.string().min(1).optional(),
  /** What is remembered of users who are named by an id: numbers only. */
  history: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Hours after which a message counts half. */
      halfLifeHours: z.number().positive().max(24 * 365).default(48),
      /** Messages kept for each user. */
      keep: z.int().min(1).max(100_000).default(500),
    })
    .prefault({}),
  crisis: crisisSchema
    .refine(({ locale, helplines }) => locale === undefined || [helplines, HELPLINES].some((table) => Object.hasOwn(table, regionOf(locale) ?? '')), { path: ['locale'], error: 'there are no helplines for it; give them under crisis.helplines' })
    .prefault({}),
});

export type EmotionConfig = z.infer<typeof configSchema>;
