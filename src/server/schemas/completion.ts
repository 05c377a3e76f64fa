/** POST /v1/completions. */
import { z } from 'zod';
import { inputs } from './inputs.js';
import { samplingFields } from './sampling.js';
import { timingsSchema } from './timings.js';
import { usageSchema } from './usage.js';

export const completionRequest = z.looseObject({
  ...samplingFields,
  prompt: inputs(128).describe('Text or token ids, or several of them.'),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.literal(false).nullish().describe('The prompt is not given back.'),
  suffix: z.literal('').nullish().describe('Nothing is written to end in a text.'),
  best_of: z.literal(1).nullish(),
});

export type CompletionRequestBody = z.infer<typeof completionRequest>;

const logprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  top_logprobs: z.array(z.record(z.string(), z.number())),
  text_offset: z.array(z.int()),
});

export const completionResponse = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  system_fingerprint: z.string(),
  choices: z.array(z.object({ index: z.int(), text: z.string(), logprobs: logprobs.nullable(), finish_reason: z.enum(['stop', 'length']) })),
  usage: usageSchema,
  timings: timingsSchema.optional(),
});

export type CompletionResponseBody = z.infer<typeof completionResponse>;
export type CompletionLogprobs = z.infer<typeof logprobs>;
