/** Configuration of the router plugin (`config.router` in tara.config). */

import { EMOTIONS } from 'tara-gguf/plugin';
import { z } from 'zod';
import type { CustomScoring } from './score/extra.js';

const share = z.number().min(0).max(1);
const milliseconds = z.number().int().min(1);

const domainSchema = z.strictObject({
  description: z.string().max(500).optional(),
  /** Weight of each word or phrase, 0..1. */
  keywords: z.record(z.string().min(1).max(100), share).default({}),
  examples: z.array(z.string().min(1).max(2000)).max(1000).default([]),
  /** How well each emotion suits the domain, 0..1. */
  character: z.partialRecord(z.enum(EMOTIONS), share).default({}),
  /** Least content score of this domain; `threshold` when omitted. */
  threshold: share.optional(),
});

const cacheSchema = z.strictObject({
  /** 0 keeps nothing. */
  entries: z.number().int().min(0).max(1_000_000).default(2048),
  ttlMs: milliseconds.default(600_000),
});

export const configSchema = z.strictObject({
  /** Shares of the score; they need not sum to 1. */
  weights: z
    .strictObject({ content: z.number().min(0).default(40), emotion: z.number().min(0).default(30), speed: z.number().min(0).default(20), quality: z.number().min(0).default(10) })
    .refine((weights) => Object.values(weights).some((weight) => weight > 0), 'not all weights can be 0')
    .prefault({}),
  /** Below this content score no domain fits. */
  threshold: share.default(0.2),
  /** A decision that is less sure goes to `none`, where the fallback model answers. */
  minConfidence: share.default(0),
  /** Domains whose content score is at least this share of the best one's are asked too, where answers are compared. */
  contenders: share.default(0.5),
  /** Domains with a lower measured quality are left out. */
  minQuality: share.default(0),
  /** The domain an acute crisis goes to, when it is a candidate. */
  crisisDomain: z.string().default('healthcare'),
  /** Milliseconds that handlers of the hook route:score get together, and the custom scoring function. */
  hookMs: z.number().int().min(1).max(10_000).default(50),
  /** How far one point of the hook moves a score. */
  hookWeight: share.default(0.2),
  /** The score of a domain in place of the router's own. */
  customScoringFunction: z.custom<CustomScoring>((value) => typeof value === 'function', 'a function (domain, query) => score').optional(),
  /** Decisions, and the emotions of texts, that are remembered. */
  cache: cacheSchema.prefault({}),
  history: z
    .strictObject({
      /** After this time half of a user's affinity is forgotten. */
      halfLifeMs: milliseconds.default(7 * 24 * 3_600_000),
      /** A message after this time follows up nothing. */
      followUpMs: milliseconds.default(15 * 60_000),
    })
    .prefault({}),
  /** Adds domains, or replaces shipped ones by name. */
  domains: z.record(z.string().min(1).max(64).refine((name) => name !== 'none', '`none` is the answer for no domain'), domainSchema).default({}),
});

export type RouterConfig = z.infer<typeof configSchema>;
