/** What chat and plain completions share: how tokens are chosen and when an answer ends. Null counts as not given, as OpenAI's clients send it. */
import { z } from 'zod';
import type { GenerateOptions } from '../../engine/index.js';

const number = (low: number, high: number) => z.number().min(low).max(high).nullish();
const whole = (low: number, high: number) => z.int().min(low).max(high).nullish();

/** Beyond it no context reaches. */
const MOST_TOKENS = 1 << 20;

export const samplingFields = {
  model: z.string().max(500).nullish().describe('A name of /v1/models; `default` when omitted.'),
  max_tokens: whole(1, MOST_TOKENS).describe('Until the context is full when omitted.'),
  temperature: number(0, 100).describe('0 = always the most likely token. Default 0.8.'),
  top_p: number(0, 1),
  top_k: whole(0, 1e9).describe('0 = off. Default 40.'),
  min_p: number(0, 1).describe('0 = off. Default 0.05.'),
  typical_p: number(0, 1),
  seed: z.int().min(-1).max(2 ** 32 - 2).nullish().describe('-1 = random.'),
  stop: z.union([z.string().min(1).max(1024), z.array(z.string().min(1).max(1024)).max(64)]).nullish(),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  repeat_penalty: number(0.01, 100),
  repeat_last_n: whole(-1, MOST_TOKENS),
  dry_multiplier: number(0, 100),
  dry_base: number(1, 100),
  dry_allowed_length: whole(1, MOST_TOKENS),
  dry_penalty_last_n: whole(-1, MOST_TOKENS),
  dry_sequence_breakers: z.array(z.string().min(1).max(64)).max(64).nullish(),
  xtc_probability: number(0, 1),
  xtc_threshold: number(0, 1),
  logit_bias: z.union([
    z.record(z.string().regex(/^\d{1,9}$/), z.number().min(-100).max(100)),
    z.array(z.tuple([z.int().min(0).max(2 ** 31 - 1), z.union([z.number().min(-100).max(100), z.literal(false)])])).max(10_000),
  ]).nullish().describe('Bias by token id, -100..100; llama.cpp\'s pairs are taken too, with false for a token that is never to come.'),
  grammar: z.string().min(1).max(1 << 20).nullish().describe('GBNF, as llama.cpp reads it.'),
  json_schema: z.record(z.string(), z.unknown()).nullish().describe('JSON Schema that the answer obeys.'),
  ignore_eos: z.boolean().nullish(),
  cache_prompt: z.boolean().nullish().describe('Take over what an earlier request with the same beginning has computed. Default true.'),
  priority: whole(-10, 10).describe('Higher first. Default 0.'),
  queue_timeout_ms: z.number().min(1).max(86_400_000).nullish().describe('Fail with status 503 when no slot becomes free in this time.'),
  n: z.int().min(1).max(16).nullish().describe('Answers to give.'),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().max(256).nullish(),
} as const;

export type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** The ban that OpenAI's -100 means. */
const BAN = -100;

function biasOf(given: SamplingFields['logit_bias']): Record<number, number> | undefined {
  if (given == null) return undefined;
  const pairs = Array.isArray(given) ? given : Object.entries(given).map(([id, bias]) => [Number(id), bias] as const);
  return Object.fromEntries(pairs.map(([id, bias]) => [id, bias === false || bias === BAN ? Number.NEGATIVE_INFINITY : bias]));
}

/** The engine's options for these fields; those that were not given are left out. */
export function samplingOptions(fields: SamplingFields): GenerateOptions {
  const seed = fields.seed == null || fields.seed < 0 ? undefined : fields.seed;
  const given = {
    maxTokens: fields.max_tokens, temperature: fields.temperature, topP: fields.top_p, topK: fields.top_k, minP: fields.min_p, typicalP: fields.typical_p, seed, stop: fields.stop,
    presencePenalty: fields.presence_penalty, frequencyPenalty: fields.frequency_penalty, repeatPenalty: fields.repeat_penalty, repeatLastN: fields.repeat_last_n,
    dry: fields.dry_multiplier == null ? undefined : {
      multiplier: fields.dry_multiplier, base: fields.dry_base ?? undefined, allowedLength: fields.dry_allowed_length ?? undefined, lastN: fields.dry_penalty_last_n ?? undefined,
      sequenceBreakers: fields.dry_sequence_breakers ?? undefined,
    },
    xtc: fields.xtc_probability == null ? undefined : { probability: fields.xtc_probability, threshold: fields.xtc_threshold ?? 0.1 },
    logitBias: biasOf(fields.logit_bias), grammar: fields.grammar, jsonSchema: fields.json_schema, ignoreEos: fields.ignore_eos, cachePrompt: fields.cache_prompt, priority: fields.priority, queueTimeoutMs: fields.queue_timeout_ms,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value != null));
}
