/**
 * The weights of both tiers and what makes probabilities of them, as one folder holds them: weights.json, weights.bin and,
 * where there is a tier (b), head.bin. Every file is checked by its SHA-256 before use.
 */

import { createHash } from 'node:crypto';
import { EMOTIONS } from 'tara-gguf/plugin';
import { z } from 'zod';
import type { LinearWeights } from './linear.js';
import type { Network } from './network.js';

const CLASSES = EMOTIONS.length;
/** The eight, and neutral. */
export const MOODS = CLASSES + 1;
/** What the crisis network tells apart; the last three are acute. */
export const LEVEL_NAMES = ['none', 'concern', 'self-harm', 'medical', 'violence'] as const;
export const LEVELS = LEVEL_NAMES.length;

const eight = z.array(z.number()).length(CLASSES);

/** How logits become what is said: probability = sigmoid(slope x logit + offset) for each emotion, and a label from its threshold on. */
const readingSchema = z.object({
  slope: eight,
  offset: eight,
  thresholds: z.array(z.number().min(0).max(1)).length(CLASSES),
});
export type ReadingRule = z.infer<typeof readingSchema>;

export const metaSchema = z.object({
  format: z.literal(2),
  /** In this order everywhere. */
  emotions: z.array(z.string()).refine((names) => names.join() === EMOTIONS.join(), 'the emotions are not in the expected order'),
  linear: z.object({
    buckets: z.int().min(1).max(1 << 24),
    /** Of weights.bin, lower-case hex. */
    sha256: z.string(),
    /** Value of one int8 step, for each emotion. */
    scales: eight,
    bias: eight,
    /** One row for each mood: weights of the eight logits, then a bias. */
    mood: z.array(z.array(z.number()).length(CLASSES + 1)).length(MOODS),
    reading: readingSchema,
  }),
  head: z
    .object({
      /** Of head.bin. */
      sha256: z.string(),
      dimensions: z.int().min(1).max(1 << 14),
      hidden: z.int().min(1).max(1 << 12),
      /** A sentence whose vector in head.bin tells whether an embedding model is the one that the head was trained on. */
      probe: z.string().min(1),
      /** Of both tiers together. */
      reading: readingSchema,
    })
    .nullable(),
});
export type ModelMeta = z.infer<typeof metaSchema>;

/** Tier (b): three networks over the same sentence vector. */
export interface Head {
  readonly probe: { readonly text: string; readonly vector: Float32Array };
  readonly labels: Network;
  readonly mood: Network;
  readonly crisis: Network;
  readonly reading: ReadingRule;
}

export interface EmotionModel {
  readonly linear: LinearWeights;
  readonly moodMap: readonly (readonly number[])[];
  readonly reading: ReadingRule;
  readonly head: Head | null;
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
