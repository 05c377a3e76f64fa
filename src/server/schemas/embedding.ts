/** POST /v1/embeddings. */
import { z } from 'zod';
import { inputs } from './inputs.js';

export const embeddingRequest = z.looseObject({
  model: z.string().max(500).nullish().describe('The embedding model when omitted, else `default`.'),
  input: inputs(2048),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish().describe('Only the number that the model gives.'),
  user: z.string().max(256).nullish(),
});

export type EmbeddingRequestBody = z.infer<typeof embeddingRequest>;

export const embeddingResponse = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(z.object({ object: z.literal('embedding'), index: z.int(), embedding: z.union([z.array(z.number()), z.string()]) })),
  usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

export type EmbeddingResponseBody = z.infer<typeof embeddingResponse>;
