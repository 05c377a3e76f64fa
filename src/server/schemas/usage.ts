/** What an answer took. */
import { z } from 'zod';
import type { Usage } from '../../engine/index.js';

export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
});

export type UsageBody = z.infer<typeof usageSchema>;

/** Of several answers to one prompt: its tokens count once. */
export function usageBody(all: readonly Usage[], prompts = 1): UsageBody {
  const each = Math.max(1, all.length / prompts);
  const sum = (of: (usage: Usage) => number) => all.reduce((total, usage) => total + of(usage), 0);
  const prompt = Math.round(sum(({ promptTokens }) => promptTokens) / each);
  const completion = sum(({ completionTokens }) => completionTokens);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, prompt_tokens_details: { cached_tokens: Math.round(sum(({ cachedTokens }) => cachedTokens) / each) } };
}
