/** Configuration of the deploy plugin (`config.deploy` in tara.config). */
import { z } from 'zod';

export const configSchema = z.strictObject({
  /** Releases of each phase that stay beside those in use. */
  keep: z.number().int().min(1).max(1000).default(5),
  /** Queries that must go to their domain before a release is switched to; those of a domain replace the shipped ones. */
  golden: z.array(z.strictObject({ text: z.string().min(1).max(2000), domain: z.string().min(1).max(64) })).max(1000).default([]),
  checklist: z.strictObject({
    /** Least decoding speed, tokens a second. */
    minTokensPerSecond: z.number().positive().default(5),
    /** Longest time to the first token of a short prompt, milliseconds. */
    maxFirstTokenMs: z.number().positive().default(2000),
    /** Least share of emotion lines that must be read right, 0..1. */
    minEmotionAccuracy: z.number().min(0).max(1).default(0.75),
  }).prefault({}),
});

export type DeployConfig = z.infer<typeof configSchema>;
