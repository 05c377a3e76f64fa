/**
 * The weights of both tiers and what makes probabilities of them, as one folder holds them: weights.json, weights.bin and,
 * where there is a tier (b), head.bin. Every file is checked by its SHA-256 before use.
 */

import { createHash } from 'node:crypto';
import { EMOTIONS } from 'tara-gguf/plugin';
import { z } from 'zod';
import { LEVELS_OF_WEIGHT, type LinearWeights } from './linear.js';
import type { Network } from './network.js';

const CLASSES = EMOTIONS.length;
/** The eight, and neutral. */
export const MOODS = CLASSES + 1;
/** What the crisis network tells apart; the last three are acute. */
export const LEVEL_NAMES = ['none', 'concern', 'self-harm', 'medical', 'violence'] as const;
export const LEVELS = LEVEL_NAMES.length;

/**
 * Corpora follow different conventions of labelling, and one set of weights for all of them serves none. So each has an
 * expert, and a gate says whose convention fits how the text is written (Jacobs et al. 1991). Outputs of both tiers: eight
 * logits for each expert, then one gate logit for each.
 */
export const outputsOf = (experts: number): number => experts * (CLASSES + 1);

/** How logits become what is said: each output is words x logit of tier (a) + sentence x logit of tier (b) + offset; a label from its expert's threshold on. */
const readingSchema = z.object({
  words: z.array(z.number()),
  sentence: z.array(z.number()),
  offset: z.array(z.number()),
  /** Of each expert. */
  thresholds: z.array(z.array(z.number().gt(0).max(1)).length(CLASSES)),
});
export type ReadingRule = z.infer<typeof readingSchema>;

/** A table of weights in weights.bin, with the values that weights can have and the bias of each output. */
const tableSchema = z.object({ buckets: z.int().min(1).max(1 << 24), levels: z.array(z.array(z.number()).length(LEVELS_OF_WEIGHT)), bias: z.array(z.number()) });

export const metaSchema = z
  .object({
    format: z.literal(4),
    /** In this order everywhere. */
    emotions: z.array(z.string()).refine((names) => names.join() === EMOTIONS.join(), 'the emotions are not in the expected order'),
    experts: z.int().min(1).max(8),
    words: z.object({
      /** Of weights.bin, lower-case hex: the table of emotions, then that of crisis levels. */
      sha256: z.string(),
      emotions: tableSchema,
      crisis: tableSchema,
      /** One row for each mood: weights of the eight log-odds, then a bias. */
      mood: z.array(z.array(z.number()).length(CLASSES + 1)).length(MOODS),
      reading: readingSchema,
    }),
    head: z
      .object({
        /** Of head.bin. */
        sha256: z.string(),
        dimensions: z.int().min(1).max(1 << 14),
        /** Of the networks for labels, mood and crisis. */
        hidden: z.array(z.int().min(1).max(1 << 12)).length(3),
        /** A sentence whose vector in head.bin tells whether an embedding model is the one that the head was trained on. */
        probe: z.string().min(1),
        /** Of both tiers together. */
        reading: readingSchema,
      })
      .nullable(),
  })
  .refine(({ experts, words, head }) => {
    const outputs = outputsOf(experts);
    const rules = [words.reading, ...(head === null ? [] : [head.reading])];
    const lists = [words.emotions.levels, words.emotions.bias, ...rules.flatMap((rule) => [rule.words, rule.sentence, rule.offset])];
    if (rules.some(({ thresholds }) => thresholds.length !== experts)) return false;
    return lists.every(({ length }) => length === outputs) && [words.crisis.levels, words.crisis.bias].every(({ length }) => length === LEVELS);
  }, 'a list has another length than its outputs');
export type ModelMeta = z.infer<typeof metaSchema>;

/** Tier (b): three networks over the same vectors of a text. */
export interface Head {
  readonly probe: { readonly text: string; readonly vector: Float32Array };
  readonly labels: Network;
  readonly mood: Network;
  readonly crisis: Network;
  readonly reading: ReadingRule;
}

export interface EmotionModel {
  readonly experts: number;
  readonly linear: LinearWeights;
  /** Crisis levels from words, in the order of LEVEL_NAMES. */
  readonly crisis: LinearWeights;
  readonly moodMap: readonly (readonly number[])[];
  readonly reading: ReadingRule;
  readonly head: Head | null;
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
